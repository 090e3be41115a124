/*
 * jinja_member - members of values: attributes, items, slices, methods.
 *
 * Used by: jinja_eval.c, jinja_filters.c.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;

/* value.name: a method first, then an item. Undefined when there is neither. `name` is a string. */
MUST_USE enum status jinja_member_attribute(struct jinja_context *context, struct jinja_value value,
                                            struct jinja_value name, struct jinja_value *out);

/* value[key]: an item first, then a method. Undefined when there is neither. */
MUST_USE enum status jinja_member_item(struct jinja_context *context, struct jinja_value value,
                                       struct jinja_value key, struct jinja_value *out);

/* value[start:stop:step] of strings, lists and tuples; NONE or ABSENT: left out. */
MUST_USE enum status jinja_member_slice(struct jinja_context *context, struct jinja_value value,
                                        const struct jinja_value bounds[3],
                                        struct jinja_value *out);
