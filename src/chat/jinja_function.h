/*
 * jinja_function - what filters, methods and global functions have in common: a row of a table.
 *
 * A row names its parameters; jinja_function_call() puts the arguments of a call, by position and
 * by name, into their places, so that an implementation finds args[i] for its parameter i, of kind
 * JINJA_ABSENT when it was not given. Rows with `call_any` take what comes.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;

enum { JINJA_FUNCTION_PARAMETERS_MAX = 5 };

/* Evaluated arguments: by position first, then by name. */
struct jinja_function_args {
    const struct jinja_value *values;
    const struct str *names; /* ptr NULL: by position; NULL: all are */
    size_t count;
};

/* `self`: what a filter stands behind, what a method belongs to; ABSENT for a global function. */
typedef enum status(jinja_function_fn)(struct jinja_context *context, struct jinja_value self,
                                       const struct jinja_value *args, struct jinja_value *out);

typedef enum status(jinja_function_any_fn)(struct jinja_context *context, struct jinja_value self,
                                           const struct jinja_function_args *args,
                                           struct jinja_value *out);

struct jinja_function {
    const char *name;
    jinja_function_fn *call;                               /* NULL: */
    jinja_function_any_fn *call_any;                       /* this one is used */
    size_t required;                                       /* parameters that must be given */
    const char *parameters[JINJA_FUNCTION_PARAMETERS_MAX]; /* in order; NULL ends */
};

/* The row of that name, or NULL. */
const struct jinja_function *jinja_function_find(const struct jinja_function *rows, size_t count,
                                                 struct str name);

MUST_USE enum status jinja_function_call(struct jinja_context *context,
                                         const struct jinja_function *function,
                                         struct jinja_value self,
                                         const struct jinja_function_args *args,
                                         struct jinja_value *out);

/* The argument of a call_any function that was given by `name`, or NULL. */
const struct jinja_value *jinja_function_named(const struct jinja_function_args *args,
                                               const char *name);

/* Number of arguments given by position. */
size_t jinja_function_positional(const struct jinja_function_args *args);

/* args[i] as what an implementation needs. Absent gives the default; anything unfit fails. */
MUST_USE enum status jinja_function_int(struct jinja_context *context, struct jinja_value arg,
                                        int64_t absent, int64_t *out);
MUST_USE enum status jinja_function_string(struct jinja_context *context, struct jinja_value arg,
                                           const struct jinja_string *absent,
                                           const struct jinja_string **out);

static inline bool jinja_function_flag(struct jinja_value arg, bool absent)
{
    return arg.kind == JINJA_ABSENT ? absent : jinja_value_is_true(arg);
}
