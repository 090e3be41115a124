/*
 * special_finder - where control and user-defined tokens stand in a text.
 *
 * All tokens are looked for at once with a tree over their bytes. Where hits overlap the longest
 * one counts, of equally long ones the first.
 *
 * Threads: read-only once built. Depends on: base/. Used by: tokenizer/tokenizer.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "tokenizer/byte_tree.h"
#include "tokenizer/vocab.h"

/* Zeroed finds nothing. */
struct special_finder {
    struct byte_tree tree;
};

struct special_finder_hit {
    uint32_t start;
    uint32_t len;
    int32_t id;
};

/* Zeroed is empty. */
struct special_finder_hits {
    struct special_finder_hit *hits; /* ascending, without overlap */
    size_t count;
    size_t capacity;
};

/* Borrows nothing: the tree holds its own copy of the texts. */
MUST_USE enum status special_finder_init(struct special_finder *finder, const struct vocab *vocab,
                                         struct error *err);
void special_finder_done(struct special_finder *finder);

/* Finds the tokens in `text`. With `only_visible`, control and unknown tokens are left out.
 * `allowed` is NULL or one byte per byte of text: a hit must lie where all of them are 1. E_LIMIT
 * when there are too many. */
MUST_USE enum status special_finder_find(const struct special_finder *finder,
                                         const struct vocab *vocab, struct str text,
                                         bool only_visible, const uint8_t *allowed,
                                         struct special_finder_hits *out, struct error *err);
void special_finder_hits_done(struct special_finder_hits *hits);
