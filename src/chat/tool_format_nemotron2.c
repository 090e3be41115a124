/*
 * tool_format_nemotron2 - Nemotron Nano v2.
 *
 *     <TOOLCALL>[{"name": NAME, "arguments": {...}}]</TOOLCALL>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_nemotron2 = {
    .name = "nemotron2",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<TOOLCALL>["),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]</TOOLCALL>"),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON},
    .markers = {"<TOOLCALL>"},
};
