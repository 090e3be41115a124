/*
 * grammar_members_value - the values of grammar_members.h.
 *
 * Threads: any. Used by: grammar_members.c.
 */
#pragma once

#include "base/arena.h"
#include "base/hash_map.h"
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
    uint32_t count;        /* values so far */
    uint32_t plain_steps;  /* see grammar_members_plain.h */
    size_t work;           /* of patterns, see grammar_automaton.h */
    struct hash_map rules; /* BRACES: schema as text -> rule; keys in `arena` */
    struct arena arena;
};

void grammar_members_value_done(struct grammar_members_value *in);

/* `depth`: schemas around this one. */
MUST_USE enum status grammar_members_value_add(struct grammar_members_value *in,
                                               const json_t *schema, int depth, uint32_t *out_rule,
                                               struct error *err);

/* As grammar_members_add() for an object `depth` schemas inside the arguments. */
MUST_USE enum status grammar_members_add_inside(struct grammar_members_value *in,
                                                const json_t *schema, int depth, uint32_t end,
                                                uint32_t *out_rule, struct error *err);
