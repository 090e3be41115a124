/*
 * tool_literal - arguments written as literals of a programming language, turned into JSON.
 *
 * Two ways of writing are known: keyword arguments of a Python call, a=1, b='x', c={'k': None},
 * and braces with bare keys and marked texts, {a:1,b:<|"|>x<|"|>}. JSON's own words and strings are
 * taken in both. The JSON text grows while the literal is read; what it becomes does not depend on
 * how the literal was cut.
 *
 * Threads: one at a time. Used by: tool_reader.c.
 */
#pragma once

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum { TOOL_LITERAL_DEPTH_MAX = 64 };

/* Zeroed (with `quote` set or not) it stands before the first byte. */
struct tool_literal {
    struct str quote;                      /* empty: Python; else what stands around a text */
    uint8_t stack[TOOL_LITERAL_DEPTH_MAX]; /* closing byte of each open container */
    bool has_member[TOOL_LITERAL_DEPTH_MAX];
    uint32_t depth;
    int expect;   /* enum expect of tool_literal.c */
    char in_text; /* the quote that ends the text, 'q' for `quote`, or 0 */
};

enum tool_literal_found {
    TOOL_LITERAL_MORE,
    TOOL_LITERAL_DONE,   /* *at is behind the closing bracket */
    TOOL_LITERAL_BROKEN, /* no literal */
};

/* Python: `raw` at *at stands behind the opening parenthesis of the call. Braces: in front of the
 * brace. Appends JSON to `out` and moves *at. */
enum tool_literal_found tool_literal_read(struct tool_literal *literal, struct str raw, size_t *at,
                                          struct strbuf *out);

/* Appends `text` as it stands inside a JSON string, without quotes. */
void tool_literal_add_escaped(struct strbuf *out, struct str text);
