/*
 * grammar_members_elements - values between tags of their own names: the ELEMENTS of
 * grammar_members.h.
 *
 * Threads: any. Used by: grammar_members.c.
 */
#pragma once

#include "infer/grammar_members_value.h"

/* A value and the closing tag of `name` behind it, `depth` schemas inside the arguments. */
MUST_USE enum status grammar_members_elements_add(struct grammar_members_value *in,
                                                  const json_t *schema, struct str name, int depth,
                                                  uint32_t *out_rule, struct error *err);
