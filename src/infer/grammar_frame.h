/*
 * grammar_frame - questions about one node of a running grammar that both stepping
 * (grammar_state.c) and measuring (grammar_rest.c) ask.
 *
 * Threads: any; pure functions.
 */
#pragma once

#include "infer/grammar_state.h"

enum grammar_frame_move {
    GRAMMAR_FRAME_NO,     /* the byte does not fit */
    GRAMMAR_FRAME_STAYS,  /* the string goes on */
    GRAMMAR_FRAME_CLOSES, /* the byte was the closing quote */
};

/* Moves a STRING or KEY node on; the node changes only if the byte fits. */
enum grammar_frame_move grammar_frame_string(const struct grammar_rule *rule,
                                             struct grammar_node *node, unsigned char byte);

/* The same for a TEXT node, which nothing closes: false when the byte does not fit. */
bool grammar_frame_text(const struct grammar *grammar, const struct grammar_rule *rule,
                        struct grammar_node *node, unsigned char byte);

/* May the text of a TEXT node end here? */
bool grammar_frame_text_may_end(const struct grammar_rule *rule, const struct grammar_node *node);

/* The smallest byte that goes on inside a character or escape (phases behind IN_STRING). */
unsigned char grammar_frame_string_next(unsigned phase);

/* May a child with this rule be put on top of `node`? */
bool grammar_frame_fits(const struct grammar *grammar, const struct grammar_node *node,
                        uint32_t rule);

/* May property `index` of the object come next? */
bool grammar_frame_may_name(const struct grammar *grammar, const struct grammar_node *object,
                            uint32_t index);

/* May some property come next? */
bool grammar_frame_may_name_any(const struct grammar *grammar, const struct grammar_node *object);

/* May a key come next that is not named? */
bool grammar_frame_may_extra(const struct grammar *grammar, const struct grammar_node *object);

/* Must a property still come? */
bool grammar_frame_must_name(const struct grammar *grammar, const struct grammar_node *object);

/* The rule of the next item of an array, GRAMMAR_NONE if there can be none. */
uint32_t grammar_frame_item(const struct grammar *grammar, const struct grammar_node *array);

/* Does the object have or name a key with this hash already? */
bool grammar_frame_key_is_used(const struct grammar_state *state, const struct grammar_node *object,
                               uint64_t hash);

/* Symbols of the shortest text of `node` behind its child (its own end included). */
uint32_t grammar_frame_behind(const struct grammar *grammar, const struct grammar_node *node);
