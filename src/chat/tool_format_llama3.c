/*
 * tool_format_llama3 - Llama 3.1, 3.2 and 3.3.
 *
 *     {"name": NAME, "parameters": {...}}                    the whole reply
 *     <|python_tag|>{"name": NAME, "parameters": {...}}
 *     <|python_tag|>NAME.call(key="text")                    tools the model knows by itself
 */
#include "chat/tool_format_rows.h"

static const struct tool_format_syntax python_call = {
    .open = TOOL_FORMAT_TEXT("<|python_tag|>"),
    .name_close = TOOL_FORMAT_TEXT("("),
    .close = TOOL_FORMAT_TEXT(")"),
    .shape = TOOL_FORMAT_NAMED,
    .arguments = TOOL_FORMAT_PYTHON,
};

const struct tool_format tool_format_llama3 = {
    .name = "llama3",
    .syntax = {.name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"parameters\": "),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|python_tag|>"},
    .starts_reply = true,
    .is_single = true,
    .otherwise = &python_call,
};
