/*
 * bpe - byte pair encoding: words of bytes, or of characters, joined by ranked merges.
 *
 * Byte-level vocabularies begin with single bytes. Those with raw text (PRETOKENIZER_RAW_TEXT)
 * begin with characters, where U+2581 counts as a space; what is no token at the end becomes byte
 * tokens. The merges of the file become one table from a pair of symbols to its rank and result. A
 * symbol is a token, or a text that occurs only inside merges. Merges that would spell a control or
 * user-defined token are left out.
 *
 * Threads: read-only once loaded. Depends on: base/, gguf/. Used by: tokenizer/tokenizer.c.
 */
#pragma once

#include "base/error.h"
#include "tokenizer/code_point_map.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/merger.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/vocab.h"
#include "tokenizer/word_sink.h"

struct gguf;

/* Zeroed is empty. */
struct bpe {
    struct pretokenizer pretokenizer;
    unsigned flags; /* enum pretokenizer_flags */
    struct merge_table merges;
    uint32_t byte_symbols[256];       /* byte-level */
    struct code_point_map characters; /* raw text: character -> its symbol */
    bool words_begin_at_space;        /* raw text: no merge has a space behind another character */
};

/* `vocab` is loaded. On failure *bpe holds what bpe_done() must release. */
MUST_USE enum status bpe_load(const struct gguf *file, const struct vocab *vocab,
                              const struct pretokenizer_row *row, struct bpe *bpe,
                              struct error *err);
void bpe_done(struct bpe *bpe);

/* Adds the tokens of `text`, which begins at `offset` of the whole text. Working memory is
 * `merger`'s. */
MUST_USE enum status bpe_encode(const struct bpe *bpe, struct str text, size_t offset,
                                struct merger *merger, struct word_sink *sink, struct error *err);
