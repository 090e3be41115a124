/*
 * Threads must start with signals blocked (the main thread handles them) and with the default
 * floating-point state, whatever the thread that starts them was set to: bits depend on it.
 */
#include "tests/holt_test.h"

#include "os/thread.h"

#include <fenv.h>
#include <signal.h>

struct seen {
    bool ran;
    bool float_state_is_default;
    bool signals_are_blocked;
    char name[THREAD_NAME_MAX + 1];
};

static void look_around(void *context)
{
    struct seen *seen = context;
    seen->ran = true;
    seen->float_state_is_default = thread_float_state_is_default();
    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->signals_are_blocked = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

static void a_thread_starts_in_a_known_state(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct thread thread = {0};
    assert_int_equal(fesetround(FE_UPWARD), 0);
    struct error err = {0};
    const enum status status =
        thread_start(&thread, "a-name-too-long-for-linux", look_around, &seen, &err);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_int_equal(status, OK);
    thread_join(&thread);
    assert_true(seen.ran);
    assert_true(seen.float_state_is_default);
    assert_true(seen.signals_are_blocked);
    assert_string_equal(seen.name, "a-name-too-long");
}

static void starting_leaves_the_callers_signals_alone(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct thread thread = {0};
    assert_ok(thread_start(&thread, "x", look_around, &seen, err));
    thread_join(&thread);
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGINT), 0);
}

static void joining_a_zeroed_or_joined_thread_does_nothing(void **state)
{
    (void)state;
    struct thread thread = {0};
    thread_join(&thread);
    struct seen seen = {0};
    assert_ok(thread_start(&thread, "x", look_around, &seen, err));
    thread_join(&thread);
    thread_join(&thread);
    assert_true(seen.ran);
}

static void another_rounding_mode_is_noticed(void **state)
{
    (void)state;
    assert_true(thread_float_state_is_default());
    assert_int_equal(fesetround(FE_DOWNWARD), 0);
    assert_false(thread_float_state_is_default());
    thread_reset_float_state();
    assert_true(thread_float_state_is_default());
}

int test_thread(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_starts_in_a_known_state),
        cmocka_unit_test(starting_leaves_the_callers_signals_alone),
        cmocka_unit_test(joining_a_zeroed_or_joined_thread_does_nothing),
        cmocka_unit_test(another_rounding_mode_is_noticed),
    };
    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
