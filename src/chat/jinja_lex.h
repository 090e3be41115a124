/*
 * jinja_lex - a template as tokens, with the white space rules of Jinja2.
 *
 * As chat templates are written: trim_blocks and lstrip_blocks on, `-` and `+` in tags, comments,
 * raw blocks, one newline at the end of the source dropped, all line ends become "\n".
 *
 * Threads: any. Used by: jinja_parse.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum jinja_token_kind {
    JINJA_TOKEN_END,
    JINJA_TOKEN_DATA,        /* text outside of tags */
    JINJA_TOKEN_PRINT_BEGIN, /* {{ */
    JINJA_TOKEN_PRINT_END,   /* }} */
    JINJA_TOKEN_BLOCK_BEGIN, /* {% */
    JINJA_TOKEN_BLOCK_END,   /* %} */
    JINJA_TOKEN_NAME,
    JINJA_TOKEN_STRING, /* with its quotes and escapes */
    JINJA_TOKEN_INTEGER,
    JINJA_TOKEN_FLOAT,
    JINJA_TOKEN_OPERATOR,
};

struct jinja_token {
    enum jinja_token_kind kind;
    uint32_t line;
    struct str text; /* a view of the source */
};

/* The tokens of one template; the last is JINJA_TOKEN_END. Owned. */
struct jinja_lex {
    char *source; /* with line ends made equal */
    size_t source_len;
    struct jinja_token *tokens;
    size_t count;
    size_t capacity;
};

/* E_LIMIT when the source is longer than JINJA_SOURCE_BYTES_MAX, E_FORMAT with line and reason. */
MUST_USE enum status jinja_lex_run(struct str source, struct jinja_lex *out, struct error *err);
void jinja_lex_done(struct jinja_lex *lex);

/* Appends the value of a string token (quotes taken off, escapes resolved) to `out`. False when an
 * escape is malformed. */
struct strbuf;
bool jinja_lex_unquote(struct str token, struct strbuf *out);

/* White space as Python's str.isspace() and \s have it. */
bool jinja_lex_is_space(uint32_t code_point);

/* `text` without white space at its end (front): as str.rstrip() (str.lstrip()). */
struct str jinja_lex_strip_end(struct str text);
struct str jinja_lex_strip_front(struct str text);
