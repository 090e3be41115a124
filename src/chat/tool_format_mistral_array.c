/*
 * tool_format_mistral_array - Mistral Nemo and older.
 *
 *     [TOOL_CALLS][{"name": NAME, "arguments": {...}, "id": "nine letters"}]
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_mistral_array = {
    .name = "mistral_array",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("[TOOL_CALLS]["),
               .name_open = TOOL_FORMAT_TEXT("{\"name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"arguments\": "),
               .between = TOOL_FORMAT_TEXT(", "),
               .section_close = TOOL_FORMAT_TEXT("]"),
               .id_open = TOOL_FORMAT_TEXT(", \"id\": \""),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON,
               .id = TOOL_FORMAT_ID_LETTERS,
               .id_place = TOOL_FORMAT_BEHIND_ARGUMENTS},
    .markers = {"[TOOL_CALLS]"},
};
