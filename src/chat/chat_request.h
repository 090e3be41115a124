/*
 * chat_request - a conversation to be rendered: messages, tools and what a template may be told.
 *
 * A request owns copies of everything it was given (texts in its arena, JSON by reference count).
 * Zeroed is a valid empty request; release it with chat_request_done(). Texts are valid UTF-8: who
 * takes bytes from outside checks that (invalid bytes render as they are and harm nothing).
 *
 * Threads: one at a time. Used by: chat_template.h, engine/, agent/.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "chat/segment.h"

#include <jansson.h>

enum chat_role {
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_DEVELOPER, /* rendered as system: every template that knows it treats them alike */
    CHAT_ROLE_USER,
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_TOOL,
};

struct chat_tool_call {
    struct str id; /* empty: none */
    struct str name;
    json_t *arguments; /* normally an object; owned */
};

struct chat_message {
    enum chat_role role;
    enum segment_origin origin;             /* of the content, unless content_runs says more */
    struct str content;                     /* empty when there is none */
    const struct segment_run *content_runs; /* origins inside the content; NULL: all `origin` */
    size_t content_run_count;
    json_t *content_parts; /* NULL, or an array in OpenAI form ({"type": "text", ...}) that stands
                              in place of `content`; owned */
    struct str reasoning;  /* ASSISTANT: thinking before the content; empty: none */
    struct chat_tool_call *tool_calls;
    size_t tool_call_count;
    struct str tool_call_id; /* TOOL: which call this answers; empty: unknown */
    struct str tool_name;    /* TOOL: the tool that answered; empty: unknown */
};

enum chat_thinking {
    CHAT_THINKING_DEFAULT, /* as the template has it */
    CHAT_THINKING_ON,
    CHAT_THINKING_OFF,
};

struct chat_request {
    struct arena arena;
    struct chat_message *messages;
    size_t message_count;
    size_t message_capacity;
    json_t *tools;         /* NULL, or an array in OpenAI form, in the order to show; owned */
    json_t *variables;     /* NULL, or an object with extra template variables; owned */
    int64_t local_seconds; /* what the clock on the wall shows, as seconds since 1970-01-01; fixed
                                once per session, or a prompt with a date in it changes daily */
    enum chat_thinking thinking;
    bool add_generation_prompt; /* end with the opening of the model's turn */
};

void chat_request_done(struct chat_request *request);

/* Forgets messages, tools and variables; keeps memory for reuse. */
void chat_request_clear(struct chat_request *request);

/* Appends a message with a copy of `content` and the origin its role implies (system, user, model,
 * tool). The pointer is valid until the next message is added. */
struct chat_message *chat_request_add(struct chat_request *request, enum chat_role role,
                                      struct str content);

/* Appends a call to an assistant message. `arguments` gets a reference of its own; NULL is {}. */
void chat_request_add_call(struct chat_request *request, struct chat_message *message,
                           struct str id, struct str name, json_t *arguments);

/* A copy of `text` that lives as long as the request, for the fields above. */
struct str chat_request_copy(struct chat_request *request, struct str text);

/* Share the caller's value (NULL: none). */
void chat_request_set_tools(struct chat_request *request, json_t *tools);
void chat_request_set_variables(struct chat_request *request, json_t *variables);

/* "system", "developer", "user", "assistant", "tool". */
const char *chat_request_role_name(enum chat_role role);
