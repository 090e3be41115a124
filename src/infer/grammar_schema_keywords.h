/*
 * grammar_schema_keywords - what every keyword of JSON Schema means for a grammar: one row each.
 *
 * Threads: constant data. Used by: grammar_schema.c.
 */
#pragma once

#include "base/str.h"

#include <jansson.h>

enum grammar_schema_keyword {
    GRAMMAR_SCHEMA_USED,       /* read by grammar_schema*.c */
    GRAMMAR_SCHEMA_ANNOTATION, /* says nothing about which values are valid */
    GRAMMAR_SCHEMA_ROOT_ONLY,  /* an annotation at the top; elsewhere it would move references */
    GRAMMAR_SCHEMA_UNSUPPORTED /* constrains, or is not known */
};

/* `value`: some constraining keywords say nothing with one value (uniqueItems: false). */
enum grammar_schema_keyword grammar_schema_keywords_find(struct str keyword, const json_t *value);
