/*
 * thread - one more line of execution, started in a known state.
 *
 * A new thread has every signal blocked (the main thread handles them) and the default
 * floating-point environment: round to nearest, subnormal numbers kept, no traps. Exact arithmetic
 * (design.md section 5) relies on that.
 *
 * Threads: a `struct thread` is used by one thread at a time.
 */
#pragma once

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>

typedef void(thread_fn)(void *context);

enum { THREAD_NAME_MAX = 15, THREAD_STACK_BYTES = 2 << 20 };

struct thread {
    pthread_t handle;
    bool is_started;
};

/* Runs fn(context) on a new thread called `name` (at most THREAD_NAME_MAX bytes; longer is cut).
 * E_IO when the system refuses. */
MUST_USE enum status thread_start(struct thread *thread, const char *name, thread_fn *fn,
                                  void *context, struct error *err);

/* Waits for its end. No effect on a zeroed thread. */
void thread_join(struct thread *thread);

/* The floating-point state that every thread computes with; see above. */
void thread_reset_float_state(void);

/* Whether the calling thread has that state (rounding, subnormals; not the sticky flags). */
bool thread_float_state_is_default(void);
