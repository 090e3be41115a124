/* Benchmarks and timeouts rest on a clock that never goes back and on a sleep that is never short.
 * */
#include "tests/holt_test.h"

#include "os/clock.h"

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t last = clock_monotonic_ns();
    for (int i = 0; i < 10000; i++) {
        const uint64_t now = clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void a_sleep_is_at_least_as_long_as_asked(void **state)
{
    (void)state;
    const uint64_t begin = clock_monotonic_ns();
    clock_sleep_ns(3000000);
    assert_true(clock_monotonic_ns() - begin >= 3000000);
    clock_sleep_ns(0);
}

static void dates_are_of_this_century(void **state)
{
    (void)state;
    const int64_t year_2020 = INT64_C(1577836800) * 1000000;
    const int64_t year_2100 = INT64_C(4102444800) * 1000000;
    assert_true(clock_unix_us() > year_2020 && clock_unix_us() < year_2100);
}

static void work_uses_cpu_time_and_sleep_does_not(void **state)
{
    (void)state;
    const uint64_t begin = clock_process_cpu_ns();
    volatile unsigned work = 0;
    while (clock_process_cpu_ns() - begin < 1000000)
        work = work + 1;
    const uint64_t before_sleep = clock_process_cpu_ns();
    clock_sleep_ns(50000000);
    assert_true(clock_process_cpu_ns() - before_sleep < 40000000);
}

int test_clock(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(a_sleep_is_at_least_as_long_as_asked),
        cmocka_unit_test(dates_are_of_this_century),
        cmocka_unit_test(work_uses_cpu_time_and_sleep_does_not),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
