/*
 * `holt bench` divides by these numbers: they must count all the work, at any number of threads,
 * and
 * be numbers a machine can have.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "kernel/machine_speed.h"
#include "os/clock.h"
#include "os/cpu.h"
#include "os/worker_pool.h"

static void rates_are_possible_at_every_level_and_thread_count(void **state)
{
    (void)state;
    const size_t size = 4 << 20;
    CLEANUP(mem_freep) unsigned char *bytes = mem_try_zalloc(size, 1);
    const unsigned features = cpu_features();
    for (size_t level = 0; level < CPU_LEVEL_COUNT; level++) {
        if ((features & cpu_levels[level].features) != cpu_levels[level].features)
            continue;
        test_case(cpu_levels[level].name);
        struct kernel_table table;
        kernel_table_init(&table, cpu_levels[level].features);
        for (unsigned threads = 1; threads <= 3; threads++) {
            CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
            assert_ok(worker_pool_new(threads, &pool, err));
            const double read = machine_speed_read(pool, &table, bytes, size);
            const double int8 = machine_speed_int8(pool, &table, 1000000);
            assert_true(read > 1e6 && read < 1e13);
            assert_true(int8 > 1e6 && int8 < 1e15);
        }
    }
}

static void a_rate_times_its_time_is_the_work(void **state)
{
    (void)state;
    const size_t size = (16 << 20) + 12345;
    CLEANUP(mem_freep) unsigned char *bytes = mem_try_zalloc(size, 1);
    struct kernel_table table;
    kernel_table_init(&table, 0);
    CLEANUP(worker_pool_freep) struct worker_pool *pool = NULL;
    assert_ok(worker_pool_new(1, &pool, err));
    const uint64_t begin = clock_monotonic_ns();
    const double rate = machine_speed_read(pool, &table, bytes, size);
    const double outside = (double)(clock_monotonic_ns() - begin) * 1e-9;
    /* The clock inside stops before the one outside. */
    assert_true((double)size / rate <= outside);
    assert_true((double)size / rate > 0.1 * outside || outside < 1e-3);
}

int test_machine_speed(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_possible_at_every_level_and_thread_count),
        cmocka_unit_test(a_rate_times_its_time_is_the_work),
    };
    return cmocka_run_group_tests_name("machine_speed", tests, NULL, NULL);
}
