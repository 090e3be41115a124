/*
 * tool_format_functionary - Functionary 3.1.
 *
 *     <function=NAME>{...}</function>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_functionary = {
    .name = "functionary",
    .syntax = {.open = TOOL_FORMAT_TEXT("<function="),
               .name_close = TOOL_FORMAT_TEXT(">"),
               .close = TOOL_FORMAT_TEXT("</function>"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<function="},
};
