/*
 * jinja_filters - `value | name(...)`. One row each, in jinja_filters_text.c, jinja_filters_list.c
 * and jinja_filters_value.c; found here.
 */
#pragma once

#include "chat/jinja_function.h"

/* NULL when there is no such filter. */
const struct jinja_function *jinja_filters_find(struct str name);

/* The member of `value` at a path as filters take it ("function.name", "0", an int). Undefined when
 * it is not there. */
MUST_USE enum status jinja_filters_attribute(struct jinja_context *context,
                                             struct jinja_value value, struct jinja_value path,
                                             struct jinja_value *out);

/* The rows of the three files. */
const struct jinja_function *jinja_filters_text_rows(size_t *out_count);
const struct jinja_function *jinja_filters_list_rows(size_t *out_count);
const struct jinja_function *jinja_filters_value_rows(size_t *out_count);
