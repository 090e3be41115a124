/*
 * token_mask_sets - what the whole vocabulary makes of a state of a network, kept.
 *
 * The tokens that never leave a network are the same wherever it stands. Where a byte may lead out
 * of it, or into a rule that it calls, that is noted as an exit: only these have to be followed
 * each time. A set is made when its state is met first, one pass over the vocabulary by table; the
 * TOKEN_MASK_INTERNAL_SETS used last are kept with the program, for a mask and all its forks.
 *
 * Threads: any; a lock is held while a set is looked up, made or copied.
 * Used by: token_mask_walk.c.
 */
#pragma once

#include "infer/token_mask_internal.h"

struct token_mask_sets;

/* A node of the trie of all tokens whose byte may lead out of the network. */
struct token_mask_sets_exit {
    uint32_t node;
    uint16_t state; /* before that byte */
    bool is_end;    /* by the state's own way, which ends the network; otherwise aside */
};

struct token_mask_sets_key {
    uint32_t network;
    uint32_t state;
    /* Bytes that may follow where the network can be left: other places are no exits. */
    struct token_mask_internal_bytes behind;
};

struct token_mask_sets *token_mask_sets_new(void);
void token_mask_sets_free(struct token_mask_sets *sets); /* NULL is allowed */

/* How many sets were made so far. */
uint64_t token_mask_sets_made(struct token_mask_sets *sets);

/* Adds the tokens that stay in the network to mask->allowed, and puts the exits into mask->exits,
 * up to *out_count. False: there are more than TOKEN_MASK_INTERNAL_EXITS, nothing was added. */
bool token_mask_sets_add(struct token_mask *mask, const struct token_mask_sets_key *key,
                         uint32_t *out_count);

static inline bool token_mask_sets_has(const struct token_mask_internal_bytes *bytes,
                                       unsigned char byte)
{
    return bytes->bits[byte / 64] >> (byte % 64) & 1;
}

static inline void token_mask_sets_put(struct token_mask_internal_bytes *bytes, unsigned char byte)
{
    bytes->bits[byte / 64] |= (uint64_t)1 << (byte % 64);
}
