/*
 * jinja_format - values as text: Python's str() and repr(), and json.dumps().
 *
 * Everything written keeps its origin: the text of a string byte by byte, quotes and brackets that
 * of the value they belong to.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_text.h"
#include "chat/jinja_value.h"

struct jinja_context;

/* What `{{ value }}` prints: strings as they are, undefined as nothing, None, True, 1.0, and repr()
 * of containers. */
MUST_USE enum status jinja_format_str(struct jinja_context *context, struct jinja_value value,
                                      struct jinja_text *out);

MUST_USE enum status jinja_format_repr(struct jinja_context *context, struct jinja_value value,
                                       struct jinja_text *out);

/* How JSON is written; a zeroed style with indent = -1 is json.dumps(ensure_ascii=False). */
struct jinja_format_json_style {
    int indent; /* spaces per level; -1: one line */
    bool ensure_ascii;
    bool sort_keys;
    const struct jinja_string *item_separator; /* NULL: ", " (with indent: ",") */
    const struct jinja_string *key_separator;  /* NULL: ": " */
};

MUST_USE enum status jinja_format_json(struct jinja_context *context, struct jinja_value value,
                                       const struct jinja_format_json_style *style,
                                       struct jinja_text *out);

/* str() as a string value: the value itself when it is one. */
MUST_USE enum status jinja_format_as_string(struct jinja_context *context, struct jinja_value value,
                                            struct jinja_value *out);
