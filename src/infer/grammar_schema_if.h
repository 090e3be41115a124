/*
 * grammar_schema_if - "if", "then" and "else" as alternatives.
 *
 * Enforced is an "if" that asks for the value of one member:
 *
 *   {"properties": {NAME: {"const": V}}, "required": [NAME]}      also "enum"; "required" and
 *                                                                 "type": "object" or not
 *
 * It becomes anyOf of two schemas: the "if" with the "then", and what the "if" does not allow with
 * the "else". Exactly one of them applies to a value. Every other "if" cannot be enforced.
 *
 * Threads: any; pure functions. Used by: grammar_schema*.c.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* `schema`: what stands under "if". */
bool grammar_schema_if_is_simple(const json_t *schema);

/* The list of both for a schema whose "if" is simple; new reference, which refers to parts of
 * `schema`. */
json_t *grammar_schema_if_branches(const json_t *schema);
