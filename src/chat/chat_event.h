/*
 * chat_event - what comes out of a model, as far as anyone above the engine needs to know.
 *
 * Made by output_parser.h, passed on by engine/session.h. Views are valid only while the event is
 * being delivered: a receiver copies what it keeps.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* One token and how likely it was: the natural logarithm of the probability the model gave it,
 * before penalties, masks and temperature. */
struct chat_token {
    struct str text; /* its bytes, which may be a part of a character */
    int32_t id;
    double logprob;
};

enum chat_event_kind {
    CHAT_EVENT_TOKEN,          /* only where asked for, before what comes of the token: tokens */
    CHAT_EVENT_REASONING,      /* text: a piece of thinking, whole UTF-8 characters */
    CHAT_EVENT_TEXT,           /* text: a piece of the answer, whole UTF-8 characters */
    CHAT_EVENT_CALL_BEGIN,     /* a call has begun: tool_name and call_id */
    CHAT_EVENT_CALL_ARGUMENTS, /* text: a piece of its arguments, whole UTF-8 characters */
    CHAT_EVENT_TOOL_CALL,      /* the call is complete: tool_name, call_id and arguments, of which
                                  the pieces were the parts; text: as it was written */
    CHAT_EVENT_BAD_CALL, /* something that began as a call and is none: text as it was written,
                                  reason: one sentence that a model can act on. Takes a
                                  CALL_BEGIN back that went before. */
    CHAT_EVENT_FINISHED, /* always last, exactly once */
};

/* Every TOOL_CALL comes behind a CALL_BEGIN; whoever wants whole calls looks only at it. */
struct chat_event {
    enum chat_event_kind kind;
    struct str text;
    struct str tool_name; /* CALL_BEGIN, TOOL_CALL */
    struct str call_id;   /* the same: as the model wrote it; empty where the format has none */
    struct str arguments; /* TOOL_CALL: one JSON object, the model's own spelling where the format
                             carries JSON */
    struct str reason;    /* BAD_CALL */
    const struct chat_token *tokens; /* TOKEN: the one that was taken, then the most likely ones */
    size_t token_count;
};
