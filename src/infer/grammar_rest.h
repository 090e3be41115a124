/*
 * grammar_rest - the shortest way to a complete text.
 *
 * "Shortest" is in symbols (bytes, and special tokens as one each). Of several shortest texts one
 * is picked by fixed orders (readings, alternatives, words by bytes, the smallest bytes), such that
 * behind any beginning of the picked text the picked rest is the rest of it: whoever follows it
 * always sees the end come nearer.
 *
 * Threads: those of the state. Depends on: grammar_state.h. Used by: grammar_state.c,
 * token_mask*.c.
 */
#pragma once

#include "infer/grammar_state.h"

enum { GRAMMAR_REST_SPECIAL = GRAMMAR_SYMBOL_SPECIAL };

/* Symbols; zeroed is a valid empty list. */
struct grammar_rest_text {
    uint32_t *symbols;
    uint32_t count;
    uint32_t capacity;
};

void grammar_rest_text_done(struct grammar_rest_text *text);

/* Symbols to the end of the node's own rule (of an object, for a node in one of its keys);
 * GRAMMAR_ENDLESS when what it stands before is closed. */
uint32_t grammar_rest_node(const struct grammar_state *state, const struct grammar_node *node);

/* Symbols to the very end; excluded texts are not looked at. */
uint32_t grammar_rest_config(const struct grammar_state *state, const struct grammar_node *config);

/* Puts the shortest text of a configuration (rest_config() symbols, not ENDLESS) into *out. */
void grammar_rest_write_config(const struct grammar_state *state, const struct grammar_node *config,
                               struct grammar_rest_text *out);

/* Symbols to the end of the shortest text that is not excluded; GRAMMAR_ENDLESS: there is none, and
 * the layer must not be entered. Exact. Cheap unless an exclusion still matches; then `scratch` is
 * overwritten. */
uint32_t grammar_rest_layer(struct grammar_state *state, const struct grammar_layer *layer,
                            struct grammar_rest_text *scratch);

/* Puts that text into *out (its memory is kept between calls); false when there is none. */
bool grammar_rest_write(struct grammar_state *state, const struct grammar_layer *layer,
                        struct grammar_rest_text *scratch, struct grammar_rest_text *out);
