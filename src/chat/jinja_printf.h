/*
 * jinja_printf - texts with fields to fill in: Python's "..." % values and "...".format(values).
 *
 * What stands in the format keeps its origin, and so does each value that is filled in.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_function.h"

struct jinja_context;

/* format % values: a tuple gives one value after the other, a dict values by name, anything else is
 * the only value. */
MUST_USE enum status jinja_printf_percent(struct jinja_context *context,
                                          const struct jinja_string *format,
                                          struct jinja_value values, struct jinja_value *out);

/* format.format(...): "{}", "{0}", "{name.member[key]!r:>8.2f}", "{{", "}}". */
MUST_USE enum status jinja_printf_braces(struct jinja_context *context,
                                         const struct jinja_string *format,
                                         const struct jinja_function_args *args,
                                         struct jinja_value *out);
