/*
 * tool_format_mistral_id - Mistral Small 3.2.
 *
 *     [TOOL_CALLS]NAME[CALL_ID]nine letters[ARGS]{...}
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_mistral_id = {
    .name = "mistral_id",
    .syntax = {.open = TOOL_FORMAT_TEXT("[TOOL_CALLS]"),
               .name_close = TOOL_FORMAT_TEXT("[ARGS]"),
               .id_open = TOOL_FORMAT_TEXT("[CALL_ID]"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_JSON,
               .id = TOOL_FORMAT_ID_LETTERS,
               .id_place = TOOL_FORMAT_BEHIND_NAME},
    .markers = {"[TOOL_CALLS]"},
};
