/*
 * tool_format_qwen3_coder - Qwen3-Coder, Qwen 3.5, Nemotron 3, StepFun 3.5.
 *
 *     <tool_call>
 *     <function=NAME>
 *     <parameter=KEY>
 *     value
 *     </parameter>
 *     </function>
 *     </tool_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_qwen3_coder = {
    .name = "qwen3_coder",
    .syntax = {.open = TOOL_FORMAT_TEXT("<tool_call>\n<function="),
               .name_close = TOOL_FORMAT_TEXT(">\n"),
               .close = TOOL_FORMAT_TEXT("</function>\n</tool_call>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .key_open = TOOL_FORMAT_TEXT("<parameter="),
               .key_close = TOOL_FORMAT_TEXT(">\n"),
               .value_close = TOOL_FORMAT_TEXT("\n</parameter>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<tool_call>", "<function="},
};
