/*
 * tool_format_apriel - Apriel 1.5 and 1.6.
 *
 *     <tool_calls>[{"name": NAME, "arguments": {...}, "id": "nine letters"}]</tool_calls>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_apriel = {
    .name = "apriel",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<tool_calls>["),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]</tool_calls>"),
               .id_open = TOOL_FORMAT_TEXT(", \"id\": \""),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON,
               .id = TOOL_FORMAT_ID_LETTERS,
               .id_place = TOOL_FORMAT_BEHIND_ARGUMENTS},
    .markers = {"<tool_calls>"},
};
