/*
 * Calls, results and approvals between the processes of holt travel through this: a message that is
 * cut, mixed up or unbounded would let one role speak for another.
 */
#include "base/mem.h"
#include "os/channel.h"
#include "os/process.h"
#include "tests/holt_test.h"

#include <sys/wait.h>
#include <unistd.h>

static void message_arrives_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4087, 4088, 4089, 65536, 3000000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct channel a = {0};
        struct channel b = {0};
        struct strbuf got = {0};
        uint32_t kind = 0;
        pid_t pid = 0;
        char *sent = mem_alloc(sizes[i] + 1);
        for (size_t j = 0; j < sizes[i]; j++)
            sent[j] = (char)(j % 251);
        assert_ok(channel_pair(&a, &b, err));
        assert_ok(process_fork(&pid, err));
        if (pid == 0) { /* a large one does not fit into the socket's buffer */
            const enum status status =
                channel_send(&b, 7 + (uint32_t)i, (struct str){sent, sizes[i]}, NULL);
            _exit(status == OK ? 0 : 1);
        }
        assert_ok(channel_receive(&a, CHANNEL_BODY_MAX, 10000, &kind, &got, err));
        assert_int_equal(kind, 7 + i);
        assert_true(str_equal(strbuf_view(&got), (struct str){sent, sizes[i]}));
        int status = 0;
        assert_true(process_wait(pid, -1, &status));
        assert_int_equal(status, 0);
        channel_close(&a);
        channel_close(&b);
        strbuf_done(&got);
        mem_free(sent);
    }
}

static void message_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct channel a = {0};
    struct channel b = {0};
    struct strbuf got = {0};
    uint32_t kind = 0;
    assert_ok(channel_pair(&a, &b, err));
    assert_ok(channel_send(&b, 1, STR("12345"), err));
    assert_int_equal(channel_receive(&a, 4, 1000, &kind, &got, NULL), E_LIMIT);
    channel_close(&a);
    channel_close(&b);
    strbuf_done(&got);
}

static void silence_ends_at_the_timeout(void **state)
{
    (void)state;
    struct channel a = {0};
    struct channel b = {0};
    struct strbuf got = {0};
    uint32_t kind = 0;
    assert_ok(channel_pair(&a, &b, err));
    assert_int_equal(channel_receive(&a, 4, 20, &kind, &got, NULL), E_LIMIT);
    assert_int_equal(write(b.fd, "\1\0\0", 3), 3); /* part of a header */
    assert_true(channel_is_readable(&a, 0));
    assert_int_equal(channel_receive(&a, 4, 20, &kind, &got, NULL), E_LIMIT);
    channel_close(&a);
    channel_close(&b);
}

static void gone_process_is_an_error_and_no_signal(void **state)
{
    (void)state;
    struct channel a = {0};
    struct channel b = {0};
    struct strbuf got = {0};
    uint32_t kind = 0;
    assert_ok(channel_pair(&a, &b, err));
    channel_close(&b);
    assert_int_equal(channel_receive(&a, 4, 1000, &kind, &got, NULL), E_CANCELLED);
    assert_int_equal(channel_send(&a, 1, STR("x"), NULL), E_CANCELLED);
    channel_close(&a);
    channel_close(&a); /* no effect */
}

int test_channel(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_arrives_whole),
        cmocka_unit_test(message_over_the_limit_is_refused),
        cmocka_unit_test(silence_ends_at_the_timeout),
        cmocka_unit_test(gone_process_is_an_error_and_no_signal),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
