/*
 * chat_event - what comes out of a model, as far as anyone above the engine needs to know.
 *
 * Made by output_parser.h, passed on by engine/session.h. Views are valid only while the event is
 * being delivered: a receiver copies what it keeps.
 */
#pragma once

#include "base/str.h"

enum chat_event_kind {
    CHAT_EVENT_REASONING, /* text: a piece of thinking, whole UTF-8 characters */
    CHAT_EVENT_TEXT,      /* text: a piece of the answer, whole UTF-8 characters */
    CHAT_EVENT_TOOL_CALL, /* one complete call: tool_name and arguments; text: as it was written */
    CHAT_EVENT_BAD_CALL,  /* something that began as a call and is none: text as it was written,
                             reason: one sentence that a model can act on */
    CHAT_EVENT_FINISHED,  /* always last, exactly once */
};

struct chat_event {
    enum chat_event_kind kind;
    struct str text;
    struct str tool_name; /* TOOL_CALL */
    struct str arguments; /* TOOL_CALL: one JSON object, the model's own spelling where the format
                             carries JSON */
    struct str reason;    /* BAD_CALL */
};
