/*
 * tool_format_minimax - MiniMax M2.
 *
 *     <minimax:tool_call>
 *     <invoke name="NAME">
 *     <parameter name="KEY">value</parameter>
 *     </invoke>
 *     </minimax:tool_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_minimax = {
    .name = "minimax",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<minimax:tool_call>\n"),
               .open = TOOL_FORMAT_TEXT("<invoke name=\""),
               .name_close = TOOL_FORMAT_TEXT("\">\n"),
               .close = TOOL_FORMAT_TEXT("</invoke>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .section_close = TOOL_FORMAT_TEXT("\n</minimax:tool_call>"),
               .key_open = TOOL_FORMAT_TEXT("<parameter name=\""),
               .key_close = TOOL_FORMAT_TEXT("\">"),
               .value_close = TOOL_FORMAT_TEXT("</parameter>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<minimax:tool_call>", "<invoke name="},
};
