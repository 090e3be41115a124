/*
 * tool_format_llama3 - the whole reply is one JSON object: Llama 3.
 *
 * Used by: tool_format.c.
 */
#pragma once

#include "chat/tool_format.h"

bool tool_format_llama3_matches(struct str rendered);
enum tool_format_found tool_format_llama3_scan(struct tool_format_scan *scan, struct str raw,
                                               bool is_final, const json_t *tools,
                                               struct tool_format_call *out);
