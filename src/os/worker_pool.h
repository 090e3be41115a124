/*
 * worker_pool - the compute threads: one function, run by all of them at once.
 *
 * Worker 0 is the thread that calls; the others spin for some ten microseconds after a run, so that
 * the next one starts at once, and then sleep. A pool of 1 has no threads and simply calls.
 * Every worker computes in the default floating-point state (thread.h), the caller's included.
 *
 * Results must not depend on the number of workers: split rows and columns of a result, never a
 * sum (design.md section 5).
 *
 * Threads: one run at a time, from one thread at a time. Depends on: base/, os/thread.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct worker_pool; /* opaque: see worker_pool.c */

enum { WORKER_POOL_MAX = 256 };

/* Called once per worker; index in [0, count). */
typedef void(worker_pool_fn)(unsigned index, unsigned count, void *context);

/* thread_count in [1, WORKER_POOL_MAX], the caller's thread included; else E_INVALID. E_IO when a
 * thread cannot be started. */
MUST_USE enum status worker_pool_new(unsigned thread_count, struct worker_pool **out,
                                     struct error *err);
void worker_pool_free(struct worker_pool *pool); /* NULL is allowed */

static inline void worker_pool_freep(struct worker_pool **pool)
{
    worker_pool_free(*pool);
}

unsigned worker_pool_size(const struct worker_pool *pool);

/* Runs `fn` on every worker and returns when all have finished. What they wrote is then visible to
 * the caller, and what the caller wrote before is visible to them. Allocates nothing. */
void worker_pool_run(struct worker_pool *pool, worker_pool_fn *fn, void *context);

/* Only inside `fn`, by every worker: returns when all have called it. Writes before it are visible
 * to all after it. Around a microsecond when the machine is not overloaded. */
void worker_pool_barrier(struct worker_pool *pool);

struct worker_share {
    size_t begin;
    size_t end; /* begin == end: nothing to do */
};

/* The part of [0, total) that worker `index` of `count` does: contiguous, in order, as even as
 * multiples of `align` (at least 1) allow. */
static inline struct worker_share worker_pool_share(size_t total, size_t align, unsigned index,
                                                    unsigned count)
{
    const size_t units = (total + align - 1) / align;
    const size_t begin = units * index / count * align;
    const size_t end = units * (index + 1u) / count * align;
    return (struct worker_share){begin < total ? begin : total, end < total ? end : total};
}
