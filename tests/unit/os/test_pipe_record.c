/* Records come whole, however the bytes come, and a cut one is an end. */
#include "os/pipe_record.h"
#include "os/process.h"
#include "os/thread.h"
#include "tests/holt_test.h"

#include <unistd.h>

struct record {
    uint64_t number;
    char text[1000];
};

/* The bytes of a record one after another, then half of another. */
static void drip(void *context)
{
    const int *fd = context;
    struct record record = {.number = 7, .text = "seven"};
    for (size_t i = 0; i < sizeof(record); i++)
        (void)!write(*fd, (const char *)&record + i, 1);
    (void)!write(*fd, &record, sizeof(record) / 2);
    close(*fd);
}

static void records_come_whole(void **state)
{
    (void)state;
    int ends[2];
    struct record got = {0};
    assert_ok(process_pipe(ends, err));
    for (uint64_t i = 1; i <= 3; i++) {
        const struct record sent = {.number = i, .text = "text"};
        pipe_record_send(ends[1], &sent, sizeof(sent));
    }
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(pipe_record_receive(ends[0], &got, sizeof(got)));
        assert_true(got.number == i);
        assert_string_equal(got.text, "text");
    }
    struct thread thread = {0};
    assert_ok(thread_start(&thread, "drip", drip, &ends[1], err));
    assert_true(pipe_record_receive(ends[0], &got, sizeof(got)));
    assert_true(got.number == 7);
    assert_string_equal(got.text, "seven");
    assert_false(pipe_record_receive(ends[0], &got, sizeof(got)));
    thread_join(&thread);
    close(ends[0]);
}

int test_pipe_record(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_come_whole)};
    return cmocka_run_group_tests_name("pipe_record", tests, NULL, NULL);
}
