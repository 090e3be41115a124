/*
 * tool_format_qwen3_coder - parameters as tags: Qwen3-Coder, Qwen3.5, Nemotron 3.
 *
 * Used by: tool_format.c.
 */
#pragma once

#include "chat/tool_format.h"

bool tool_format_qwen3_coder_matches(struct str rendered);
enum tool_format_found tool_format_qwen3_coder_scan(struct tool_format_scan *scan, struct str raw,
                                                    bool is_final, const json_t *tools,
                                                    struct tool_format_call *out);
