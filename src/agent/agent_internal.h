/*
 * agent_internal - the inside of an agent, shared by agent.c (the loop) and agent_context.c
 * (messages and their place in the context) only.
 *
 * Threads: see agent.h.
 */
#pragma once

#include "agent/agent.h"
#include "base/strbuf.h"
#include "chat/chat_request.h"
#include "chat/chat_template.h"

enum { AGENT_CALL_ID_SIZE = 16 };

struct session;

struct agent {
    struct agent_config config; /* defaults filled in */
    struct session *session;
    struct chat_request request; /* the conversation, system message first */
    struct chat_spans spans;     /* as rendered last */
    int64_t local_seconds;       /* frozen: a date in the prompt must not change within a session */
    json_t *failures;            /* [{name, arguments, count, written: [text]}] of this turn, or
                                    NULL */
    json_t *calls;               /* of the generation going on */
    json_t *written;             /* each of these as the model wrote it; "" for bad ones */
    struct strbuf answer;
    struct strbuf reasoning;
    struct strbuf result; /* of the call going on, as the model will read it */
    uint32_t call_number;
    bool is_cancelled;
};

/* False when the turn is to stop. */
bool agent_emit(struct agent *agent, const struct agent_event *event);
void agent_notice(struct agent *agent, struct str text);
