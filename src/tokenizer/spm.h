/*
 * spm - SentencePiece BPE: characters joined by token scores, bytes where no token fits.
 *
 * Text is normalized only so far that U+2581 counts as a space, as in the file's tokens. Two
 * neighbours join if their text is a token; of all such pairs the one with the highest score first.
 * What is left and no token becomes byte tokens.
 *
 * Threads: read-only once loaded. Depends on: base/, text/, gguf/. Used by: tokenizer/tokenizer.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/merger.h"
#include "tokenizer/vocab.h"
#include "tokenizer/word_sink.h"

struct gguf;

/* Zeroed is empty. */
struct spm {
    const struct vocab *vocab;
    struct merge_table merges;   /* every way to make a token of two texts */
    struct hash_map characters;  /* character of a token -> its symbol */
    uint32_t ascii_symbols[128]; /* the same for ASCII; MERGE_TABLE_NONE: in no token */
    bool words_begin_at_space;   /* no token has a space behind another character: words are
                                  independent of each other */
};

/* `vocab` is loaded and outlives *spm. On failure *spm holds what spm_done() must release. */
MUST_USE enum status spm_load(const struct gguf *file, const struct vocab *vocab, struct spm *spm,
                              struct error *err);
void spm_done(struct spm *spm);

/* Working memory of one call after another. Zeroed is empty. */
struct spm_scratch {
    struct strbuf text; /* normalized */
    struct merger merger;
};

void spm_scratch_done(struct spm_scratch *scratch);

/* Adds the tokens of `text`, which begins at `offset` of the whole text; `with_space` puts a space
 * in front. */
MUST_USE enum status spm_encode(const struct spm *spm, struct str text, size_t offset,
                                bool with_space, struct spm_scratch *scratch,
                                struct word_sink *sink, struct error *err);
