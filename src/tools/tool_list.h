/*
 * tool_list - every tool, in the canonical order, and what derives from the rows.
 *
 * The order and every byte of the schemas are part of the built-in model's profile: a change here
 * means training again (a test holds the digest).
 *
 * Threads: any. Used by: agent/, cli/, tools/.
 */
#pragma once

#include "tools/tool.h"

#include <jansson.h>

extern const struct tool tool_list_dir;
extern const struct tool tool_read_file;
extern const struct tool tool_search_text;
extern const struct tool tool_write_file;
extern const struct tool tool_edit_file;
extern const struct tool tool_run_command;
extern const struct tool tool_calculate;
extern const struct tool tool_remember;
extern const struct tool tool_recall;

size_t tool_list_count(void);
const struct tool *tool_list_at(size_t index); /* index < tool_list_count() */

/* NULL when there is no tool of that name; otherwise its index goes to out_index (may be NULL). */
const struct tool *tool_list_find(struct str name, size_t *out_index);

/* A new reference: {"name", "description", "parameters": a JSON Schema}. json_write_python() of it
 * gives the canonical bytes. */
json_t *tool_list_schema(const struct tool *tool);

/* A new reference: an array of {"type": "function", "function": schema} for `count` tools, in the
 * order given; NULL, 0 stands for all tools in canonical order. */
json_t *tool_list_openai(const struct tool *const *tools, size_t count);
