/*
 * jinja_macro - macros: what they are called with, and what a template may ask of them.
 *
 * Used by: jinja_exec.c (definitions), jinja_eval.c (calls), jinja_member.c (attributes).
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"
#include "chat/jinja_function.h"

struct jinja_context;
struct jinja_scope;

struct jinja_macro {
    const struct jinja_stmt *stmt;
    struct jinja_scope *scope; /* where it was defined */
};

/* *out is the macro of `stmt`, which keeps the variables of `scope`. */
MUST_USE enum status jinja_macro_new(struct jinja_context *context, struct jinja_scope *scope,
                                     const struct jinja_stmt *stmt, struct jinja_value *out);

/* *out is the text the macro printed. E_FORMAT when the arguments are not its own. */
MUST_USE enum status jinja_macro_call(struct jinja_context *context,
                                      const struct jinja_macro *macro,
                                      const struct jinja_function_args *args,
                                      struct jinja_value *out);

/* name, arguments, catch_varargs, catch_kwargs, caller; *out_found tells whether it is one. */
MUST_USE enum status jinja_macro_attribute(struct jinja_context *context,
                                           const struct jinja_macro *macro, struct str name,
                                           struct jinja_value *out, bool *out_found);
