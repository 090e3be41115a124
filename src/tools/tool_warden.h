/*
 * tool_warden - the tools that run in a child, as the table the warden works with.
 *
 * Threads: any; the table is filled once and borrowed by warden_config.
 */
#pragma once

#include "sandbox/warden.h"

struct tool_warden {
    struct warden_tool tools[WARDEN_TOOLS_MAX]; /* index = index in tool_list.h */
    size_t count;
};

/* Rows of tools that run in the core have no functions: the warden refuses them. */
void tool_warden_fill(struct tool_warden *out);
