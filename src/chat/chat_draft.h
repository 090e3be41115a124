/*
 * chat_draft - the messages of a request in the form that a template can take.
 *
 * What a template does not know is said with what it knows (struct chat_template_caps): a system
 * message inside the next user message, tools and calls as text, results as user messages, equal
 * roles in a row as one message. Every byte keeps its origin.
 *
 * Used by: chat_template_values.c.
 */
#pragma once

#include "base/error.h"
#include "chat/chat_request.h"
#include "chat/chat_template_caps.h"
#include "chat/jinja_value.h"

struct jinja_context;

struct chat_draft {
    enum chat_role role;               /* never DEVELOPER */
    const struct chat_message *source; /* whose reasoning, calls and ids; NULL: made up here */
    struct jinja_value content;        /* a string, or a list of parts */
    struct jinja_value reasoning;      /* a string; UNDEFINED: none */
    size_t first_call;                 /* calls of `source` to show */
    size_t call_count;
    size_t number;    /* ASSISTANT: of its first call; TOOL: of the result; in the conversation */
    bool is_response; /* USER: holds results of tools */
};

struct chat_draft_list {
    struct chat_draft *drafts; /* in the arena of the context */
    size_t count;
    size_t capacity;
};

/* E_UNSUPPORTED: images for a template that takes only text. */
MUST_USE enum status chat_draft_make(struct jinja_context *context,
                                     const struct chat_template_caps *caps,
                                     const struct chat_template_found *found,
                                     const struct chat_request *request,
                                     struct chat_draft_list *out);
