/*
 * jinja_exec - the statements of a template, run.
 *
 * Used by: chat_template.c, tests, fuzzers (jinja_exec_template); jinja_eval.c (macros).
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"
#include "chat/jinja_function.h"

struct jinja_context;
struct jinja_scope;
struct jinja_text;

struct jinja_macro {
    const struct jinja_stmt *stmt;
    struct jinja_scope *scope; /* where it was defined */
};

/*
 * Renders `jinja_template` with `variables` (a dict; names it does not mention are skipped) into
 * `out`, whose size is bounded by the context's limits. E_INVALID with the template's own words
 * when it calls raise_exception(); E_FORMAT when a value is not what the template expects; E_LIMIT.
 */
MUST_USE enum status jinja_exec_template(struct jinja_context *context,
                                         const struct jinja_template *jinja_template,
                                         const struct jinja_dict *variables,
                                         struct jinja_text *out);

/* Calls a macro; *out is the text it printed. */
MUST_USE enum status jinja_exec_macro(struct jinja_context *context,
                                      const struct jinja_macro *macro,
                                      const struct jinja_function_args *args,
                                      struct jinja_value *out);
