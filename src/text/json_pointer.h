/*
 * json_pointer - what a reference of a JSON Schema ("#/$defs/name") leads to.
 *
 * RFC 6901 with %XX as in a URI fragment.
 *
 * Threads: any; pure functions. Used by: text/tool_schema.c, infer/grammar_schema.c,
 * infer/grammar_members*.c.
 */
#pragma once

#include "base/str.h"

#include <jansson.h>

enum json_pointer {
    JSON_POINTER_FOUND,
    JSON_POINTER_FOREIGN,   /* leads out of the document */
    JSON_POINTER_ANCHOR,    /* the name of an anchor, not a pointer */
    JSON_POINTER_MALFORMED, /* an escape is none */
    JSON_POINTER_NOWHERE,   /* there is no such place */
};

/* *out (set when found) is borrowed from `root`. */
enum json_pointer json_pointer_find(const json_t *root, struct str reference, const json_t **out);
