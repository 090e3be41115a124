/*
 * tool_format_mistral - Ministral 3, Devstral, Magistral.
 *
 *     [TOOL_CALLS]NAME[ARGS]{...}
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_mistral = {
    .name = "mistral",
    .syntax = {.open = TOOL_FORMAT_TEXT("[TOOL_CALLS]"),
               .name_close = TOOL_FORMAT_TEXT("[ARGS]"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"[TOOL_CALLS]"},
};
