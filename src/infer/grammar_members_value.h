/*
 * grammar_members_value - the values of grammar_members.h.
 *
 * Threads: any. Used by: grammar_members.c.
 */
#pragma once

#include "infer/grammar_members.h"

enum {
    GRAMMAR_MEMBERS_MAX = 127, /* properties of one tool */
    GRAMMAR_MEMBERS_NAME_MAX = 256,
    GRAMMAR_MEMBERS_DEPTH_MAX = 12,    /* BRACES: schemas inside schemas */
    GRAMMAR_MEMBERS_LEAST_MAX = 16,    /* BRACES: minItems */
    GRAMMAR_MEMBERS_VALUES_MAX = 4096, /* BRACES: values of one tool */
};

struct grammar_members_value {
    struct grammar *grammar;
    const json_t *root; /* the document that references start from */
    const struct grammar_members_form *form;
    const struct grammar_limits *limits;
    uint32_t count; /* values so far */
    size_t work;    /* of patterns, see grammar_automaton.h */
};

MUST_USE enum status grammar_members_value_add(struct grammar_members_value *in,
                                               const json_t *schema, uint32_t *out_rule,
                                               struct error *err);
