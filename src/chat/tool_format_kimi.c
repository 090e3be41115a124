/*
 * tool_format_kimi - Kimi K2.
 *
 *     <|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:0
 *     <|tool_call_argument_begin|>{...}<|tool_call_end|><|tool_calls_section_end|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_kimi = {
    .name = "kimi",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<|tool_calls_section_begin|>"),
               .open = TOOL_FORMAT_TEXT("<|tool_call_begin|>"),
               .name_open = TOOL_FORMAT_TEXT("functions."),
               .name_close = TOOL_FORMAT_TEXT("<|tool_call_argument_begin|>"),
               .close = TOOL_FORMAT_TEXT("<|tool_call_end|>"),
               .section_close = TOOL_FORMAT_TEXT("<|tool_calls_section_end|>"),
               .id_open = TOOL_FORMAT_TEXT(":"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON,
               .id = TOOL_FORMAT_ID_INDEX,
               .id_place = TOOL_FORMAT_BEHIND_NAME},
    .markers = {"<|tool_calls_section_begin|>", "<|tool_call_begin|>"},
    .hint = "<|tool_calls_section_begin|>",
};
