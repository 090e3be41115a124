/*
 * tool_format_gigachat - GigaChat 3.1.
 *
 *     <|function_call|>{"name": "NAME", "arguments": {...}}
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_gigachat = {
    .name = "gigachat",
    .syntax = {.open = TOOL_FORMAT_TEXT("<|function_call|>"),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|function_call|>"},
    .is_single = true,
    .end = "<|message_sep|>",
};
