/*
 * jinja_methods - `value.name(...)`: the methods of Python's str, dict and list, and of loop. One
 * row each.
 */
#pragma once

#include "chat/jinja_function.h"

/* The method `name` of values like `value`, or NULL. */
const struct jinja_function *jinja_methods_find(struct jinja_value value, struct str name);

/* The rows of jinja_methods_text.c and jinja_methods_kind.c: those of str. */
const struct jinja_function *jinja_methods_text_rows(size_t *out_count);
const struct jinja_function *jinja_methods_kind_rows(size_t *out_count);
