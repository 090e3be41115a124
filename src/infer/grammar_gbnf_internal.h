/*
 * grammar_gbnf_internal - the rules of a GBNF text, between reading (grammar_gbnf.c) and compiling
 * (grammar_gbnf_compile.c).
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/arena.h"
#include "infer/grammar_expression.h"
#include "infer/grammar_gbnf.h"

struct grammar_gbnf_internal_rule {
    struct str name;
    struct grammar_expression *body; /* NULL: named but not yet defined */
    uint32_t line;                   /* where it is named first */
    uint32_t column;
};

struct grammar_gbnf_internal {
    struct grammar_gbnf_internal_rule *rules; /* owned */
    uint32_t count;
    struct arena arena; /* names and bodies */
};

/* Rule `root` and all it needs into a new grammar, which is finished. */
MUST_USE enum status grammar_gbnf_internal_compile(const struct grammar_gbnf_internal *rules,
                                                   uint32_t root, struct grammar **out,
                                                   uint32_t *out_rule, struct error *err);
