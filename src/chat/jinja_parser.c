#include "chat/jinja_parser.h"

#include "base/mem.h"
#include "chat/jinja_context.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { CAPACITY_MIN = 4, SHOWN_LEN_MAX = 40 };

enum status jinja_parser_fail(const struct jinja_parser *parser, enum status status,
                              const char *fmt, ...)
{
    char reason[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    for (char *c = reason; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    }
    return error_set(parser->err, status, "chat template, line %" PRIu32 ": %s",
                     parser->token->line, reason);
}

enum status jinja_parser_unexpected(const struct jinja_parser *parser)
{
    const struct str text = str_slice(parser->token->text, 0, SHOWN_LEN_MAX);
    if (parser->token->kind == JINJA_TOKEN_END)
        return jinja_parser_fail(parser, E_FORMAT, "unexpected end of the template");
    return jinja_parser_fail(parser, E_FORMAT, "unexpected '%.*s'", STR_ARG(text));
}

enum status jinja_parser_enter(struct jinja_parser *parser)
{
    if (parser->depth >= JINJA_NESTING_MAX)
        return jinja_parser_fail(parser, E_LIMIT, "nested too deeply (limit %d)",
                                 JINJA_NESTING_MAX);
    parser->depth++;
    return OK;
}

void *jinja_parser_alloc(struct jinja_parser *parser, size_t count, size_t size)
{
    return arena_alloc_array(&parser->result->arena, count, size); /* no bound: never NULL */
}

void jinja_parser_grow(struct jinja_parser *parser, void *array_pointer, uint32_t count,
                       uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return;
    void *old = NULL;
    memcpy(&old, array_pointer, sizeof(old));
    *capacity = *capacity ? *capacity * 2 : CAPACITY_MIN;
    void *grown = jinja_parser_alloc(parser, *capacity, size);
    if (count)
        memcpy(grown, old, count * size);
    memcpy(array_pointer, &grown, sizeof(grown));
}

uint32_t jinja_parser_intern(struct jinja_parser *parser, struct str name)
{
    struct jinja_template *result = parser->result;
    uint64_t number = 0;
    if (hash_map_find(&result->symbols, name, &number))
        return (uint32_t)number;
    if (result->symbol_count == result->symbol_capacity) {
        result->symbol_capacity = result->symbol_capacity ? result->symbol_capacity * 2 : 64;
        result->symbol_names = mem_realloc(result->symbol_names,
                                           result->symbol_capacity * sizeof(*result->symbol_names));
    }
    const struct str kept = arena_copy_str(&result->arena, name);
    result->symbol_names[result->symbol_count] = kept;
    hash_map_add(&result->symbols, kept, result->symbol_count);
    return (uint32_t)result->symbol_count++;
}

bool jinja_parser_is_operator(const struct jinja_parser *parser, const char *text)
{
    return parser->token->kind == JINJA_TOKEN_OPERATOR && str_equal_c(parser->token->text, text);
}

bool jinja_parser_is_name(const struct jinja_parser *parser, const char *text)
{
    return parser->token->kind == JINJA_TOKEN_NAME && str_equal_c(parser->token->text, text);
}

bool jinja_parser_skip_operator(struct jinja_parser *parser, const char *text)
{
    const bool found = jinja_parser_is_operator(parser, text);
    parser->token += found;
    return found;
}

bool jinja_parser_skip_name(struct jinja_parser *parser, const char *text)
{
    const bool found = jinja_parser_is_name(parser, text);
    parser->token += found;
    return found;
}

enum status jinja_parser_expect_operator(struct jinja_parser *parser, const char *text)
{
    if (!jinja_parser_skip_operator(parser, text))
        return jinja_parser_unexpected(parser);
    return OK;
}

enum status jinja_parser_expect_name(struct jinja_parser *parser, struct str *out)
{
    if (parser->token->kind != JINJA_TOKEN_NAME)
        return jinja_parser_unexpected(parser);
    *out = parser->token->text;
    parser->token++;
    return OK;
}

enum status jinja_parser_expect(struct jinja_parser *parser, enum jinja_token_kind kind)
{
    if (parser->token->kind != kind)
        return jinja_parser_unexpected(parser);
    parser->token++;
    return OK;
}
