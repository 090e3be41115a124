/*
 * tool_format_gigachat3 - GigaChat 3.0: a call is a message of its own.
 *
 *     <|message_sep|>
 *
 *     function call<|role_sep|>
 *     {"name": "NAME", "arguments": {...}}
 *
 * <|message_sep|> ends every message, and no token ends a turn.
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_gigachat3 = {
    .name = "gigachat3",
    .syntax = {.open = TOOL_FORMAT_TEXT("<|message_sep|>\n\nfunction call<|role_sep|>\n"),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|message_sep|>\n\nfunction call<|role_sep|>"},
    .is_single = true,
    .end = "<|message_sep|>",
};
