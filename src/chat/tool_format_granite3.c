/*
 * tool_format_granite3 - Granite 3.
 *
 *     <|tool_call|>[{"name": NAME, "arguments": {...}}]
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_granite3 = {
    .name = "granite3",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<|tool_call|>["),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]"),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|tool_call|>"},
    .hint = "<|tool_call|>",
};
