/*
 * grammar_members_plain - one schema of a tool's argument without $ref and allOf.
 *
 * What a reference leads to and what the schemas of allOf say is put together with what stands
 * beside them: types and lists of values are cut, bounds are the tighter ones, members are joined
 * (one of two schemas for the same member becomes an allOf of both, to be put together in turn).
 * Keywords that cannot be put together stay in an "allOf" of the result.
 *
 * Threads: any. Used by: grammar_members.c, grammar_members_value.c.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

enum { GRAMMAR_MEMBERS_PLAIN_STEPS_MAX = 4096 }; /* schemas put together for one tool */

/* *out is a new object; references start from `root`, *steps counts. E_LIMIT; E_UNSUPPORTED for
 * false, which allows nothing; E_INVALID. */
MUST_USE enum status grammar_members_plain(const json_t *root, const json_t *schema,
                                           uint32_t *steps, json_t **out, struct error *err);

/* {"allOf": [a, b]}, a new reference. */
json_t *grammar_members_plain_both(const json_t *a, const json_t *b);
