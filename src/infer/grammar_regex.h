/*
 * grammar_regex - regular expressions as JSON Schema's `pattern` writes them.
 *
 * ECMA-262 with the u flag, as far as it is regular: characters, ., sets, \d \w \s and their
 * opposites, escapes, groups of any kind (all are the same here), |, * + ? {m,n}, greedy or not
 * (the same, too), ^ and $ anywhere. What looks at text without reading it, or back at what was
 * read (lookaround, \b, backreferences), and Unicode properties are E_UNSUPPORTED by name.
 *
 * In grammars the dialect is that of Python and Rust where these differ: `.` is any character but a
 * line feed, {,n} is a repetition.
 *
 * Threads: any; pure. Used by: grammar_schema_text.c, grammar_lark.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "infer/grammar_expression.h"

enum { GRAMMAR_REGEX_LEN_MAX = 4096 };

struct grammar_regex_options {
    bool is_of_grammar; /* the dialect said above */
    bool ignores_case;  /* of ASCII letters */
    bool dot_is_all;    /* `.` is any character */
};

/* *out lies in the arena. E_INVALID: not a regular expression; the text says what is wrong and at
 * which byte. */
MUST_USE enum status grammar_regex_parse(struct arena *arena, struct str text,
                                         struct grammar_expression **out, struct error *err);
MUST_USE enum status grammar_regex_parse_as(struct arena *arena, struct str text,
                                            const struct grammar_regex_options *options,
                                            struct grammar_expression **out, struct error *err);
