/*
 * tool_format_deepseek_r1 - DeepSeek R1 and V3.
 *
 *     <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME
 *     ```json
 *     {...}
 *     ```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_deepseek_r1 = {
    .name = "deepseek_r1",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<｜tool▁calls▁begin｜>"),
               .open = TOOL_FORMAT_TEXT("<｜tool▁call▁begin｜>"),
               .name_open = TOOL_FORMAT_TEXT("function<｜tool▁sep｜>"),
               .name_close = TOOL_FORMAT_TEXT("\n```json\n"),
               .close = TOOL_FORMAT_TEXT("\n```<｜tool▁call▁end｜>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .section_close = TOOL_FORMAT_TEXT("<｜tool▁calls▁end｜>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"},
    .hint = "['type'] + '<｜tool▁sep｜>'",
};
