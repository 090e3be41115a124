/*
 * merger - joins neighbouring symbols of a word, best pair first, until no pair joins.
 *
 * The one loop behind BPE (best = lowest merge rank) and SPM (best = highest score): of all
 * neighbours the pair with the smallest priority is joined, the leftmost of equals first. Short
 * words are scanned; long ones use a heap, so that a word of n symbols costs O(n log n) whatever
 * it holds.
 *
 * Threads: one at a time. Depends on: base/, merge_table.h. Used by: bpe.c and spm.c.
 */
#pragma once

#include "base/attr.h"
#include "tokenizer/merge_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer words are cut by their owner: this bounds the memory of one. */
enum { MERGER_SYMBOLS_MAX = 256 * 1024 };

/* A piece of the word: bytes [start, start + len) of its text. */
struct merger_symbol {
    uint32_t start;
    uint32_t len;
    uint32_t id; /* number of the symbol in the table */
};

/* Working memory, grown as needed and reused from word to word. Zeroed is empty. */
struct merger {
    struct merger_symbol *symbols; /* the word: filled by the owner, joined in place */
    size_t symbol_count;
    size_t symbol_capacity;
    void *heap; /* see merger.c */
    size_t heap_bytes;
};

/* Makes room for `count` (<= MERGER_SYMBOLS_MAX) symbols and empties the word. False: no memory. */
MUST_USE bool merger_begin(struct merger *merger, size_t count);

/* Joins what joins. symbols[0 .. symbol_count) are what is left, in order. False: no memory. */
MUST_USE bool merger_run(struct merger *merger, const struct merge_table *table);

void merger_done(struct merger *merger);
