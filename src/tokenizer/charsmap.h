/*
 * charsmap - the normalization of SentencePiece, as files carry it: which texts become which.
 *
 * The file's bytes (`tokenizer.ggml.precompiled_charsmap`) are the size of a double array in bytes,
 * the array, and texts that end with a zero byte. The array is a tree of the texts to replace, an
 * entry in 32 bits: bits 0-7 the byte that leads to it, bit 8 "a text ends here", bit 9 "the offset
 * counts 256", bits 10-30 the offset to its children, by exclusive or; an entry with bit 31 holds
 * the place of the new text instead (Kanda et al. 2018; Darts-clone). Nothing of it is trusted.
 *
 * Threads: read-only once loaded. Depends on: base/, gguf/. Used by: tokenizer/unigram.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct gguf;

enum {
    CHARSMAP_BYTES_MAX = 16 * 1024 * 1024,
    CHARSMAP_TEXT_LEN_MAX = 256, /* a longer new text counts as none */
};

/* Zeroed replaces nothing. */
struct charsmap {
    uint32_t *nodes; /* [node_count] */
    size_t node_count;
    char *texts; /* [texts_len] */
    size_t texts_len;
};

/* A file without one replaces nothing. On failure *map holds what charsmap_done() must release. */
MUST_USE enum status charsmap_load(const struct gguf *file, struct charsmap *map,
                                   struct error *err);
void charsmap_done(struct charsmap *map);

/* Length of the longest beginning of `text` that is replaced, and in *out_new by what; 0: none. */
size_t charsmap_match(const struct charsmap *map, struct str text, struct str *out_new);
