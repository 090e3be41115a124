/*
 * tool_format_deepseek_v32 - DeepSeek V3.2.
 *
 *     <｜DSML｜function_calls>
 *     <｜DSML｜invoke name="NAME">
 *     <｜DSML｜parameter name="KEY" string="true">text</｜DSML｜parameter>
 *     <｜DSML｜parameter name="KEY" string="false">JSON</｜DSML｜parameter>
 *     </｜DSML｜invoke>
 *     </｜DSML｜function_calls>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_deepseek_v32 = {
    .name = "deepseek_v32",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<｜DSML｜function_calls>\n"),
               .open = TOOL_FORMAT_TEXT("<｜DSML｜invoke name=\""),
               .name_close = TOOL_FORMAT_TEXT("\">\n"),
               .close = TOOL_FORMAT_TEXT("</｜DSML｜invoke>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .section_close = TOOL_FORMAT_TEXT("\n</｜DSML｜function_calls>"),
               .key_open = TOOL_FORMAT_TEXT("<｜DSML｜parameter name=\""),
               .key_close = TOOL_FORMAT_TEXT("\" string=\"true\">"),
               .key_close_other = TOOL_FORMAT_TEXT("\" string=\"false\">"),
               .value_close = TOOL_FORMAT_TEXT("</｜DSML｜parameter>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<｜DSML｜function_calls>", "<｜DSML｜invoke"},
};
