/*
 * token_mask_text - the tokens allowed inside texts, between quotes or between tags.
 *
 * Between two characters nearly every token is allowed, and a walk over all of them would take tens
 * of milliseconds. They are taken as sets instead (token_mask_vocab.h): what a token without a
 * quote (or without a '<', which every tag begins with) does to the text is told by where in a
 * character it ends and how many it begins. Only the other tokens are walked, and those looked at
 * one by one that another reading accepts, too.
 *
 * Threads: those of the mask. Used by: token_mask_allowed.c.
 */
#pragma once

#include "infer/token_mask_walk.h"

/* Adds the tokens of a set to another that begin at most `room` characters. */
void token_mask_text_add_plain(const struct token_mask_vocab *vocab, uint64_t *to,
                               const uint64_t *set, uint32_t room);

/* Does this configuration stand between two characters of a STRING or TEXT that may get more? */
bool token_mask_text_is_inside(const struct token_mask *mask, const struct grammar_node *node);

/* Adds the tokens without '<' that one of the layer's configurations, inside a TEXT, allows, where
 * the end is within reach behind each. False, and nothing added: this is no case for sets. */
bool token_mask_text_add_all(const struct token_mask_walk *walk, const struct grammar_layer *layer,
                             uint32_t index);

/* All tokens behind a layer of which configuration `index` is inside a text and no other is in a
 * network, with the end hardly within reach (`walk` is over all tokens). False, and nothing added:
 * this is no case for sets. */
bool token_mask_text_add_near_end(const struct token_mask_walk *walk,
                                  const struct grammar_layer *layer, uint32_t index);
