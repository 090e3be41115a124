#include "server/job_loop.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "server/exchange.h"
#include "server/turn.h"

enum { QUEUE_MAX = 256 };

struct job_loop {
    const struct api_model *model;
    struct thread thread;
    struct lock lock;
    struct lock_signal signal;
    struct exchange *queue; /* under the lock, as the two below */
    struct turn *turn;
    unsigned queue_count;
    unsigned count; /* of exchanges that are not finished */
    bool is_stopping;
};

/* The answer, or why there is none. Takes over the queue's reference. */
static void finish(struct job_loop *loop, struct exchange *exchange, json_t *value,
                   const struct api_failure *failure)
{
    exchange_finish(exchange, value, failure);
    exchange_unref(exchange);
    lock_take(&loop->lock);
    loop->count--;
    lock_give(&loop->lock);
}

static void work(struct job_loop *loop, struct exchange *exchange)
{
    const struct api_context context = {
        .model = loop->model, .now_us = clock_unix_us(), .seconds = clock_seconds};
    struct api_failure failure = {0};
    json_t *value = NULL;
    if (exchange_wait(exchange, STR(""))) {
        turn_take(loop->turn);
        value = exchange->route->work(&context, exchange->body, &failure);
        turn_give(loop->turn);
    }
    finish(loop, exchange, value, &failure);
}

/* Waits for the next exchange; NULL when the loop is to end. */
static struct exchange *next_exchange(struct job_loop *loop)
{
    lock_take(&loop->lock);
    while (!loop->queue && !loop->is_stopping)
        (void)lock_signal_wait(&loop->signal, &loop->lock, -1);
    struct exchange *exchange = loop->is_stopping ? NULL : loop->queue;
    if (exchange) {
        loop->queue = exchange->next;
        loop->queue_count--;
    }
    lock_give(&loop->lock);
    return exchange;
}

static void run(void *context)
{
    struct job_loop *loop = context;
    for (struct exchange *exchange; (exchange = next_exchange(loop));)
        work(loop, exchange);
    const struct error closing = {.text = "holt is closing"};
    const struct api_failure failure = api_failure_of(E_BUSY, &closing);
    while (loop->queue) { /* nobody submits any more */
        struct exchange *exchange = loop->queue;
        loop->queue = exchange->next;
        finish(loop, exchange, NULL, &failure);
    }
}

enum status job_loop_start(const struct api_model *model, struct turn *turn, struct job_loop **out,
                           struct error *err)
{
    struct job_loop *loop = mem_zalloc(sizeof(*loop));
    loop->model = model;
    loop->turn = turn;
    lock_init(&loop->lock);
    lock_signal_init(&loop->signal);
    const enum status status = thread_start(&loop->thread, "jobs", run, loop, err);
    if (status != OK) {
        job_loop_stop(loop);
        return status;
    }
    *out = loop;
    return OK;
}

void job_loop_stop(struct job_loop *loop)
{
    if (!loop)
        return;
    lock_take(&loop->lock);
    loop->is_stopping = true;
    lock_signal_send(&loop->signal);
    lock_give(&loop->lock);
    thread_join(&loop->thread);
    lock_signal_done(&loop->signal);
    lock_done(&loop->lock);
    mem_free(loop);
}

enum status job_loop_submit(struct job_loop *loop, struct exchange *exchange, struct error *err)
{
    lock_take(&loop->lock);
    if (loop->is_stopping || loop->queue_count >= QUEUE_MAX) {
        const unsigned count = loop->queue_count;
        lock_give(&loop->lock);
        return error_set(err, E_BUSY, "%u requests are waiting already; try again later", count);
    }
    struct exchange **end = &loop->queue;
    while (*end)
        end = &(*end)->next;
    *end = exchange_ref(exchange);
    loop->queue_count++;
    loop->count++;
    lock_signal_send(&loop->signal);
    lock_give(&loop->lock);
    return OK;
}

unsigned job_loop_count(struct job_loop *loop)
{
    lock_take(&loop->lock);
    const unsigned count = loop->count;
    lock_give(&loop->lock);
    return count;
}
