/*
 * tool_format_hermes - Hermes 2 and 3, Qwen 2.5, Qwen 3, QwQ, MiMo, Granite 4 and others.
 *
 *     <tool_call>
 *     {"name": NAME, "arguments": {...}}
 *     </tool_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_hermes = {
    .name = "hermes",
    .syntax = {.open = TOOL_FORMAT_TEXT("<tool_call>\n"),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .close = TOOL_FORMAT_TEXT("\n</tool_call>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<tool_call>"},
};
