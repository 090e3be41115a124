/*
 * tool_format_seed_oss - Seed-OSS.
 *
 *     <seed:tool_call>
 *     <function=NAME>
 *     <parameter=KEY>value</parameter>
 *     </function>
 *     </seed:tool_call>
 */
#include "chat/tool_format_rows.h"

const struct tool_format tool_format_seed_oss = {
    .name = "seed_oss",
    .syntax = {.open = TOOL_FORMAT_TEXT("<seed:tool_call>\n<function="),
               .name_close = TOOL_FORMAT_TEXT(">\n"),
               .close = TOOL_FORMAT_TEXT("</function>\n</seed:tool_call>"),
               .between = TOOL_FORMAT_TEXT("\n"),
               .key_open = TOOL_FORMAT_TEXT("<parameter="),
               .key_close = TOOL_FORMAT_TEXT(">"),
               .value_close = TOOL_FORMAT_TEXT("</parameter>\n"),
               .shape = TOOL_FORMAT_NAMED,
               .arguments = TOOL_FORMAT_TAGS},
    .markers = {"<seed:tool_call>"},
};
