/*
 * tool_format_minicpm5 - MiniCPM 5.
 *
 *     <function name="NAME"><param name="KEY">value</param></function>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_minicpm5 = {
    .name = "minicpm5",
    .syntax = {.open = TOOL_FORMAT_TEXT("<function name=\""),
               .name_close = TOOL_FORMAT_TEXT("\">"),
               .close = TOOL_FORMAT_TEXT("</function>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .key_open = TOOL_FORMAT_TEXT("<param name=\""),
               .key_close = TOOL_FORMAT_TEXT("\">"),
               .value_close = TOOL_FORMAT_TEXT("</param>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<function name="},
};
