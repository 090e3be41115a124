/*
 * tool_format_apertus - Apertus.
 *
 *     <|tools_prefix|>[{"NAME": {...}}]<|tools_suffix|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_apertus = {
    .name = "apertus",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<|tools_prefix|>["),
               .open = TOOL_FORMAT_TEXT("{\""),
               .name_close = TOOL_FORMAT_TEXT("\": "),
               .close = TOOL_FORMAT_TEXT("}"),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]<|tools_suffix|>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|tools_prefix|>"},
};
