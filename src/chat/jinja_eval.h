/*
 * jinja_eval - the value of an expression.
 *
 * Follows Python: what an operator does to which kinds, and what it says when it cannot. In one
 * point it is milder: a member of something undefined is undefined, where Jinja2 gives up.
 *
 * Used by: jinja_exec.c.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"

struct jinja_context;
struct jinja_scope;

MUST_USE enum status jinja_eval(struct jinja_context *context, struct jinja_scope *scope,
                                const struct jinja_expr *expr, struct jinja_value *out);

/* A call; `caller` (may be NULL) becomes its argument of that name. */
MUST_USE enum status jinja_eval_call(struct jinja_context *context, struct jinja_scope *scope,
                                     const struct jinja_expr *expr,
                                     const struct jinja_value *caller, struct jinja_value *out);

/* Applies the filters of a block (an expression whose innermost operand is NULL) to its text. */
MUST_USE enum status jinja_eval_filters(struct jinja_context *context, struct jinja_scope *scope,
                                        const struct jinja_expr *expr, struct jinja_value body,
                                        struct jinja_value *out);
