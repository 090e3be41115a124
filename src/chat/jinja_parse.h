/*
 * jinja_parse - tokens into a tree. The grammar is that of Jinja2, less inheritance and imports.
 *
 * Nesting is bounded by JINJA_NESTING_MAX. Expressions: jinja_parse_expression.h.
 *
 * Threads: any; a finished template never changes. Used by: chat_template.c, tests.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"

/* E_FORMAT with line and reason, E_LIMIT, E_UNSUPPORTED for statements holt does not know. */
MUST_USE enum status jinja_parse_template(struct str source, struct jinja_template **out,
                                          struct error *err);
void jinja_parse_free(struct jinja_template *jinja_template); /* NULL is allowed */
static inline void jinja_parse_freep(struct jinja_template **jinja_template)
{
    jinja_parse_free(*jinja_template);
}

/* The number of a variable's name, or UINT32_MAX when the template never mentions it. */
uint32_t jinja_parse_symbol(const struct jinja_template *jinja_template, struct str name);
