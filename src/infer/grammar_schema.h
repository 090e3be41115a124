/*
 * grammar_schema - a JSON Schema as a rule of a grammar: the values it allows, as text.
 *
 * The text is what Python's json.dumps(value, ensure_ascii=False) writes: ", " and ": ", members in
 * the order of `properties`, required ones always, optional ones or not, further keys behind them.
 * Strings hold any UTF-8 but U+0000, escaped only where JSON needs it.
 *
 * Supported: type (one or several), nullable, enum, const, properties, required,
 * additionalProperties, items, prefixItems, additionalItems, minItems, maxItems, minLength,
 * maxLength, pattern (grammar_regex.h), format (grammar_schema_formats.h), minimum, maximum,
 * exclusiveMinimum, exclusiveMaximum (exact), multipleOf (integers and short binary fractions),
 * anyOf, oneOf, allOf, not (the forms of grammar_schema_not.h), if, then, else (where the "if" asks
 * for the value of one member, grammar_schema_if.h), $ref into the same document
 * (recursive ones too), true and false. What is said in several places at once (allOf, $ref or
 * anyOf with siblings) is put together. Annotations
 * (title, description, default, x-..., see the table in grammar_schema_keywords.c) are ignored.
 * Every other keyword is E_UNSUPPORTED, by name, or, where limits->warnings is set, a line there:
 * nothing is silently left open.
 *
 * The rule may allow less than the schema, never more:
 *  - keys that `properties` does not name only where additionalProperties is written, or where
 *    nothing says what properties there are; with more than GRAMMAR_OPEN_PROPERTIES_MAX named ones
 *    no others at all
 *  - without `type`, only the types that the other keywords speak of
 *  - strings, arrays, further keys and depth are bounded by `limits`; numbers by
 *    grammar_number.h; an integer is written without a point
 *  - oneOf only where the branches exclude each other in a way that can be seen (types, a required
 *    member with different values, ranges); otherwise E_UNSUPPORTED
 *
 * Threads: any. Depends on: grammar.h, jansson. Used by: token_mask*.c.
 */
#pragma once

#include "infer/grammar.h"

#include <jansson.h>

enum {
    GRAMMAR_SCHEMA_ATOMS_MAX = 64,    /* schemas that apply to one value at once */
    GRAMMAR_SCHEMA_REF_LEN_MAX = 512, /* bytes of a $ref */
};

/* Adds the rule for a value; it is complete once the grammar is finished, and then GRAMMAR_ENDLESS
 * when the schema allows no value. `limits` may be NULL. The schema is not kept. */
MUST_USE enum status grammar_schema_add(struct grammar *grammar, const json_t *schema,
                                        const struct grammar_limits *limits, uint32_t *out_rule,
                                        struct error *err);

/* The same for a part of the document `root`, which its references start from. */
MUST_USE enum status grammar_schema_add_part(struct grammar *grammar, const json_t *root,
                                             const json_t *schema,
                                             const struct grammar_limits *limits,
                                             uint32_t *out_rule, struct error *err);

/* The same for a value that must be an object, whether the schema says so or not. */
MUST_USE enum status grammar_schema_add_object(struct grammar *grammar, const json_t *schema,
                                               const struct grammar_limits *limits,
                                               uint32_t *out_rule, struct error *err);
