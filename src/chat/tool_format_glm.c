/*
 * tool_format_glm - GLM 4.5 to 4.7.
 *
 *     <tool_call>NAME
 *     <arg_key>KEY</arg_key>
 *     <arg_value>value</arg_value>
 *     </tool_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_glm = {
    .name = "glm",
    .syntax = {.open = TOOL_FORMAT_TEXT("<tool_call>"),
               .name_close = TOOL_FORMAT_TEXT("\n"),
               .close = TOOL_FORMAT_TEXT("</tool_call>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .key_open = TOOL_FORMAT_TEXT("<arg_key>"),
               .key_close = TOOL_FORMAT_TEXT("</arg_key>\n<arg_value>"),
               .value_close = TOOL_FORMAT_TEXT("</arg_value>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<tool_call>"},
};
