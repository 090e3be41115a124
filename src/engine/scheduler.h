/*
 * scheduler - many answers at once on one engine: one queue, one batch a step.
 *
 * A task is a rendered conversation to be continued. Tasks wait in a bounded queue; up to
 * `active_max` are worked on together, each on a session of the pool (session_pool.h), so that a
 * conversation that goes on pays only for its new tokens. Every step computes one batch: the next
 * token of every task that is generating, with guesses of what follows as far as they pay, and a
 * slice of prompts, sized by measured step times so that no running stream waits more than twice
 * its idle interval. When pages run out, idle sessions are forgotten, then the task that began last
 * gives its pages back and waits: it is computed again later and continues with the same tokens,
 * because logits depend on the tokens alone (docs/decisions/0001). What a task yields never depends
 * on the tasks beside it.
 *
 * Who waits is taken up in the order of urgency, but nobody waits for ever: a task of a lower class
 * goes before those of a higher one that came SCHEDULER_..._SECONDS after it. Until then a task of
 * the lowest gives its place up for others. A task whose caller cannot take more is held: it leaves
 * its place to others until the caller lets it go on.
 *
 * Threads: the engine's; nothing here locks. Depends on: session, infer/. Used by: server/.
 */
#pragma once

#include "base/error.h"
#include "engine/session.h"
#include "engine/session_pool.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;
struct scheduler_task; /* one answer; gone when its `finished` has been called */

enum {
    SCHEDULER_ACTIVE_MAX = 64, /* tasks in one batch */
    SCHEDULER_ACTIVE_DEFAULT = 8,
    SCHEDULER_QUEUE_MAX = 512, /* of each class */
    SCHEDULER_HELD_MAX = 256,  /* of more, the one that is held longest ends with E_BUSY */
};

enum scheduler_urgency {
    SCHEDULER_INTERACTIVE, /* somebody watches the answer come */
    SCHEDULER_SIDE,        /* a program waits for the whole of it */
    SCHEDULER_BATCH,       /* it may take its time */
    SCHEDULER_URGENCY_COUNT,
};

/* So much later a task is taken up as if it had come, for its class. */
enum { SCHEDULER_SIDE_SECONDS = 5, SCHEDULER_BATCH_SECONDS = 60 };

struct scheduler_config {
    uint32_t active_max;    /* 0: SCHEDULER_ACTIVE_DEFAULT */
    uint32_t queue_max;     /* tasks of a class that wait; 0: SCHEDULER_QUEUE_MAX */
    cache_report_fn *cache; /* told what each task found computed; may be NULL */

    /* For who makes the masks: told, once in a row, what of tools and schemas is not enforced, some
     * lines; may be NULL. */
    void (*warn)(struct str lines);
};

/* What happens to a task is told by these calls, on the engine's thread. */
struct scheduler_sink {
    /* Work begins: `result` has the prompt's counts. May be NULL. */
    void (*began)(void *context, const struct session_result *result);
    session_event_fn *event;      /* reasoning, text, tool calls; false ends the task */
    engine_progress_fn *progress; /* of the prompt; false ends the task; may be NULL */
    /* The last call of a task. `status` other than OK: `err` says why, and `result` what was made
     * before. */
    void (*finished)(void *context, const struct session_result *result, enum status status,
                     const struct error *err);
    void *context;
};

struct scheduler_request {
    struct chat_spans *prompt; /* its content is taken over on OK: zeroed then */
    struct token_mask *mask;   /* taken over on OK; may be NULL */
    struct sampler_options sampler;
    struct session_limits limits;
    struct scheduler_sink sink;
    enum scheduler_urgency urgency;
};

/* Borrows `engine`. */
MUST_USE enum status scheduler_new(struct engine *engine, const struct scheduler_config *config,
                                   struct scheduler **out, struct error *err);
/* Ends every task with E_BUSY. NULL is allowed. */
void scheduler_free(struct scheduler *scheduler);

/* E_BUSY when the queue is full: lets a caller refuse before it does the work of a request. */
MUST_USE enum status scheduler_check_room(const struct scheduler *scheduler,
                                          enum scheduler_urgency urgency, struct error *err);

/* Puts a task into the queue; *out is valid until `finished`. E_BUSY when the queue is full,
 * E_INVALID for a sampler option out of range. That a conversation is too long is told by
 * `finished` (E_LIMIT, both numbers in the text). */
MUST_USE enum status scheduler_add(struct scheduler *scheduler, struct scheduler_request *request,
                                   struct scheduler_task **out, struct error *err);

/* Ends a task within one step; its `finished` is called from scheduler_step(). */
void scheduler_cancel(struct scheduler_task *task);

/* Nothing more is computed for the task until it is let go on; it can be cancelled meanwhile. Its
 * place is free for others from the next step on. */
void scheduler_hold(struct scheduler_task *task, bool is_held);

/* How many are to be taken up before this one; 0: it is the next, or has begun. */
uint32_t scheduler_ahead(const struct scheduler *scheduler, const struct scheduler_task *task);

/* Computes one batch. False when there is nothing to do: then wait for the next task, or for one
 * that is held. */
bool scheduler_step(struct scheduler *scheduler);

/* When there is nothing to do: stores what is new in conversations that rest (prefix_store.h),
 * until `goes_on` says no. */
void scheduler_keep(struct scheduler *scheduler, bool (*goes_on)(void *context), void *context);

struct scheduler_facts {
    uint32_t active_count;
    uint32_t waiting_count;
    uint32_t waiting_counts[SCHEDULER_URGENCY_COUNT]; /* of each class */
    uint32_t held_count;
    uint32_t idle_session_count;
    uint64_t step_count;
    uint64_t prompt_tokens; /* computed */
    uint64_t cached_tokens; /* of prompts, not computed again */
    uint64_t generated_tokens;
    uint64_t drafted_tokens;  /* guessed and computed on trial */
    uint64_t accepted_tokens; /* of these, right */
    uint64_t preempted_count; /* times a task gave its pages back */
    uint64_t stored_tokens;   /* of cached_tokens, from files */
    uint64_t stored_bytes;    /* of the folder of stored beginnings */
    double step_seconds;      /* spent in the model */
};

/* Adds `more` to `total`. */
void scheduler_add_facts(struct scheduler_facts *total, const struct scheduler_facts *more);

void scheduler_get_facts(const struct scheduler *scheduler, struct scheduler_facts *out);
