/*
 * chat_tool_text - tools, calls and results as plain text, for templates that know none of them.
 *
 * The form of a call is the first row of tool_format.h: one JSON object between <tool_call> tags,
 * which nearly every model has seen. All of it counts as foreign text: it never becomes control
 * tokens, except where an example was rendered by the template itself, or where the model has a
 * form of its own that its template leaves to the caller: then the form's markers may.
 *
 * Used by: chat_draft.c.
 */
#pragma once

#include "base/error.h"
#include "chat/chat_request.h"
#include "chat/jinja_text.h"

struct jinja_context;
struct tool_format;

/* "Tools:", the schema of each, and how to call one: as `example` has it or, when that is empty, in
 * the generic form. */
MUST_USE enum status chat_tool_text_describe(struct jinja_context *context, const json_t *tools,
                                             const struct jinja_string *example,
                                             struct jinja_text *out);

/* Calls [first, first + count) of a message, as `format` has them; NULL: the generic form. */
MUST_USE enum status chat_tool_text_calls(struct jinja_context *context,
                                          const struct tool_format *format,
                                          const struct chat_message *message, size_t first,
                                          size_t count, struct jinja_text *out);

/* The result of a tool between <tool_response> tags. */
void chat_tool_text_result(const struct jinja_string *content, struct jinja_text *out);
