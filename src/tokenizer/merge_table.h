/*
 * merge_table - which two neighbouring symbols join, how urgently, and to what.
 *
 * A symbol is a number: a token id, or one beyond the vocabulary for a text that is no token. The
 * hash is keyed anew in every process, so that a hostile file cannot make it slow.
 *
 * Threads: read-only once filled. Depends on: base/. Used by: merger.c, bpe.c, spm.c.
 */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No symbol has this number, no pair this priority. */
#define MERGE_TABLE_NONE UINT32_MAX

struct merge_table_entry {
    uint32_t left; /* MERGE_TABLE_NONE: a free place */
    uint32_t right;
    uint32_t priority; /* smaller joins first */
    uint32_t joined;
};

/* Zeroed is empty, but may not be searched: reserve first. */
struct merge_table {
    struct merge_table_entry *entries;
    size_t capacity; /* a power of two */
    size_t count;
    uint64_t seed;
};

/* Makes room for `count` pairs. False: no memory. */
MUST_USE bool merge_table_reserve(struct merge_table *table, size_t count);

/* Of two entries with the same pair the earlier one stays. False: no memory. */
MUST_USE bool merge_table_add(struct merge_table *table, struct merge_table_entry entry);

void merge_table_done(struct merge_table *table);

static inline size_t merge_table_slot(const struct merge_table *table, uint32_t left,
                                      uint32_t right)
{
    const uint64_t key = ((uint64_t)left << 32 | right) ^ table->seed;
    const __uint128_t product = (__uint128_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (table->capacity - 1);
}

/* The entry of a pair; its priority is MERGE_TABLE_NONE if the two do not join. */
static inline struct merge_table_entry merge_table_find(const struct merge_table *table,
                                                        uint32_t left, uint32_t right)
{
    size_t slot = merge_table_slot(table, left, right);
    for (;;) {
        const struct merge_table_entry *entry = &table->entries[slot];
        if (entry->left == MERGE_TABLE_NONE) /* first: the pair may hold MERGE_TABLE_NONE too */
            return (struct merge_table_entry){left, right, MERGE_TABLE_NONE, MERGE_TABLE_NONE};
        if (entry->left == left && entry->right == right)
            return *entry;
        slot = (slot + 1) & (table->capacity - 1);
    }
}
