/*
 * How a run goes: the caller writes fn and context, sets `pending`, and opens the gate `run` by
 * raising its number; workers wait at that gate, call fn, and count `pending` down; the caller
 * waits for 0. Waiting spins first and then sleeps on the number itself (futex), so that nobody
 * has to be woken in the common case of one run after another. A thread that shares its processor
 * with another of the pool does not spin: it would only keep that other one from running.
 */
#include "os/worker_pool.h"

#include "base/check.h"
#include "base/mem.h"
#include "os/thread.h"

#include <fenv.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

/* A pause is 40 to 140 cycles: some 20 to 50 microseconds before a waiter sleeps. */
enum { CACHE_LINE = 64, SPINS_MAX = 1500 };

/* A number to wait on; on a line of its own, so that waiting does not slow the others. */
struct gate {
    alignas(CACHE_LINE) _Atomic uint32_t number;
    _Atomic uint32_t sleeper_count;
};

struct worker {
    struct thread thread;
    struct worker_pool *pool;
    unsigned index;
};

struct worker_pool {
    struct gate run;     /* raised for each run, and to end */
    struct gate pending; /* workers that have not finished the run */
    struct gate barrier; /* raised when the last worker arrives */
    alignas(CACHE_LINE) _Atomic uint32_t barrier_arrived;
    alignas(CACHE_LINE) worker_pool_fn *fn; /* NULL: end */
    void *context;
    unsigned count;
    alignas(CACHE_LINE) _Atomic int cpus[WORKER_POOL_MAX]; /* where each ran last; -1: unknown */
    struct worker workers[];                               /* [count - 1]: workers 1, 2, ... */
};

static void pause_briefly(void)
{
#ifdef __SSE2__
    _mm_pause();
#endif
}

/* Notes where member `index` runs now; written only when it changed, so that all can read it. */
static void note_cpu(struct worker_pool *pool, unsigned index)
{
    const int cpu = sched_getcpu();
    if (atomic_load_explicit(&pool->cpus[index], memory_order_relaxed) != cpu)
        atomic_store_explicit(&pool->cpus[index], cpu, memory_order_relaxed);
}

/* Whether two members, the caller probably one of them, were last seen on this processor. */
static bool shares_cpu(struct worker_pool *pool)
{
    const int cpu = sched_getcpu();
    unsigned here = 0;
    for (unsigned i = 0; i < pool->count; i++)
        here += atomic_load_explicit(&pool->cpus[i], memory_order_relaxed) == cpu;
    return here > 1 && cpu >= 0;
}

/* Returns when the gate's number is not `old`. */
static void gate_wait(struct worker_pool *pool, struct gate *gate, uint32_t old)
{
    const unsigned spins = shares_cpu(pool) ? 1 : SPINS_MAX;
    for (unsigned spin = 0; spin < spins; spin++) {
        if (atomic_load_explicit(&gate->number, memory_order_acquire) != old)
            return;
        pause_briefly();
    }
    /* Sleepers are counted before the kernel compares the number again, and whoever changes it
     * looks at the count afterwards: one of the two sees the other. */
    atomic_fetch_add(&gate->sleeper_count, 1);
    while (atomic_load(&gate->number) == old)
        (void)syscall(SYS_futex, &gate->number, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&gate->sleeper_count, 1);
}

/* After the number changed in a sequentially consistent operation. */
static void gate_wake(struct gate *gate)
{
    if (atomic_load(&gate->sleeper_count) > 0)
        (void)syscall(SYS_futex, &gate->number, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void worker_main(void *context)
{
    struct worker *worker = context;
    struct worker_pool *pool = worker->pool;
    for (uint32_t run = 0;; run++) {
        note_cpu(pool, worker->index);
        gate_wait(pool, &pool->run, run);
        if (!pool->fn)
            return;
        note_cpu(pool, worker->index);
        pool->fn(worker->index, pool->count, pool->context);
        if (atomic_fetch_sub(&pool->pending.number, 1) == 1)
            gate_wake(&pool->pending);
    }
}

static void start_run(struct worker_pool *pool, worker_pool_fn *fn, void *context)
{
    pool->fn = fn;
    pool->context = context;
    atomic_store(&pool->pending.number, pool->count - 1);
    atomic_fetch_add(&pool->run.number, 1);
    gate_wake(&pool->run);
}

enum status worker_pool_new(unsigned thread_count, struct worker_pool **out, struct error *err)
{
    if (thread_count < 1 || thread_count > WORKER_POOL_MAX)
        return error_set(err, E_INVALID, "%u threads: the number must be 1 to %d", thread_count,
                         WORKER_POOL_MAX);
    const size_t size = sizeof(struct worker_pool) + (thread_count - 1) * sizeof(struct worker);
    CLEANUP(worker_pool_freep) struct worker_pool *pool = mem_try_aligned(CACHE_LINE, size);
    if (!pool)
        return error_set(err, E_NO_MEMORY, "no memory for %u threads", thread_count);
    memset(pool, 0, size);
    for (unsigned i = 0; i < WORKER_POOL_MAX; i++)
        atomic_init(&pool->cpus[i], -1);

    for (pool->count = 1; pool->count < thread_count; pool->count++) {
        struct worker *worker = &pool->workers[pool->count - 1];
        worker->pool = pool;
        worker->index = pool->count;
        char name[32];
        (void)snprintf(name, sizeof(name), "compute-%u", pool->count);
        TRY(thread_start(&worker->thread, name, worker_main, worker, err));
    }
    *out = pool;
    pool = NULL;
    return OK;
}

void worker_pool_free(struct worker_pool *pool)
{
    if (!pool)
        return;
    start_run(pool, NULL, NULL);
    for (unsigned i = 1; i < pool->count; i++)
        thread_join(&pool->workers[i - 1].thread);
    mem_free(pool);
}

unsigned worker_pool_size(const struct worker_pool *pool)
{
    return pool->count;
}

static void run_all(struct worker_pool *pool, worker_pool_fn *fn, void *context)
{
    if (pool->count == 1) {
        fn(0, 1, context);
        return;
    }
    note_cpu(pool, 0);
    start_run(pool, fn, context);
    fn(0, pool->count, context);
    uint32_t left = 0;
    while ((left = atomic_load(&pool->pending.number)) != 0)
        gate_wait(pool, &pool->pending, left);
}

void worker_pool_run(struct worker_pool *pool, worker_pool_fn *fn, void *context)
{
    CHECK(fn);
    if (thread_float_state_is_default()) {
        run_all(pool, fn, context);
        return;
    }
    fenv_t before;
    CHECK(fegetenv(&before) == 0);
    thread_reset_float_state();
    run_all(pool, fn, context);
    CHECK(fesetenv(&before) == 0);
}

void worker_pool_barrier(struct worker_pool *pool)
{
    if (pool->count == 1)
        return;
    const uint32_t before = atomic_load(&pool->barrier.number);
    if (atomic_fetch_add(&pool->barrier_arrived, 1) + 1 < pool->count) {
        gate_wait(pool, &pool->barrier, before);
        return;
    }
    /* The last one: nobody can arrive at the next barrier before the number below changes. */
    atomic_store(&pool->barrier_arrived, 0);
    atomic_fetch_add(&pool->barrier.number, 1);
    gate_wake(&pool->barrier);
}
