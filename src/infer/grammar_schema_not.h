/*
 * grammar_schema_not - which forms of "not" can be enforced.
 *
 * A schema under "not" is one of four, perhaps with the type it speaks of:
 *
 *   {"type": T}                      T without "integer" alone (1.0 is one, too)
 *   {"const": V} {"enum": [V, ...]}
 *   {"pattern": P}                   alone it is true for all that is no string
 *   {"required": [NAME]}             alone it is true for all that is no object
 *
 * Everything else cannot be enforced. Annotations beside do not count.
 *
 * Threads: any; pure functions. Used by: grammar_schema*.c.
 */
#pragma once

#include <jansson.h>

enum grammar_schema_not {
    GRAMMAR_SCHEMA_NOT_OTHER, /* cannot be enforced */
    GRAMMAR_SCHEMA_NOT_TYPE,
    GRAMMAR_SCHEMA_NOT_VALUES,
    GRAMMAR_SCHEMA_NOT_PATTERN,
    GRAMMAR_SCHEMA_NOT_REQUIRED,
};

/* `schema`: what stands under "not". */
enum grammar_schema_not grammar_schema_not_kind(const json_t *schema);

/* The name that objects of a schema with this "not" (may be NULL) must not have, or NULL. */
const char *grammar_schema_not_name(const json_t *schema);
