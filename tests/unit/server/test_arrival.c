/* A request that does not come whole in time loses its connection, however often a byte of it
 * comes; one that is whole, or whose connection is closed, is left alone. */
#include "os/clock.h"
#include "os/hang_up.h"
#include "server/arrival.h"
#include "tests/holt_test.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct line {
    int ours, theirs;
};

static struct line open_line(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    return (struct line){.ours = ends[0], .theirs = ends[1]};
}

static void close_line(struct line *line)
{
    close(line->ours);
    close(line->theirs);
}

/* Waits until the other side sees the end, at most so long. */
static bool ends_within(const struct line *line, double seconds)
{
    const double until = clock_seconds() + seconds;
    while (clock_seconds() < until) {
        if (hang_up_seen(line->theirs))
            return true;
        clock_sleep_ns(5000000);
    }
    return false;
}

static void test_drips_do_not_help(void **state)
{
    (void)state;
    struct arrival_watch *watch = NULL;
    struct line line = open_line();
    assert_ok(arrival_watch_start(0.3, &watch, err));
    struct arrival *arrival = arrival_open(watch, line.ours);
    bool ended = false;
    for (int i = 0; i < 1000 && !ended; i++) {
        (void)!send(line.theirs, "x", 1, MSG_NOSIGNAL);
        ended = ends_within(&line, 0.02);
    }
    assert_true(ended);
    arrival_close(arrival);
    close_line(&line);
    arrival_watch_stop(watch);
}

static void test_whole_requests_take_their_time(void **state)
{
    (void)state;
    struct arrival_watch *watch = NULL;
    struct line slow = open_line();
    struct line whole = open_line();
    assert_ok(arrival_watch_start(1.0, &watch, err));
    struct arrival *second = arrival_open(watch, whole.ours);
    arrival_whole(second);
    struct arrival *first = arrival_open(watch, slow.ours);
    assert_true(ends_within(&slow, 10)); /* the same deadline has passed for both */
    assert_false(hang_up_seen(whole.theirs));
    arrival_next(second);
    assert_true(ends_within(&whole, 10));
    arrival_close(second);
    arrival_close(first);
    close_line(&slow);
    close_line(&whole);
    arrival_watch_stop(watch);
}

static void test_who_hangs_up_in_a_long_body_is_noticed(void **state)
{
    (void)state;
    struct arrival_watch *watch = NULL;
    struct line gone = open_line();
    struct line slow = open_line();
    assert_ok(arrival_watch_start(1.0, &watch, err));
    struct arrival *first = arrival_open(watch, gone.ours);
    struct arrival *second = arrival_open(watch, slow.ours);
    arrival_flows(first);
    arrival_flows(second);
    shutdown(gone.theirs, SHUT_WR);
    assert_true(ends_within(&gone, 10));
    assert_false(ends_within(&slow, 1.5)); /* it has no deadline */
    arrival_whole(first);
    arrival_whole(second);
    arrival_close(first);
    arrival_close(second);
    close_line(&gone);
    close_line(&slow);
    arrival_watch_stop(watch);
}

static void test_closed_ones_are_forgotten(void **state)
{
    (void)state;
    struct arrival_watch *watch = NULL;
    struct line closed = open_line();
    struct line late = open_line();
    assert_ok(arrival_watch_start(1.0, &watch, err));
    struct arrival *first = arrival_open(watch, closed.ours);
    struct arrival *second = arrival_open(watch, late.ours);
    struct arrival *third = arrival_open(watch, closed.ours);
    arrival_close(third);
    arrival_close(first);
    assert_true(ends_within(&late, 10));
    assert_false(hang_up_seen(closed.theirs));
    arrival_close(second);
    close_line(&closed);
    close_line(&late);
    arrival_watch_stop(watch);
}

int test_arrival(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drips_do_not_help),
        cmocka_unit_test(test_whole_requests_take_their_time),
        cmocka_unit_test(test_who_hangs_up_in_a_long_body_is_noticed),
        cmocka_unit_test(test_closed_ones_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
