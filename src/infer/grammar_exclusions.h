/*
 * grammar_exclusions - texts that a marked part of a grammar may not be.
 *
 * A GRAMMAR_MARK rule has a tag; its text may be anything its rule allows except the excluded texts
 * of that tag. Whoever excludes a text also tells the grammar the shortest one that is left
 * (grammar_set_mark_rule()), or takes the words that lead to the mark away. The part under a mark
 * ends itself (a JSON object does), so that no excluded text is the beginning of another allowed
 * one.
 *
 * Threads: belongs to one mask. Used by: grammar_state.c, grammar_rest.c, token_mask*.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { GRAMMAR_EXCLUSIONS_MAX = 64 };

/* A symbol of a text is a byte, or from here on a special token: s - GRAMMAR_SYMBOL_SPECIAL. */
enum { GRAMMAR_SYMBOL_SPECIAL = 256 };

struct grammar_exclusion {
    uint32_t *symbols; /* owned */
    uint32_t len;
    uint32_t tag;
};

/* Zeroed is a valid empty set. */
struct grammar_exclusions {
    struct grammar_exclusion items[GRAMMAR_EXCLUSIONS_MAX];
    uint32_t count;
};
