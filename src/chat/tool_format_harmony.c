/*
 * tool_format_harmony - gpt-oss: messages with headers, see output_channels.c.
 *
 *     <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_harmony = {
    .name = "harmony",
    .syntax = {.open = TOOL_FORMAT_TEXT("<|channel|>commentary to="),
               .name_open = TOOL_FORMAT_TEXT("functions."),
               .name_close = TOOL_FORMAT_TEXT(" <|constrain|>json<|message|>"),
               .close = TOOL_FORMAT_TEXT("<|call|>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<|channel|>"},
    .hint = "<|channel|>",
    .headers = TOOL_FORMAT_CHANNELS,
    .is_single = true,
};
