/*
 * grammar_members - arguments that are not one JSON object, as rules of a grammar.
 *
 * A tool's arguments are members in the order of its schema, each `key_open KEY key_close VALUE
 * value_close`, with `separator` between them: tags around values, the keyword arguments of Python,
 * or braces with bare keys. Required ones always come, the others or not. A value is
 *
 *  - TAGS: a text as it stands where the schema allows one (tool_schema_is_text()), else JSON;
 *    booleans and null also as Python writes them, since templates do
 *  - PYTHON: JSON, but booleans and null as Python writes them
 *  - BRACES: JSON with bare keys, no spaces, and texts between marks
 *  - ELEMENTS: as TAGS, but key_open KEY key_close VALUE value_close KEY key_close, and the members
 *    of objects and the items of lists are written the same way, where the schema lists them
 *
 * The rule may allow less than the schema, never more: members that `properties` does not name
 * never; texts with a pattern hold no '<'. What cannot be held to is E_UNSUPPORTED, by name.
 *
 * Threads: any. Depends on: grammar.h, grammar_schema.h. Used by: token_mask_compile.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "infer/grammar.h"

#include <jansson.h>

enum grammar_members_style {
    GRAMMAR_MEMBERS_TAGS,
    GRAMMAR_MEMBERS_PYTHON,
    GRAMMAR_MEMBERS_BRACES,
    GRAMMAR_MEMBERS_ELEMENTS,
};

/* Adds the rule of a literal text, in which special tokens may be spelled. */
typedef uint32_t(grammar_members_text_fn)(void *context, struct grammar *grammar, struct str text);

struct grammar_members_form {
    enum grammar_members_style style;
    struct str key_open;
    struct str key_close;       /* in front of a text, or of any value */
    struct str key_close_other; /* in front of a value that is no text; empty: the same */
    struct str value_close;
    struct str separator;
    struct str quote; /* BRACES: around a text */
    grammar_members_text_fn *text;
    void *context; /* of `text` */
};

/* Adds the rule for all members and, behind them, the rule `end`. `schema`: of an object; NULL: no
 * members. */
MUST_USE enum status grammar_members_add(struct grammar *grammar, const json_t *schema,
                                         const struct grammar_members_form *form, uint32_t end,
                                         const struct grammar_limits *limits, uint32_t *out_rule,
                                         struct error *err);
