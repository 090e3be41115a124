/*
 * client_tools - the tools that clients of OpenAI's protocols offer, as the functions that a model
 * is told of, and the way back.
 *
 * A custom tool takes a text and no arguments. For the model it is a function with one argument,
 * TOOL_MASK_INPUT, which may be held to a grammar. What a function stands for is kept in
 * api_request.tool_names; the writers turn its calls into calls of what the client offered.
 *
 * Threads: one at a time. Used by: the readers and writers of openai and responses.
 */
#pragma once

#include "api/api_request.h"
#include "engine/tool_mask.h"

/* The name for the model of a function in a namespace, which may be empty; appended. */
void client_tools_join_name(struct str name_space, struct str name, struct strbuf *out);

/* Remembers what the function `joined` stands for. */
void client_tools_note_name(struct api_request *request, const char *joined, struct str name_space,
                            struct str name, bool is_custom);

/* Adds a function; `description` and `parameters` may be NULL. */
void client_tools_add_function(struct api_request *request, const char *name, json_t *description,
                               json_t *parameters);

/* Adds a custom tool: {"name", "description", "format": {"type": "text"}, or of type "grammar" with
 * "syntax" and "definition", in it (Responses) or in its member "grammar" (chat)}. E_INVALID: it
 * has no name, that of another tool, or a format that is none. */
MUST_USE enum status client_tools_add_custom(struct api_request *request, const json_t *tool,
                                             struct error *err);

/* E_INVALID when a custom tool has this name already. */
MUST_USE enum status client_tools_check_function(const struct api_request *request, struct str name,
                                                 struct error *err);

/* "tool_choice" of type "allowed_tools": of the tools that the model is told of only some may be
 * called. `allowed` has "mode" ("auto" or "required") and "tools", each as tool_choice names one
 * tool. E_INVALID: none, or one that is not offered. */
MUST_USE enum status client_tools_allow(struct api_request *request, const json_t *allowed,
                                        struct error *err);

/* True: `choice` is of that type; *out is what client_tools_allow() takes. */
bool client_tools_is_allowance(const json_t *choice, const json_t **out);

/* The arguments of a call that a client tells as one of a custom tool; a new reference. */
json_t *client_tools_arguments(const json_t *input);

/* What the function stands for: {"name", "namespace", "custom"}, or NULL when it is one. */
const json_t *client_tools_entry(const json_t *tool_names, struct str name);
bool client_tools_is_custom(const json_t *entry);

/* The text that a custom tool gets, of the arguments of a call; a new reference. */
json_t *client_tools_input(struct str arguments);
