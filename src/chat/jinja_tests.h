/*
 * jinja_tests - `value is name`: one row each.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;

struct jinja_test {
    const char *name;
    size_t argument_count;
    enum status (*call)(struct jinja_context *context, struct jinja_value value,
                        struct jinja_value argument, bool *out);
    unsigned kinds; /* without `call`: true for these, 1 << enum jinja_kind */
};

/* NULL when there is no such test. */
const struct jinja_test *jinja_tests_find(struct str name);

/* Checks the number of arguments, then calls. */
MUST_USE enum status jinja_tests_call(struct jinja_context *context, const struct jinja_test *test,
                                      struct jinja_value value, const struct jinja_value *arguments,
                                      size_t argument_count, bool *out);
