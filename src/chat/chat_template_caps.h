/*
 * chat_template_caps - what a chat template can do, as probe conversations showed it, and what is
 * done where it cannot.
 *
 * Used by: chat_template.c and the files around it; `holt show` prints it.
 */
#pragma once

#include "chat/jinja_string.h"

#include <stdbool.h>

struct tool_format;

/* Where a template looks for the reasoning of an assistant message. */
enum chat_reasoning_key {
    CHAT_REASONING_NONE,     /* it shows none */
    CHAT_REASONING_CONTENT,  /* message.reasoning_content */
    CHAT_REASONING_THINKING, /* message.thinking */
    CHAT_REASONING_PLAIN,    /* message.reasoning */
    CHAT_REASONING_PART,     /* a part of the content: {"type": "thinking", "thinking": ...} */
};

/* What the probes found. In brackets: what is done when it is false. */
struct chat_template_caps {
    bool system_role;    /* a system message is rendered [it goes into the next user message] */
    bool late_system;    /* ... also behind the first user message, in its place [the same] */
    bool repeated_roles; /* two user messages may follow each other [they are joined] */
    bool tools;          /* tool schemas are rendered [they are described in the system message] */
    bool tools_as_text;  /* they are expected as the text `functions`, always */
    bool tool_calls;     /* calls in assistant messages are rendered [as text in the content] */
    bool parallel_calls; /* ... also two in one message [one message each, with its result] */
    bool call_content;   /* ... beside content [the content is a message before] */
    bool call_reasoning; /* ... beside content and reasoning [content joins the reasoning] */
    bool call_without_content; /* content must be none beside calls, not "" */
    bool tool_results;         /* tool messages are rendered [as user messages] */
    bool string_content;       /* content may be plain text [it becomes a list of one part] */
    bool parts_content;        /* content may be a list of parts [their texts are joined] */
    bool arguments_as_text;    /* a call's arguments are expected as JSON text, not as an object */
    bool generation_prompt;    /* add_generation_prompt is heeded [the text is found and added] */
    enum chat_reasoning_key reasoning;
};

/* Texts that the probes found and that rendering adds where the template does not. */
struct chat_template_found {
    struct jinja_string call_example;      /* how a call is written; empty: the generic way */
    struct str generation_prompt;          /* the opening of the model's turn */
    const struct tool_format *call_format; /* of calls the template shows tools for, but does not
                                              write; NULL: the generic one */
};
