/*
 * Every operation of a model step is one run of the pool: each worker must run it exactly once, see
 * what was written before, be done when the call returns, and compute in the same rounding mode.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/thread.h"
#include "os/worker_pool.h"

#include <fenv.h>
#include <stdatomic.h>

static const unsigned sizes[] = {1, 2, 3, 7};

enum { RUNS = 2000, WORKERS_MAX = 8, PHASES = 200 };

struct tally {
    unsigned calls[WORKERS_MAX];
    unsigned count[WORKERS_MAX];
    bool float_state_is_default[WORKERS_MAX];
};

static void count_call(unsigned index, unsigned count, void *context)
{
    struct tally *tally = context;
    tally->calls[index]++;
    tally->count[index] = count;
    tally->float_state_is_default[index] = thread_float_state_is_default();
}

static void every_worker_runs_exactly_once_per_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
        assert_ok(worker_pool_new(sizes[i], &pool, err));
        assert_int_equal(worker_pool_size(pool), sizes[i]);
        struct tally tally = {0};
        for (unsigned run = 1; run <= RUNS; run++) {
            worker_pool_run(pool, count_call, &tally);
            for (unsigned w = 0; w < sizes[i]; w++) {
                assert_int_equal(tally.calls[w], run);
                assert_int_equal(tally.count[w], sizes[i]);
            }
        }
        assert_int_equal(tally.calls[sizes[i]], 0);
    }
}

static void a_run_after_a_pause_wakes_sleeping_workers(void **state)
{
    (void)state;
    CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
    assert_ok(worker_pool_new(3, &pool, err));
    struct tally tally = {0};
    for (unsigned run = 1; run <= 20; run++) {
        clock_sleep_ns(run % 2 ? 2000000 : 30000); /* asleep; just falling asleep */
        worker_pool_run(pool, count_call, &tally);
        for (unsigned w = 0; w < 3; w++)
            assert_int_equal(tally.calls[w], run);
    }
}

static void every_worker_computes_in_the_default_float_state(void **state)
{
    (void)state;
    CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
    assert_ok(worker_pool_new(2, &pool, err));
    struct tally tally = {0};
    assert_int_equal(fesetround(FE_UPWARD), 0);
    worker_pool_run(pool, count_call, &tally);
    const int rounding_after = fegetround();
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_true(tally.float_state_is_default[0]);
    assert_true(tally.float_state_is_default[1]);
    assert_int_equal(rounding_after, FE_UPWARD); /* the caller's own state comes back */
}

struct phases {
    struct worker_pool *pool;
    unsigned values[WORKERS_MAX];
    unsigned wrong[WORKERS_MAX];
};

/* Each phase every worker writes its value, then reads all others: a barrier that lets one through
 * early shows an old value. */
static void run_phases(unsigned index, unsigned count, void *context)
{
    struct phases *phases = context;
    for (unsigned phase = 1; phase <= PHASES; phase++) {
        phases->values[index] = phase * (index + 1);
        worker_pool_barrier(phases->pool);
        for (unsigned w = 0; w < count; w++)
            phases->wrong[index] += phases->values[w] != phase * (w + 1);
        worker_pool_barrier(phases->pool);
    }
}

static void a_barrier_orders_the_phases_of_a_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
        assert_ok(worker_pool_new(sizes[i], &pool, err));
        struct phases phases = {.pool = pool};
        worker_pool_run(pool, run_phases, &phases);
        for (unsigned w = 0; w < sizes[i]; w++)
            assert_int_equal(phases.wrong[w], 0);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct worker_pool *pool = NULL;
    struct error err = {0};
    assert_int_equal(worker_pool_new(0, &pool, &err), E_INVALID);
    assert_int_equal(worker_pool_new(WORKER_POOL_MAX + 1, &pool, &err), E_INVALID);
    assert_null(pool);
    worker_pool_free(NULL);
}

static void shares_cover_everything_once_in_order(void **state)
{
    (void)state;
    static const size_t totals[] = {0, 1, 15, 16, 17, 64, 1000, 151936};
    static const size_t aligns[] = {1, 4, 32};
    for (size_t t = 0; t < ARRAY_LEN(totals); t++)
        for (size_t a = 0; a < ARRAY_LEN(aligns); a++)
            for (unsigned count = 1; count <= 9; count++) {
                size_t at = 0;
                for (unsigned index = 0; index < count; index++) {
                    const struct worker_share share =
                        worker_pool_share(totals[t], aligns[a], index, count);
                    assert_int_equal(share.begin, at);
                    assert_true(share.end >= share.begin);
                    assert_true(share.begin % aligns[a] == 0 || share.begin == totals[t]);
                    at = share.end;
                }
                assert_int_equal(at, totals[t]);
            }
}

static void runs_allocate_nothing(void **state)
{
    (void)state;
    CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
    assert_ok(worker_pool_new(2, &pool, err));
    struct tally tally = {0};
    const size_t before = mem_allocation_count();
    worker_pool_run(pool, count_call, &tally);
    assert_int_equal(mem_allocation_count(), before);
}

int test_worker_pool(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_runs_exactly_once_per_run),
        cmocka_unit_test(a_run_after_a_pause_wakes_sleeping_workers),
        cmocka_unit_test(every_worker_computes_in_the_default_float_state),
        cmocka_unit_test(a_barrier_orders_the_phases_of_a_run),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(shares_cover_everything_once_in_order),
        cmocka_unit_test(runs_allocate_nothing),
    };
    return cmocka_run_group_tests_name("worker_pool", tests, NULL, NULL);
}
