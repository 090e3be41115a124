/*
 * tool_format_functionary_v32 - Functionary 3.2: messages with recipients, see output_recipients.c.
 *
 *     >>>NAME
 *     {...}
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_functionary_v32 = {
    .name = "functionary_v32",
    .syntax = {.open = TOOL_FORMAT_TEXT(">>>"),
               .name_close = TOOL_FORMAT_TEXT("\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {">>>"},
    .hint = ">>>all",
    .headers = TOOL_FORMAT_RECIPIENTS,
};
