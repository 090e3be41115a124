/*
 * tool_format_function_gemma - FunctionGemma.
 *
 *     <start_function_call>call:NAME{key:<escape>text<escape>,other:1}<end_function_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_function_gemma = {
    .name = "function_gemma",
    .syntax = {.open = TOOL_FORMAT_TEXT("<start_function_call>call:"),
               .close = TOOL_FORMAT_TEXT("<end_function_call>"),
               .quote = TOOL_FORMAT_TEXT("<escape>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_BRACES},
    .markers = {"<start_function_call>"},
    .hint = "<start_function_call>",
};
