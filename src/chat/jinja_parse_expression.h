/*
 * jinja_parse_expression - the expressions of a template, with Jinja2's order of operators.
 *
 * Used by: jinja_parse.c.
 */
#pragma once

#include "chat/jinja_parser.h"

enum jinja_parse_expression_mode {
    JINJA_PARSE_EXPRESSION_FULL,
    JINJA_PARSE_EXPRESSION_NO_CONDITION, /* "if" behind it is not part of it */
};

MUST_USE enum status jinja_parse_expression(struct jinja_parser *parser,
                                            enum jinja_parse_expression_mode mode,
                                            const struct jinja_expr **out);

/* One expression, or several with commas between as a tuple. */
MUST_USE enum status jinja_parse_expression_tuple(struct jinja_parser *parser,
                                                  enum jinja_parse_expression_mode mode,
                                                  const struct jinja_expr **out);

/* "| filter | filter(...)" behind `operand`, which may be NULL; *out is `operand` without any.
 * With `begins` the first filter has no "|". */
MUST_USE enum status jinja_parse_expression_filters(struct jinja_parser *parser, bool begins,
                                                    const struct jinja_expr *operand,
                                                    const struct jinja_expr **out);
