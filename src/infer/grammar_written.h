/*
 * grammar_written - a grammar that somebody wrote, as a rule among the rules of another.
 *
 * Three ways of writing: GBNF (grammar_gbnf.h), Lark (grammar_lark.h), and one regular expression
 * that the whole text must match (as in grammar_lark.h, and ^ and $ may stand in it).
 *
 * Threads: any. Depends on: grammar.h. Used by: token_mask_answer.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "infer/grammar.h"

enum grammar_written_syntax { GRAMMAR_WRITTEN_GBNF, GRAMMAR_WRITTEN_LARK, GRAMMAR_WRITTEN_REGEX };

struct grammar_written {
    enum grammar_written_syntax syntax;
    struct str text;
};

/* Where the text stands. */
struct grammar_written_place {
    bool is_json;       /* between the quotes of a JSON string, which are not part of the rule: its
                           characters as json_write_string() escapes them */
    struct str without; /* does not occur in the text; begins with a byte that it has nowhere else;
                           empty: anything may. Only for texts that are not JSON. Of a grammar
                           whose rules lead back to themselves, texts in which a rule begins or
                           ends behind a beginning of it are left out, too */
};

/* Adds the rule; the grammar is not finished by this. E_INVALID gives line and column,
 * E_UNSUPPORTED what is not known here, E_LIMIT what is too large. */
MUST_USE enum status grammar_written_add(struct grammar *grammar,
                                         const struct grammar_written *written,
                                         const struct grammar_written_place *place,
                                         uint32_t *out_rule, struct error *err);
