/*
 * chat_request_json - a conversation in the OpenAI form as a chat_request.
 *
 *   [message, ...] or {"messages": [message, ...], "tools": [...], "add_generation_prompt": true,
 *   any other variable of the template}
 *   message: {"role", "content": text, list of parts or null, "reasoning_content" (or "reasoning",
 *   "thinking"), "tool_calls": [{"id", "function": {"name", "arguments": object or JSON text}}],
 *   "tool_call_id", "name"}
 *
 * Threads: any. Used by: cli/cmd_template.c.
 */
#pragma once

#include "base/error.h"
#include "chat/chat_request.h"

enum {
    CHAT_REQUEST_JSON_MESSAGES_MAX = 100 * 1000,
    CHAT_REQUEST_JSON_CALLS_MAX = 1000,
    CHAT_REQUEST_JSON_TOOLS_MAX = 10 * 1000,
};

/* Adds to `request`, which is empty. E_INVALID with a sentence that names the place, such as
 * "messages[3].content", E_LIMIT with the number and the limit; `request` may then be filled in
 * part. */
MUST_USE enum status chat_request_json_read(const json_t *conversation,
                                            struct chat_request *request, struct error *err);
