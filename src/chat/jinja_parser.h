/*
 * jinja_parser - what both halves of the parser share: the current token, symbols, memory, depth.
 *
 * Used by: jinja_parse.c, jinja_parse_expression.c.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"
#include "chat/jinja_lex.h"

struct jinja_parser {
    struct jinja_template *result;
    const struct jinja_token *token; /* the current one */
    uint32_t depth;
    uint32_t loop_depth; /* of loops around the current statement, inside the current macro */
    bool has_macro;      /* a macro was seen since this was last cleared */
    uint8_t special;     /* enum jinja_special bits seen since this was last cleared */
    struct error *err;
};

MUST_USE enum status jinja_parser_fail(const struct jinja_parser *parser, enum status status,
                                       const char *fmt, ...) PRINTF_LIKE(3, 4);

/* One level deeper, until jinja_parser_leave(); E_LIMIT, and then there is nothing to leave. */
MUST_USE enum status jinja_parser_enter(struct jinja_parser *parser);

static inline void jinja_parser_leave(struct jinja_parser *parser)
{
    parser->depth--;
}

/* Zeroed memory that lives as long as the template. */
void *jinja_parser_alloc(struct jinja_parser *parser, size_t count, size_t size);
uint32_t jinja_parser_intern(struct jinja_parser *parser, struct str name);

/* Room for one more element of `size` bytes in an array of the template: doubles it. */
void jinja_parser_grow(struct jinja_parser *parser, void *array_pointer, uint32_t count,
                       uint32_t *capacity, size_t size);

/* The current token: is it this operator, this name? _skip_ also goes past it, _expect_ fails when
 * it is not. */
bool jinja_parser_is_operator(const struct jinja_parser *parser, const char *text);
bool jinja_parser_is_name(const struct jinja_parser *parser, const char *text);
bool jinja_parser_skip_operator(struct jinja_parser *parser, const char *text);
bool jinja_parser_skip_name(struct jinja_parser *parser, const char *text);
MUST_USE enum status jinja_parser_expect_operator(struct jinja_parser *parser, const char *text);
MUST_USE enum status jinja_parser_expect_name(struct jinja_parser *parser, struct str *out);
MUST_USE enum status jinja_parser_expect(struct jinja_parser *parser, enum jinja_token_kind kind);

/* Fails with "unexpected ..." on the current token. */
MUST_USE enum status jinja_parser_unexpected(const struct jinja_parser *parser);
