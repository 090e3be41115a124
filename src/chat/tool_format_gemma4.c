/*
 * tool_format_gemma4 - Gemma 4.
 *
 *     <|tool_call>call:NAME{key:<|"|>text<|"|>,other:1}<tool_call|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_gemma4 = {
    .name = "gemma4",
    .syntax = {.open = TOOL_FORMAT_TEXT("<|tool_call>call:"),
               .close = TOOL_FORMAT_TEXT("<tool_call|>"),
               .quote = TOOL_FORMAT_TEXT("<|\"|>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_BRACES},
    .markers = {"<|tool_call>"},
    .hint = "<|tool_call>call:",
};
