/*
 * token_mask_walk - all tokens of a vocabulary that a grammar accepts from a place on.
 *
 * In general a walk over the vocabulary's trie: a byte that the grammar refuses cuts off all tokens
 * that begin so. While the only reading stands in a network and a byte has a way of its own there,
 * that is one look into a table; what leads out of the network, or into a rule it calls, is
 * followed aside. The tokens that never leave a network are the same wherever it stands: their sets
 * are kept (token_mask_sets.h), and made (the only allocation here) when a state is met first.
 *
 * Threads: those of the mask. Used by: token_mask_allowed.c, token_mask.c.
 */
#pragma once

#include "infer/token_mask_internal.h"

/* One request; allowed tokens are put into mask->allowed. */
struct token_mask_walk {
    struct token_mask *mask;
    const struct token_mask_vocab_trie *trie;
    uint32_t left; /* tokens that may follow the next one */
};

/* Adds every token of the trie that is accepted from `start` on and leaves the end within reach. */
void token_mask_walk_all(const struct token_mask_walk *walk, const struct grammar_layer *start);

/* Is the configuration in a network? */
bool token_mask_walk_is_in_network(const struct grammar_state *state,
                                   const struct grammar_node *node);

/* Adds the tokens that end at a trie node, if they do. */
void token_mask_walk_allow(const struct token_mask_walk *walk, uint32_t node,
                           const struct grammar_layer *layer);
