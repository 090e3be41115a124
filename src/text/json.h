/*
 * json - JSON text to jansson values and back, with limits and one exact way of writing.
 *
 * Everything in holt that reads JSON from outside reads it here: strict RFC 8259, no duplicate
 * keys, nothing behind the value, and limits that are checked before jansson allocates. Everything
 * whose bytes matter (prompts, tool calls, digests) is written here, exactly as Python's
 * json.dumps() writes it, because chat templates were written against that.
 *
 * Values are jansson's `json_t *`: keys keep their order, integers are 64 bit, json_decref()
 * releases. `CLEANUP(json_decrefp) json_t *value = NULL;` releases at the end of a scope
 * (json_decrefp comes with jansson).
 *
 * Threads: any; a value belongs to one thread at a time.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>

enum {
    JSON_SIZE_MAX = 16 * 1024 * 1024, /* default bytes of one text */
    JSON_DEPTH_MAX = 64,              /* default nesting: "[]" is 1, "1" is 0 */
    JSON_DEPTH_LIMIT = 512,           /* no caller may allow more (reader and writer recurse) */
    JSON_VALUES_MAX = 1000 * 1000,    /* default count of values in one text */
};

/* A field that is 0 means its default above. */
struct json_limits {
    size_t size_max;
    size_t depth_max; /* at most JSON_DEPTH_LIMIT counts */
    size_t values_max;
    bool allow_nul;   /* let strings hold U+0000; then json_string_length() must be respected */
    bool replace_nul; /* let texts that hold U+0000 in, with U+FFFD in its place; keys never */
};

/* Parses the whole text as one JSON value. `limits` may be NULL. On OK *out is a new reference.
 * E_LIMIT names the limit; E_FORMAT says what is wrong and where. Integers outside 64 bits and
 * numbers too large for a double are E_FORMAT. */
MUST_USE enum status json_parse(struct str text, const struct json_limits *limits, json_t **out,
                                struct error *err);

/* How json_write_style() writes; a zeroed style with indent = -1 is json.dumps' own default. */
struct json_style {
    int indent;                 /* spaces per level, each item on its own line; -1: one line */
    const char *item_separator; /* NULL: ", " on one line, "," with indent */
    const char *key_separator;  /* NULL: ": " */
    bool ensure_ascii;          /* write everything beyond ASCII as \uXXXX */
    bool sort_keys;             /* by code point */
};

/* Appends `value` as Python's json.dumps(value, ensure_ascii=False) writes it: ", " and ": "
 * between things, escapes only where JSON needs them (\" \\ \n \r \t \b \f, \u00xx for other
 * control characters), floats in the shortest form that reads back equal ("1.0", "1e+16",
 * "1e-05"). A value nested deeper than JSON_DEPTH_LIMIT sets out->overflowed, as running past
 * out->size_max does; NULL is written as null. */
void json_write_python(const json_t *value, struct strbuf *out);

/* As json_write_python() with the other arguments json.dumps() knows. */
void json_write_style(const json_t *value, const struct json_style *style, struct strbuf *out);

/* Appends a quoted JSON string as json_write_python() writes it; `text` is valid UTF-8. */
void json_write_string(struct str text, struct strbuf *out);

/* Appends a finite double as Python's repr() writes it. */
void json_write_real(double value, struct strbuf *out);

/* The object's member as a view of its text; false when it is absent or no string. The view lives
 * as long as the member. */
bool json_member_str(const json_t *object, const char *key, struct str *out);

/* A string value as a view; {NULL, 0} when it is no string. */
static inline struct str json_str(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}
