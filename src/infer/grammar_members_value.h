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
    GRAMMAR_MEMBERS_DEPTH_MAX = 12,    /* BRACES, ELEMENTS: schemas inside schemas */
    GRAMMAR_MEMBERS_LEAST_MAX = 16,    /* BRACES, ELEMENTS: minItems */
    GRAMMAR_MEMBERS_VALUES_MAX = 4096, /* BRACES, ELEMENTS: values of one tool */
};

struct grammar_members_value {
    struct grammar *grammar;
    const json_t *root; /* the document that references start from */
    const struct grammar_members_form *form;
    const struct grammar_limits *limits;
    const char *member;    /* the property that the value is of, or is inside of */
    uint32_t count;        /* values so far */
    uint32_t plain_steps;  /* see grammar_members_plain.h */
    size_t work;           /* of patterns, see grammar_automaton.h */
    struct hash_map rules; /* BRACES, ELEMENTS: schema as text -> rule; keys in `arena` */
    struct arena arena;
};

void grammar_members_value_done(struct grammar_members_value *in);

/* `depth`: schemas around this one. */
MUST_USE enum status grammar_members_value_add(struct grammar_members_value *in,
                                               const json_t *schema, int depth, uint32_t *out_rule,
                                               struct error *err);

/* A value as JSON, and as a text without quotes (of a schema that allows one). */
MUST_USE enum status grammar_members_value_json(const struct grammar_members_value *in,
                                                const json_t *schema, uint32_t *out_rule,
                                                struct error *err);
MUST_USE enum status grammar_members_value_text(struct grammar_members_value *in,
                                                const json_t *schema, uint32_t *out_rule,
                                                struct error *err);

/* The alternatives of a schema, and under which keyword; NULL: none. */
const json_t *grammar_members_value_choice(const json_t *plain, const char **out_keyword);
/* One of them and what is said beside them. New reference. */
json_t *grammar_members_value_with_rest(const json_t *plain, const char *keyword,
                                        const json_t *alternative);

/* How many items a list may have. */
void grammar_members_value_counts(const struct grammar_members_value *in, const json_t *plain,
                                  uint32_t *out_least, uint32_t *out_most);

/* Does the keyword allow and forbid nothing? */
bool grammar_members_is_annotation(const char *keyword, const json_t *value);

/* Can each member that the schema names, and each that it demands, be written in this form? */
bool grammar_members_can_write(const json_t *plain, const struct grammar_members_form *form);

/* As grammar_members_add() for an object `depth` schemas inside the arguments. */
MUST_USE enum status grammar_members_add_inside(struct grammar_members_value *in,
                                                const json_t *schema, int depth, uint32_t end,
                                                uint32_t *out_rule, struct error *err);
