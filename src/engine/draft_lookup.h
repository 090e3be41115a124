/*
 * draft_lookup - finds where the newest tokens of a log stood before, and what followed there.
 *
 * Agents copy all the time: names and lines of files go from a listing into a call and into an
 * answer. The log is indexed by the hashes of its last few tokens, two lengths of them; each hash
 * leads to the positions behind which it occurred, newest first. A match is found through the
 * longer ones, extended backwards to its full length, and then followed token by token for as long
 * as the log goes on as it did there. The memory is sized once by the capacity of the log, 16 bytes
 * a token; adding and cutting back by a token takes constant time.
 *
 * What a match of some length is worth is learnt from all tokens that are made, drafted or not.
 *
 * Threads: those of its session. Depends on: base/. Used by: speculation.c.
 */
#pragma once

#include <stdint.h>

struct draft_lookup; /* opaque */

enum {
    DRAFT_LOOKUP_SHORT = 2, /* tokens of the shorter hash: the least a match has */
    DRAFT_LOOKUP_LONG = 6,
    DRAFT_LOOKUP_MATCH_MAX = 32, /* longer matches count as this long */
};

/* For a log of up to `capacity` tokens. NULL: no memory. */
struct draft_lookup *draft_lookup_new(uint32_t capacity);
void draft_lookup_free(struct draft_lookup *lookup); /* NULL is allowed */

/* Makes the index stand for log [count]: what it has beyond their common beginning is taken back,
 * the rest is added. */
void draft_lookup_follow(struct draft_lookup *lookup, const int32_t *log, uint32_t count);

/* One more token, that a model chose: it says something about what matches are worth. There must be
 * room. */
void draft_lookup_add(struct draft_lookup *lookup, int32_t token);

/* What followed where the log's end stood before: up to `max` tokens; out_chance [max]: how likely
 * all up to each are right. 0: nothing like it. */
uint32_t draft_lookup_propose(const struct draft_lookup *lookup, uint32_t max, int32_t *out_tokens,
                              double *out_chance);
