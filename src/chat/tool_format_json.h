/*
 * tool_format_json - calls that are JSON objects: finding their end, reading name and arguments.
 *
 * Shared by the rows whose calls are written so.
 */
#pragma once

#include "chat/tool_format.h"

enum tool_format_json_end {
    TOOL_FORMAT_JSON_MORE,   /* the value goes on */
    TOOL_FORMAT_JSON_DONE,   /* scan->position is behind it */
    TOOL_FORMAT_JSON_BROKEN, /* brackets that do not match: cannot become JSON */
};

/* Looks for the end of the object or array that begins at the scan's first position; brackets in
 * strings do not count. Goes on where it stopped. */
enum tool_format_json_end tool_format_json_find_end(struct tool_format_scan *scan, struct str raw);

/* Reads an object with "name" and "arguments" (or "parameters"; an object, or text that holds one;
 * missing: {}). Fills name and arguments of `out`, or its reason. */
bool tool_format_json_read(struct str object, struct tool_format_call *out);
