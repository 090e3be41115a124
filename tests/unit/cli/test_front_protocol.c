/*
 * The front trusts nothing the core sends: a core that was taken over must not be able to make it
 * read outside a message. Every message comes back as it was sent; every cut and every changed byte
 * is refused or harmless.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "cli/front_protocol.h"
#include "os/channel.h"

static const struct front_message samples[] = {
    {.kind = FRONT_LISTED},
    {.kind = FRONT_TEXT, .text = {"h\0llo", 5}},
    {.kind = FRONT_CALL,
     .name = {"tool", 4},
     .text = {"{}", 2},
     .detail = {"tool x", 6},
     .flag = true},
    {.kind = FRONT_FINISHED, .number_count = 3, .numbers = {1, UINT64_MAX, 0x0102030405060708}},
};

static void messages_come_back_as_sent(void **state)
{
    (void)state;
    struct channel a = {0};
    struct channel b = {0};
    CLEANUP(strbuf_done) struct strbuf body = {0};
    assert_ok(channel_pair(&a, &b, err));
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct front_message *sent = &samples[i];
        struct front_message got;
        assert_ok(front_protocol_send(&a, sent, err));
        assert_ok(front_protocol_receive(&b, &body, &got, err));
        assert_int_equal(got.kind, sent->kind);
        assert_true(str_equal(got.name, sent->name));
        assert_true(str_equal(got.text, sent->text));
        assert_true(str_equal(got.detail, sent->detail));
        assert_int_equal(got.flag, sent->flag);
        assert_int_equal(got.number_count, sent->number_count);
        assert_memory_equal(got.numbers, sent->numbers, sizeof(got.numbers));
    }
    channel_close(&a);
    struct front_message got;
    assert_int_equal(front_protocol_receive(&b, &body, &got, NULL), E_CANCELLED);
    channel_close(&b);
}

static void cut_messages_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(strbuf_done) struct strbuf body = {0};
        front_protocol_encode(&samples[i], &body);
        for (size_t len = 0; len < body.len; len++) {
            struct front_message got;
            assert_int_equal(front_protocol_decode(
                                 FRONT_TEXT, str_slice(strbuf_view(&body), 0, len), &got, NULL),
                             E_FORMAT);
        }
        strbuf_add_char(&body, 'x');
        struct front_message got;
        assert_int_equal(front_protocol_decode(FRONT_TEXT, strbuf_view(&body), &got, NULL),
                         E_FORMAT);
    }
    struct front_message got;
    assert_int_equal(front_protocol_decode(0, STR(""), &got, NULL), E_FORMAT);
    assert_int_equal(front_protocol_decode(999, STR(""), &got, NULL), E_FORMAT);
}

static void changed_bytes_stay_inside(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf body = {0};
    front_protocol_encode(&samples[2], &body);
    for (size_t at = 0; at < body.len; at++) {
        for (unsigned value = 0; value < 256; value += 5) {
            const char before = body.ptr[at];
            body.ptr[at] = (char)value;
            struct front_message got;
            if (front_protocol_decode(FRONT_CALL, strbuf_view(&body), &got, NULL) == OK) {
                assert_true(got.number_count <= FRONT_NUMBERS_MAX);
                assert_true(got.text.len <= body.len);
            }
            body.ptr[at] = before;
        }
    }
}

int test_front_protocol(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_as_sent),
        cmocka_unit_test(cut_messages_are_refused),
        cmocka_unit_test(changed_bytes_stay_inside),
    };
    return cmocka_run_group_tests_name("front_protocol", tests, NULL, NULL);
}
