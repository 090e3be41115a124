/*
 * tool_format_command_r7b - Command R7B and later.
 *
 *     <|START_ACTION|>[
 *         {"tool_call_id": "0", "tool_name": NAME, "parameters": {...}}
 *     ]<|END_ACTION|>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_command_r7b = {
    .name = "command_r7b",
    .syntax = {.section_open = TOOL_FORMAT_TEXT("<|START_ACTION|>[\n"),
               .open = TOOL_FORMAT_TEXT("    "),
               .id_open = TOOL_FORMAT_TEXT("{\"tool_call_id\": \""),
               .name_open = TOOL_FORMAT_TEXT("\", \"tool_name\": \""),
               .name_close = TOOL_FORMAT_TEXT("\", \"parameters\": "),
               .between = TOOL_FORMAT_TEXT(",\n"),
               .section_close = TOOL_FORMAT_TEXT("\n]<|END_ACTION|>"),
               .shape = TOOL_FORMAT_OBJECT,
               .arguments = TOOL_FORMAT_JSON,
               .id = TOOL_FORMAT_ID_INDEX,
               .id_place = TOOL_FORMAT_BEFORE_NAME},
    .markers = {"<|START_ACTION|>"},
};
