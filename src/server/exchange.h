/*
 * exchange - one request and its answer, between the thread that has the connection and the one
 * that has the model.
 *
 * The connection's thread fills it, hands it to the engine loop, and takes bytes as they come; the
 * engine's thread writes the reply. Both hold a reference; the lock guards what changes. The engine
 * wakes a connection that waits for bytes, and only then.
 *
 * Threads: as said at each field. Used by: engine_loop.c, http_server.c.
 */
#pragma once

#include "api/reply.h"
#include "api/route.h"
#include "engine/scheduler.h"
#include "os/lock.h"

#include <stdbool.h>

struct engine;
struct response_draft;
struct response_store;
struct scheduler_task;

/* One of the answers to a request; most ask for one. The engine's thread only, but for the reply.
 */
struct exchange_choice {
    struct exchange *exchange;
    struct reply *reply; /* that of the exchange, or one of its own; under the lock */
    struct scheduler_task *task;
    unsigned prompt;                        /* which of the request's prompts it answers, */
    unsigned nth;                           /* and which of the answers to that */
    bool has_begun;                         /* the scheduler has or had it */
    bool has_answered;                      /* it has read the prompt, for all answers to it */
    double began_seconds, answered_seconds; /* clock_seconds(); 0: not yet */
};

enum {
    EXCHANGE_PAUSE_BYTES = 512 << 10, /* so far a client may be behind before its answer pauses, */
    EXCHANGE_RESUME_BYTES = 64 << 10, /* and so far it is when it goes on */
    EXCHANGE_TASKS_MAX = 16,          /* answers of one request that are worked on together */
};

/* A stream whose work has not begun by then is opened all the same and told why it waits, again and
 * again: clients give up on servers that say nothing. Until it is opened a refusal has its own
 * status. */
enum { EXCHANGE_PATIENCE_SECONDS = 10, EXCHANGE_PING_SECONDS = 5 };

struct exchange {
    const struct route *route;
    struct api_request request;       /* until the engine takes it */
    json_t *body;                     /* of a route that works in one go; owned */
    json_t *settings;                 /* of the model that is asked; NULL: none; owned */
    bool is_anthropic;                /* the client sent anthropic-version */
    struct response_store *responses; /* where its response is kept; borrowed */
    struct response_draft *draft;     /* of it, until it is; NULL: it is not to be kept. Under the
                                         lock */

    struct lock lock;
    unsigned references;
    struct reply reply; /* the engine's while it works; under the lock */
    int http_status;    /* of the response; 0: not decided yet */
    bool is_finished;   /* nothing more will be written */
    bool is_gone;       /* the client went away */
    bool is_waiting;    /* the connection sleeps until it is woken */
    uint64_t admin_id;  /* of a request for the front; 0: none */
    bool is_accepted;   /* the front takes the file that is uploaded, */
    unsigned ahead;     /* and did not say yet that it has so many pieces of it */
    void (*wake)(void *connection);
    void *connection;
    int fd; /* of the connection, to see it hang up; -1: none */
    enum scheduler_urgency urgency;
    bool is_behind;         /* the client reads too slowly: the answer pauses */
    double arrived_seconds; /* clock_seconds() */
    double written_seconds; /* the same, when something was last written */

    /* The engine's thread only. */
    struct engine *engine;
    struct exchange_choice *choices; /* [choice_count] */
    unsigned choice_count;
    unsigned begun_count;
    unsigned over_count;
    json_t *whole; /* the answers that are over, in one */
    struct exchange *next;
    bool has_news;        /* for the connection, to be woken once the step is over */
    bool is_held;         /* its tasks are, as the client was behind */
    double begun_seconds; /* clock_seconds() */
};

/* Prepares the answers, once the reply is: each has its index, stop texts and name. */
void exchange_make_choices(struct exchange *exchange, const uint8_t random[16], int64_t now_us);

/* The answer that is to begin next, or NULL: of each prompt the first, the others when that has
 * read the prompt, as they share what it computed; and not too many of one request at a time. */
struct exchange_choice *exchange_next_choice(const struct exchange *exchange);

/* What the other answers add to the counts of this one; a prompt counts once. */
struct reply_counts exchange_others(const struct exchange_choice *choice);

/* What answers call the model when the client named none. */
void exchange_name_model(struct exchange *exchange, struct str name);

struct exchange *exchange_new(const struct route *route);
struct exchange *exchange_ref(struct exchange *exchange);
void exchange_unref(struct exchange *exchange); /* NULL is allowed */

/* The whole answer, taken over, or, where it is NULL, why there is none. */
void exchange_finish(struct exchange *exchange, json_t *value, const struct api_failure *failure);

/* Why it waits, in a few words, for a client that waits long. False: the client is gone. */
bool exchange_wait(struct exchange *exchange, struct str why);

/* Wakes the connection if it waits. Under the lock. */
void exchange_wake(struct exchange *exchange);
