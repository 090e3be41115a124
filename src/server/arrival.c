#include "server/arrival.h"

#include "base/check.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/hang_up.h"
#include "os/lock.h"
#include "os/thread.h"

#include <stdbool.h>

struct arrival {
    struct arrival_watch *watch;
    struct arrival *previous, *next;
    double until; /* clock_seconds(); 0: the request is whole, or the connection was shut down */
    int fd;
    bool flows; /* no deadline, but a hang-up ends it */
};

struct arrival_watch {
    struct thread thread;
    struct lock lock;
    struct lock_signal signal;
    struct arrival *first; /* under the lock, as what is in them and the two below */
    bool is_asleep;        /* without a deadline */
    bool is_stopping;
    double limit_seconds;
};

/* How often hung-up clients are looked for. */
static const double FLOW_SECONDS = 0.5;

/* Shuts down what is too late; the milliseconds until the next deadline, or -1. Under the lock. */
static int shut_late(struct arrival_watch *watch)
{
    const double now = clock_seconds();
    double next = -1;
    for (struct arrival *arrival = watch->first; arrival; arrival = arrival->next) {
        if (arrival->flows) {
            if (hang_up_seen(arrival->fd))
                hang_up_now(arrival->fd);
            next = next < 0 || next > FLOW_SECONDS ? FLOW_SECONDS : next;
        }
        if (arrival->until <= 0)
            continue;
        if (arrival->until <= now) {
            hang_up_now(arrival->fd);
            arrival->until = 0;
        } else if (next < 0 || arrival->until - now < next) {
            next = arrival->until - now;
        }
    }
    return next < 0 ? -1 : (int)(next * 1000) + 1;
}

static void run(void *context)
{
    struct arrival_watch *watch = context;
    lock_take(&watch->lock);
    while (!watch->is_stopping) {
        const int wait_ms = shut_late(watch);
        watch->is_asleep = wait_ms < 0;
        (void)lock_signal_wait(&watch->signal, &watch->lock, wait_ms);
    }
    lock_give(&watch->lock);
}

enum status arrival_watch_start(double limit_seconds, struct arrival_watch **out, struct error *err)
{
    struct arrival_watch *watch = mem_zalloc(sizeof(*watch));
    watch->limit_seconds = limit_seconds;
    lock_init(&watch->lock);
    lock_signal_init(&watch->signal);
    const enum status status = thread_start(&watch->thread, "arrivals", run, watch, err);
    if (status != OK) {
        arrival_watch_stop(watch);
        return status;
    }
    *out = watch;
    return OK;
}

void arrival_watch_stop(struct arrival_watch *watch)
{
    if (!watch)
        return;
    lock_take(&watch->lock);
    CHECK(!watch->first);
    watch->is_stopping = true;
    lock_signal_send(&watch->signal);
    lock_give(&watch->lock);
    thread_join(&watch->thread);
    lock_signal_done(&watch->signal);
    lock_done(&watch->lock);
    mem_free(watch);
}

/* Deadlines are all equally far away: a new one is never the first, unless it is the only one.
 * Under the lock. */
static void set_deadline(struct arrival *arrival)
{
    arrival->until = clock_seconds() + arrival->watch->limit_seconds;
    if (arrival->watch->is_asleep)
        lock_signal_send(&arrival->watch->signal);
}

struct arrival *arrival_open(struct arrival_watch *watch, int fd)
{
    struct arrival *arrival = mem_zalloc(sizeof(*arrival));
    arrival->watch = watch;
    arrival->fd = fd;
    lock_take(&watch->lock);
    arrival->next = watch->first;
    if (watch->first)
        watch->first->previous = arrival;
    watch->first = arrival;
    set_deadline(arrival);
    lock_give(&watch->lock);
    return arrival;
}

void arrival_close(struct arrival *arrival)
{
    if (!arrival)
        return;
    struct arrival_watch *watch = arrival->watch;
    lock_take(&watch->lock);
    if (arrival->previous)
        arrival->previous->next = arrival->next;
    else
        watch->first = arrival->next;
    if (arrival->next)
        arrival->next->previous = arrival->previous;
    lock_give(&watch->lock);
    mem_free(arrival);
}

void arrival_flows(struct arrival *arrival)
{
    lock_take(&arrival->watch->lock);
    arrival->until = 0;
    arrival->flows = true;
    lock_signal_send(&arrival->watch->signal);
    lock_give(&arrival->watch->lock);
}

void arrival_whole(struct arrival *arrival)
{
    lock_take(&arrival->watch->lock);
    arrival->until = 0;
    arrival->flows = false;
    lock_give(&arrival->watch->lock);
}

void arrival_next(struct arrival *arrival)
{
    lock_take(&arrival->watch->lock);
    arrival->flows = false;
    set_deadline(arrival);
    lock_give(&arrival->watch->lock);
}
