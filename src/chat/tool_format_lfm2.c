/*
 * tool_format_lfm2 - LFM2 and LFM2.5.
 *
 *     <|tool_call_start|>[NAME(key="text", other=1), NAME()]<|tool_call_end|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_lfm2 = {
    .name = "lfm2",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<|tool_call_start|>["),
               .name_close = TOOL_FORMAT_TEXT("("),
               .close = TOOL_FORMAT_TEXT(")"),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]<|tool_call_end|>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_PYTHON},
    .markers = {"<|tool_call_start|>"},
    .hint = "List of tools: ",
};
