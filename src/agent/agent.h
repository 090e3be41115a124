/*
 * agent - the loop: a task goes in, the model looks, acts and answers.
 *
 *   turn = user text -> (generate -> tool call -> run -> result)* -> answer
 *
 * An agent keeps one conversation and one session (engine/session.h), in which every turn continues
 * the tokens of the ones before. Tool calls are masked while they are generated, so a call is
 * always well formed and names a tool that exists; the same call that failed twice is masked out.
 * Nothing is cut from the head: when the context is full the oldest tool results are shortened, the
 * user is told, and if that is not enough the turn ends with AGENT_END_CONTEXT.
 *
 * Every message is handed to `record` before it is shown, so that what was seen survives a crash.
 *
 * Threads: the engine's. Depends on: engine/, chat/, tools/. Used by: cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "engine/session.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct agent;
struct engine;
struct strbuf;

enum {
    AGENT_STEPS_DEFAULT = 12,
    AGENT_STEPS_MAX = 1000,
    AGENT_RESULT_TOKENS_DEFAULT =
        1024, /* of one tool result, and at most a quarter of the context */
    AGENT_ANSWER_TOKENS_DEFAULT = 1024, /* of one generation */
    AGENT_SAME_FAILURES_MAX = 2,        /* then the identical call is masked out */
};

enum agent_event_kind {
    AGENT_EVENT_PROGRESS,    /* done/total prompt tokens */
    AGENT_EVENT_REASONING,   /* text: a piece of thinking */
    AGENT_EVENT_TEXT,        /* text: a piece of the answer, whole characters */
    AGENT_EVENT_TOOL_CALL,   /* tool_name, text: the arguments as JSON */
    AGENT_EVENT_TOOL_RESULT, /* tool_name, text: what the model will read; is_error */
    AGENT_EVENT_NOTICE,      /* text: a sentence for the person (results shortened, ...) */
};

struct agent_event {
    enum agent_event_kind kind;
    struct str text; /* valid during the call */
    struct str tool_name;
    bool is_error;
    uint32_t done;
    uint32_t total;
};

/* Return false to stop the turn (AGENT_END_CANCELLED); the conversation stays usable. */
typedef bool(agent_event_fn)(void *context, const struct agent_event *event);

/* Writes one message (an object with "role", see store/session_store.h) durably. A failure ends the
 * turn with that error: nothing is shown that was not kept. */
typedef enum status(agent_record_fn)(void *context, const json_t *message, struct error *err);

/*
 * Runs one tool call and appends the result text to `out`. Failures of the tool are results
 * ("error: ..."); an error status means that tools cannot be run at all any more.
 */
typedef enum status(agent_tool_fn)(void *context, struct str tool_name, struct str arguments,
                                   struct strbuf *out, struct error *err);

struct agent_config {
    struct engine *engine;
    const json_t *tools;     /* array in OpenAI form (tools/tool_list.h); NULL: none */
    agent_tool_fn *run_tool; /* needed with tools */
    agent_record_fn *record; /* may be NULL */
    agent_event_fn *event;   /* may be NULL */
    void *context;           /* of the three functions */
    struct sampler_options sampler;
    struct str system_text;     /* behind the fixed words (core_text.h); empty: nothing */
    uint32_t steps_max;         /* model turns per user text; 0: AGENT_STEPS_DEFAULT */
    uint32_t result_tokens_max; /* 0: default */
    uint32_t answer_tokens_max; /* 0: default */
};

enum agent_end {
    AGENT_END_ANSWER,    /* the model answered */
    AGENT_END_STEPS,     /* steps_max reached without an answer */
    AGENT_END_CONTEXT,   /* the context is full and nothing is left to shorten */
    AGENT_END_CANCELLED, /* the event function said so */
};

struct agent_outcome {
    enum agent_end end;
    uint32_t steps;
    uint32_t tool_calls;
    uint32_t failed_calls;
    uint32_t prompt_tokens;    /* computed in this turn */
    uint32_t cached_tokens;    /* reused in this turn, over all steps */
    uint32_t generated_tokens; /* forced ones included */
    uint32_t forced_tokens;
    uint32_t drafted_tokens;  /* guessed and computed on trial, beside these */
    uint32_t accepted_tokens; /* of the generated ones, guessed right */
    uint32_t context_tokens;  /* in the log now */
    double seconds;
};

/* The agent borrows what the config points to. */
MUST_USE enum status agent_new(const struct agent_config *config, struct agent **out,
                               struct error *err);
void agent_free(struct agent *agent); /* NULL is allowed */
static inline void agent_freep(struct agent **agent)
{
    agent_free(*agent);
}

/* Takes up a stored conversation: an array of messages as they were recorded. A call without a
 * result (the process died between them) gets the result "error: interrupted; whether it was
 * carried out is unknown". */
MUST_USE enum status agent_restore(struct agent *agent, const json_t *messages, struct error *err);

/* One turn. *out is filled also when it fails. `text` is valid UTF-8, at most the context. */
MUST_USE enum status agent_run(struct agent *agent, struct str text, struct agent_outcome *out,
                               struct error *err);

/* Stores what is computed of the conversation, so that a later process need not compute it again,
 * as far as the engine stores anything; `owner` [SNAPSHOT_OWNER_BYTES] is for
 * prefix_store_forget(). Between turns. */
void agent_keep(struct agent *agent, const uint8_t *owner);

/* The last answer; valid until the next turn. */
struct str agent_answer(const struct agent *agent);

/* Forgets the conversation; the computed prompt is kept. */
void agent_reset(struct agent *agent);
