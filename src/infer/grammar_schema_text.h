/*
 * grammar_schema_text - strings with patterns and formats, as rules.
 *
 * Every pattern becomes an automaton once per schema; several patterns and bounds on the length are
 * put together as products, and each combination becomes one network however often it occurs.
 *
 * Threads: one at a time. Used by: grammar_schema.c.
 */
#pragma once

#include "infer/grammar_automaton.h"
#include "infer/grammar_schema_part.h"

#include "base/arena.h"
#include "base/hash_map.h"

/* What is known already; zeroed is valid and empty. */
struct grammar_schema_text {
    struct hash_map patterns; /* pattern -> index in `automatons` + 1; 0: to be ignored */
    struct grammar_automaton *automatons; /* owned */
    uint32_t count;
    uint32_t capacity;
    struct hash_map networks; /* patterns and bounds -> network + 1; 0: none */
    size_t work;              /* of all automatons */
    struct arena arena;       /* keys, expressions */
};

void grammar_schema_text_done(struct grammar_schema_text *known);

/* The automaton of a pattern: what stands between a string's quotes. */
MUST_USE enum status grammar_schema_text_automaton(struct grammar_schema_text *known,
                                                   const struct grammar_schema_pattern *pattern,
                                                   const struct grammar_automaton **out,
                                                   struct error *err);

/* Ignores the pattern from now on: what a lenient caller does about one that is not understood. */
void grammar_schema_text_ignore(struct grammar_schema_text *known,
                                const struct grammar_schema_pattern *pattern);

/* The rule of a string with `part`'s patterns (those not ignored: at least one) and bounds.
 * GRAMMAR_NONE: the whole is ignored. */
MUST_USE enum status grammar_schema_text_rule(struct grammar_schema_text *known,
                                              struct grammar *grammar,
                                              const struct grammar_schema_part *part, uint32_t *out,
                                              struct error *err);

/* Does the text obey all patterns of the part? */
MUST_USE enum status grammar_schema_text_allows(struct grammar_schema_text *known,
                                                const struct grammar_schema_part *part,
                                                struct str text, bool *out, struct error *err);
