/*
 * grammar_lark_internal - the inside of grammar_lark.h.
 *
 *   grammar_lark.c         rules, statements, items
 *   grammar_lark_text.c    strings, ranges and regular expressions
 *   grammar_lark_common.c  what %import common.NAME brings
 *   grammar_lark_unroll.c  rules that begin with themselves
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/hash_map.h"
#include "infer/grammar_gbnf_internal.h"

struct grammar_lark_internal {
    struct str text;
    size_t at;
    int depth;         /* of groups */
    bool is_terminal;  /* in one's definition */
    bool is_common;    /* in a definition of `common` */
    bool has_ignored;  /* the grammar says %ignore: it may come before every token */
    uint32_t ignored;  /* and this rule is what */
    uint32_t capacity; /* of out->rules */
    struct hash_map names;
    struct grammar_gbnf_internal *out;
    struct error *err;
};

enum status grammar_lark_internal_fail_at(const struct grammar_lark_internal *in, size_t at,
                                          enum status status, const char *what);
int grammar_lark_internal_peek(const struct grammar_lark_internal *in);
bool grammar_lark_internal_take(struct grammar_lark_internal *in, const char *what);

/* The rule with this name, new if need be; `at` is where the name stands. */
MUST_USE enum status grammar_lark_internal_rule(struct grammar_lark_internal *in, struct str name,
                                                size_t at, uint32_t *out);

/* "text", "text"i, "a".."z" behind the opening quote; /expression/flags behind the first slash. */
MUST_USE enum status grammar_lark_internal_string(struct grammar_lark_internal *in,
                                                  struct grammar_expression **out);
MUST_USE enum status grammar_lark_internal_regex(struct grammar_lark_internal *in,
                                                 struct grammar_expression **out);

/* U+0000 out of every set; false if there is an anchor. */
bool grammar_lark_internal_clean(struct grammar_expression *expression);

/* Alternatives up to where no item can stand. */
MUST_USE enum status grammar_lark_internal_choice(struct grammar_lark_internal *in,
                                                  struct grammar_expression **out);

/* The rule "common.NAME" with all it needs; E_NOT_FOUND: there is none. */
MUST_USE enum status grammar_lark_internal_common(struct grammar_lark_internal *in, struct str name,
                                                  uint32_t *out);

/* Rules that begin with themselves become repetitions. */
void grammar_lark_internal_unroll(struct grammar_gbnf_internal *rules);
