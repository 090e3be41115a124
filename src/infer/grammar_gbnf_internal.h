/*
 * grammar_gbnf_internal - the rules of a written grammar, between reading (grammar_gbnf.c,
 * grammar_lark.c) and compiling (grammar_gbnf_compile.c).
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/arena.h"
#include "infer/grammar_expression.h"
#include "infer/grammar_gbnf.h"
#include "infer/grammar_written.h"

struct grammar_gbnf_internal_rule {
    struct str name;
    struct grammar_expression *body; /* NULL: named but not yet defined */
    size_t at;                       /* in the text: where it is named first */
};

struct grammar_gbnf_internal {
    struct grammar_gbnf_internal_rule *rules; /* owned */
    uint32_t count;
    struct arena arena; /* names and bodies */
};

/* A sentence with line and column of place `at` in the text, in front of what is wrong there. */
enum status grammar_gbnf_internal_fail(struct str text, size_t at, enum status status,
                                       const char *what, struct error *err);

void grammar_gbnf_internal_done(struct grammar_gbnf_internal *rules);

/* The rules of a GBNF text into *out, which is to be released also where this fails; names are
 * views of the text. */
MUST_USE enum status grammar_gbnf_internal_read(struct str text, struct grammar_gbnf_internal *out,
                                                uint32_t *out_root, struct error *err);

/* Rule `root` and all it needs into a grammar that holds others and is not finished. */
MUST_USE enum status grammar_gbnf_internal_add(const struct grammar_gbnf_internal *rules,
                                               uint32_t root,
                                               const struct grammar_written_place *place,
                                               struct grammar *grammar, uint32_t *out_rule,
                                               struct error *err);

/* Rule `root` and all it needs into a new grammar, which is finished. */
MUST_USE enum status grammar_gbnf_internal_compile(const struct grammar_gbnf_internal *rules,
                                                   uint32_t root, struct grammar **out,
                                                   uint32_t *out_rule, struct error *err);
