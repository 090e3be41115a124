/*
 * tool_format_deepseek_v31 - DeepSeek V3.1.
 *
 *     <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}
 *     <｜tool▁call▁end｜><｜tool▁calls▁end｜>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_deepseek_v31 = {
    .name = "deepseek_v31",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<｜tool▁calls▁begin｜>"),
               .open = TOOL_FORMAT_TEXT("<｜tool▁call▁begin｜>"),
               .name_close = TOOL_FORMAT_TEXT("<｜tool▁sep｜>"),
               .close = TOOL_FORMAT_TEXT("<｜tool▁call▁end｜>"),
               .section_close = TOOL_FORMAT_TEXT("<｜tool▁calls▁end｜>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"},
    .hint = "<｜tool▁calls▁begin｜>",
};
