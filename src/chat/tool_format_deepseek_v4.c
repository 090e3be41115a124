/*
 * tool_format_deepseek_v4 - DeepSeek V4.
 *
 *     <｜DSML｜tool_calls>
 *     <｜DSML｜invoke name="NAME">
 *     <｜DSML｜parameter name="KEY" string="true">text</｜DSML｜parameter>
 *     <｜DSML｜parameter name="KEY" string="false">JSON</｜DSML｜parameter>
 *     </｜DSML｜invoke>
 *     </｜DSML｜tool_calls>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_deepseek_v4 = {
    .name = "deepseek_v4",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<｜DSML｜tool_calls>\n"),
               .open = TOOL_FORMAT_TEXT("<｜DSML｜invoke name=\""),
               .name_close = TOOL_FORMAT_TEXT("\">\n"),
               .close = TOOL_FORMAT_TEXT("</｜DSML｜invoke>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .section_close = TOOL_FORMAT_TEXT("\n</｜DSML｜tool_calls>"),
               .key_open = TOOL_FORMAT_TEXT("<｜DSML｜parameter name=\""),
               .key_close = TOOL_FORMAT_TEXT("\" string=\"true\">"),
               .key_close_other = TOOL_FORMAT_TEXT("\" string=\"false\">"),
               .value_close = TOOL_FORMAT_TEXT("</｜DSML｜parameter>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<｜DSML｜tool_calls>", "<｜DSML｜invoke"},
};
