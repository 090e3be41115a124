/*
 * unigram - the tokenizer of XLM-RoBERTa and T5: of all ways to cut a text into known pieces, the
 * one with the largest sum of scores (Viterbi; Kudo 2018).
 *
 * Text is normalized first by the file's charsmap; runs of spaces may become one, and one may be
 * put in front. A character in no piece is the unknown token, and so is a run of them. So decoding
 * does not give every text back.
 *
 * Threads: read-only once loaded. Depends on: base/, text/, gguf/. Used by: tokenizer/tokenizer.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "tokenizer/byte_tree.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/vocab.h"
#include "tokenizer/word_sink.h"

struct gguf;

enum { UNIGRAM_PIECE_LEN_MAX = 512 }; /* longer pieces are never found: bounds the time of a text */

/* Zeroed is empty. */
struct unigram {
    const struct vocab *vocab;
    struct byte_tree pieces;
    struct charsmap charsmap;
    float *scores; /* [vocab size] */
    double unknown_score;
    bool merges_spaces;
};

/* `vocab` is loaded and outlives *unigram. E_FORMAT if it has no unknown token. On failure *unigram
 * holds what unigram_done() must release. */
MUST_USE enum status unigram_load(const struct gguf *file, const struct vocab *vocab,
                                  struct unigram *unigram, struct error *err);
void unigram_done(struct unigram *unigram);

/* Working memory of one call after another. Zeroed is empty. */
struct unigram_scratch {
    struct strbuf text;    /* normalized */
    struct strbuf origins; /* uint32_t [text.len]: where in the source each byte comes from */
    void *best;            /* see unigram.c */
    size_t best_bytes;
};

void unigram_scratch_done(struct unigram_scratch *scratch);

/* Adds the tokens of `text`, which begins at `offset` of the whole text. E_NO_MEMORY. */
MUST_USE enum status unigram_encode(const struct unigram *unigram, struct str text, size_t offset,
                                    struct unigram_scratch *scratch, struct word_sink *sink,
                                    struct error *err);
