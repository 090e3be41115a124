/*
 * mask_support - what the tests of grammars and token masks share: compiling, running a text
 * through an automaton, a plain validator that knows nothing of automatons, and random schemas with
 * values that fit them or nearly do.
 *
 * The validator follows the standard, with two differences: an integer has no point, and members
 * stand in the order of the schema, those it does not name last. The random schemas write
 * additionalProperties everywhere: without it the automaton allows less than the standard.
 */
#pragma once

#include "infer/grammar.h"
#include "infer/grammar_state.h"

#include <jansson.h>

struct strbuf;

/* Parses JSON or fails the test; new reference. */
json_t *mask_support_json(const char *text);

/* Compiles and finishes; fails the test unless that works. */
struct grammar *mask_support_grammar(const json_t *schema, uint32_t *out_rule);

/* Does the automaton accept the whole text? */
bool mask_support_accepts(const struct grammar *grammar, uint32_t rule, struct str text);

/* From the state on: writes the shortest rest, follows it byte by byte and fails the test unless
 * the distance to the end shrinks by one each time and the end is reached. */
void mask_support_follow_rest(struct grammar_state *state);

/* Is the value valid? `root` is what references start from. */
bool mask_support_is_valid(const json_t *root, const json_t *schema, const json_t *value);

/* A small generator of its own, so that runs repeat. */
struct mask_support_random {
    uint64_t state;
};
uint32_t mask_support_below(struct mask_support_random *random, uint32_t limit);

/* New references. The first schema is a whole document with $defs. */
json_t *mask_support_schema(struct mask_support_random *random);
/* A oneOf of two or three schemas, some of which exclude each other. */
json_t *mask_support_oneof(struct mask_support_random *random);
json_t *mask_support_value(struct mask_support_random *random, const json_t *root,
                           const json_t *schema, int depth);
/* Changes one thing somewhere inside. */
json_t *mask_support_spoiled(struct mask_support_random *random, const json_t *value, int depth);
