/*
 * front_protocol - what the process with the terminal and the process with the model say to each
 * other, over a channel (os/channel.h).
 *
 * One form for all messages: a kind, three texts, a flag and some numbers. Bytes: flag u8, count of
 * numbers u8, numbers u64, then the texts, each a length u32 and its bytes; all little-endian.
 * Neither side trusts the other: lengths are checked, and the front cleans every text before it
 * reaches the terminal.
 *
 * Threads: one sender and one receiver per end.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct channel;

enum front_kind {
    /* front to core */
    FRONT_ASK = 1, /* text: what the user says; numbers: turn */
    FRONT_STOP,    /* numbers: turn */
    FRONT_NEW,     /* forget the conversation; the next ASK begins a new session */
    FRONT_LIST,    /* send the sessions: SESSION..., LISTED */
    FRONT_NEWS,    /* of a JOB; text: a line of JSON, or "": what it sent was taken; or with flag,
                      the last one, an error or ""; numbers: id, enum status */

    /* core to front */
    FRONT_READY,     /* name: the model; text: session id or ""; numbers: enum front_ready */
    FRONT_HISTORY,   /* name: role; text: content, of a session taken up again: after READY */
    FRONT_PROGRESS,  /* numbers: done, total (tokens of the prompt) */
    FRONT_REASONING, /* text */
    FRONT_TEXT,      /* text: a piece of the answer */
    FRONT_CALL,      /* name: tool; text: arguments as JSON; detail: the same in short */
    FRONT_RESULT,    /* name: tool; text: result; detail: the same in short; flag: an error */
    FRONT_NOTICE,    /* text: a sentence for the person */
    FRONT_SESSION,   /* name: id; text: title; detail: workspace; numbers: updated_ms, entries */
    FRONT_LISTED,    /* after the last SESSION, and after READY and HISTORY */
    FRONT_JOB,       /* name: what; text: the request's body as JSON; detail: the key that came with
                        it; numbers: id, the client's port; see serve_jobs.h */
    FRONT_DATA,      /* text: bytes for a JOB that takes some; numbers: its id */
    FRONT_FINISHED,  /* text: error or ""; name: session id; numbers: enum front_finished */
    FRONT_FAILED,    /* text: why the core cannot work; always last */
};

/* Numbers of READY. */
enum front_ready {
    FRONT_READY_CONTEXT,
    FRONT_READY_RESTORED,
    FRONT_READY_EMBEDS,
    FRONT_READY_COUNT
};

/* Numbers of FINISHED. */
enum front_finished {
    FRONT_FINISHED_TURN,
    FRONT_FINISHED_STATUS, /* enum status */
    FRONT_FINISHED_END,    /* enum agent_end, with status OK */
    FRONT_FINISHED_STEPS,
    FRONT_FINISHED_CALLS,
    FRONT_FINISHED_FAILED_CALLS,
    FRONT_FINISHED_PROMPT_TOKENS,
    FRONT_FINISHED_CACHED_TOKENS,
    FRONT_FINISHED_GENERATED_TOKENS,
    FRONT_FINISHED_DRAFTED_TOKENS,
    FRONT_FINISHED_ACCEPTED_TOKENS,
    FRONT_FINISHED_CONTEXT_TOKENS,
    FRONT_FINISHED_MICROSECONDS,
    FRONT_FINISHED_COUNT
};

enum { FRONT_NUMBERS_MAX = 16, FRONT_BODY_MAX = 4 * 1024 * 1024 };

struct front_message {
    enum front_kind kind;
    struct str name;
    struct str text;
    struct str detail;
    bool flag;
    unsigned number_count;
    uint64_t numbers[FRONT_NUMBERS_MAX]; /* those not sent are 0 */
};

/* E_LIMIT when the texts are longer than FRONT_BODY_MAX together; nothing is sent then. */
MUST_USE enum status front_protocol_send(struct channel *channel,
                                         const struct front_message *message, struct error *err);

/* The texts point into `body`. E_CANCELLED when the other side is gone, E_FORMAT when it sends what
 * is no message. */
MUST_USE enum status front_protocol_receive(struct channel *channel, struct strbuf *body,
                                            struct front_message *out, struct error *err);

/* The bytes of a message, and back; pure. */
void front_protocol_encode(const struct front_message *message, struct strbuf *out);
MUST_USE enum status front_protocol_decode(uint32_t kind, struct str body,
                                           struct front_message *out, struct error *err);
