/*
 * lock - one thread at a time, and waiting until something is so.
 *
 * A take that would deadlock or a give of a lock that is not held stops the process.
 *
 * Threads: any.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct lock {
    pthread_mutex_t mutex;
};

void lock_init(struct lock *lock);
void lock_done(struct lock *lock);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

/* A place to wait at, with a lock held. */
struct lock_signal {
    pthread_cond_t condition;
};

void lock_signal_init(struct lock_signal *signal);
void lock_signal_done(struct lock_signal *signal);

/* Gives the lock, waits for a send or timeout_ms (below 0: for ever), takes it again. False: the
 * time is over. May return early: look again at what was waited for. */
bool lock_signal_wait(struct lock_signal *signal, struct lock *lock, int timeout_ms);

/* Wakes who waits. */
void lock_signal_send(struct lock_signal *signal);
