/*
 * jinja_compare - equality, order and membership, as Python defines them.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_value.h"

struct jinja_context;

/* a == b. Numbers compare by value, strings by bytes (origins do not matter), containers item by
 * item. E_LIMIT for containers nested too deeply. */
MUST_USE enum status jinja_compare_equal(struct jinja_context *context, struct jinja_value a,
                                         struct jinja_value b, bool *out);

/* -1, 0 or 1; 2 when a NaN is compared. Fails as Python does for kinds that have no order;
 * `operation` ("<") is for the message. */
MUST_USE enum status jinja_compare_order(struct jinja_context *context, struct jinja_value a,
                                         struct jinja_value b, const char *operation, int *out);

/* item in container. */
MUST_USE enum status jinja_compare_contains(struct jinja_context *context,
                                            struct jinja_value container, struct jinja_value item,
                                            bool *out);

/* Sorts by key, in place; equal keys keep their order, also when `reverse` is set. */
MUST_USE enum status jinja_compare_sort(struct jinja_context *context, struct jinja_entry *entries,
                                        size_t count, bool reverse);
