/*
 * tool_schema - which arguments of a tool are texts.
 *
 * Formats that write arguments between tags write texts as they stand and everything else as JSON,
 * or objects and lists as further tags. Readers and masks must agree on which is which: both ask
 * here.
 *
 * Threads: any; pure functions. Used by: chat/tool_reader_*.c, infer/grammar_members*.c.
 */
#pragma once

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

/* The schema of a tool's arguments, or NULL. `tools`: an array in OpenAI form, or NULL. */
const json_t *tool_schema_of(const json_t *tools, struct str tool_name);

/* Is a value with this schema (NULL: anything) written as a text? True when a text is one of the
 * types it allows. `root`: the document that its references start from. */
bool tool_schema_is_text(const json_t *root, const json_t *schema);

/* What a value may be, as bits. */
enum {
    TOOL_SCHEMA_TEXT = 1,
    TOOL_SCHEMA_OBJECT = 2,
    TOOL_SCHEMA_ARRAY = 4,
    TOOL_SCHEMA_NULL = 8,
};

enum { TOOL_SCHEMA_PATH_MAX = 64 }; /* values inside values; nothing is known of deeper ones */

/* What the value behind these steps into the arguments may be, wherever the schema speaks of it: a
 * step is the name of a member, or empty with a null pointer for an item of a list. 0: not said, or
 * something else (a number, a boolean). */
unsigned tool_schema_kinds_at(const json_t *parameters, const struct str *path, size_t count);

/* The same for the argument `key` of a tool with these parameters, wherever they speak of it. */
bool tool_schema_has_text(const json_t *parameters, struct str key);
