/*
 * tool_format_hermes - JSON between <tool_call> tags: Hermes, Qwen 2.5 and 3, the built-in model.
 *
 * Used by: tool_format.c.
 */
#pragma once

#include "chat/tool_format.h"

bool tool_format_hermes_matches(struct str rendered);
enum tool_format_found tool_format_hermes_scan(struct tool_format_scan *scan, struct str raw,
                                               bool is_final, const json_t *tools,
                                               struct tool_format_call *out);
