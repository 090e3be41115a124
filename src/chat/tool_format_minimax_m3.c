/*
 * tool_format_minimax_m3 - MiniMax M3, where @ is its mark "]<]minimax[>[" in front of every tag.
 *
 *     @<tool_call>
 *     @<invoke name="NAME">@<KEY>value@</KEY>@</invoke>
 *     @</tool_call>
 *
 * Members of objects are tags inside the value, items of lists tags named "item".
 */
#include "chat/tool_format_rows.h"

#define MARK "]<]minimax[>["

const struct tool_format tool_format_minimax_m3 = {
    .name = "minimax_m3",
    .syntax = {.section_open = TOOL_FORMAT_TEXT(MARK "<tool_call>\n"),
               .open = TOOL_FORMAT_TEXT(MARK "<invoke name=\""),
               .name_close = TOOL_FORMAT_TEXT("\">"),
               .close = TOOL_FORMAT_TEXT(MARK "</invoke>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .section_close = TOOL_FORMAT_TEXT("\n" MARK "</tool_call>"),
               .key_open = TOOL_FORMAT_TEXT(MARK "<"),
               .key_close = TOOL_FORMAT_TEXT(">"),
               .value_close = TOOL_FORMAT_TEXT(MARK "</"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_ELEMENTS},
    .markers = {MARK "<tool_call>", MARK "<invoke name="},
};
