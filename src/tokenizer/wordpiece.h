/*
 * wordpiece - the tokenizer of BERT encoders: words cut greedily into the longest known pieces.
 *
 * Text is normalized first, as in BERT: control characters go, accents are stripped (canonical
 * decomposition, then nonspacing marks go) and letters become small, unless the file says
 * otherwise (`tokenizer.ggml.normalizer.lowercase`, `.strip_accents`). Words end at white space;
 * punctuation and Han characters are words of their own. A word whose pieces are not all known is
 * one unknown token. So decoding does not give the text back.
 *
 * Threads: read-only once loaded. Depends on: base/, text/, gguf/. Used by: tokenizer/tokenizer.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "tokenizer/byte_tree.h"
#include "tokenizer/vocab.h"
#include "tokenizer/word_sink.h"

struct gguf;

/* Zeroed is empty. */
struct wordpiece {
    struct byte_tree pieces; /* a space leads those that begin a word */
    bool lowercases;
    bool strips_accents;
    uint8_t ascii_classes[128]; /* enum unicode_class */
};

/* `vocab` is loaded. E_FORMAT if it has no unknown token. On failure *wordpiece holds what
 * wordpiece_done() must release. */
MUST_USE enum status wordpiece_load(const struct gguf *file, const struct vocab *vocab,
                                    struct wordpiece *wordpiece, struct error *err);
void wordpiece_done(struct wordpiece *wordpiece);

/* Adds the tokens of `text`, which begins at `offset` of the whole text; every token of a word
 * counts as beginning where the word does. `word` is working memory. */
void wordpiece_encode(const struct wordpiece *wordpiece, struct str text, size_t offset,
                      struct strbuf *word, struct word_sink *sink);
