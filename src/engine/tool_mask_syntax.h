/*
 * tool_mask_syntax - a tool format in the words of token masks.
 *
 * Part of tool_mask.c. Threads: any. Used by: tool_mask.c, tests.
 */
#pragma once

#include "chat/output_parser.h"
#include "infer/token_mask.h"

/* Fills *out with views into the format, the markers and `close`, which is appended to. Markers are
 * empty when the model does not reason. */
void tool_mask_syntax(const struct tool_format *format,
                      const struct output_parser_reasoning *reasoning, struct strbuf *close,
                      struct token_mask_syntax *out);
