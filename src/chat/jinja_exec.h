/*
 * jinja_exec - the statements of a template, run.
 *
 * Used by: chat_template.c, tests, fuzzers (jinja_exec_template); jinja_eval.c, jinja_macro.c
 * (bodies).
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"

struct jinja_context;
struct jinja_scope;
struct jinja_text;

/*
 * Renders `jinja_template` with `variables` (a dict; names it does not mention are skipped) into
 * `out`, whose size is bounded by the context's limits. E_INVALID with the template's own words
 * when it calls raise_exception(); E_FORMAT when a value is not what the template expects; E_LIMIT.
 */
MUST_USE enum status jinja_exec_template(struct jinja_context *context,
                                         const struct jinja_template *jinja_template,
                                         const struct jinja_dict *variables,
                                         struct jinja_text *out);

/* Runs the body of a macro in a scope that has its parameters; *out is the text it printed. */
MUST_USE enum status jinja_exec_body(struct jinja_context *context, struct jinja_scope *scope,
                                     const struct jinja_stmt *stmt, struct jinja_value *out);

/* loop(visited): runs a recursive loop again, one level deeper; *out is the text it printed. */
MUST_USE enum status jinja_exec_loop(struct jinja_context *context, const struct jinja_loop *loop,
                                     struct jinja_value visited, struct jinja_value *out);
