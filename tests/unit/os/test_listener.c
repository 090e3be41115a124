/* A listening socket is had or the reason is told, with the name of who has the port. */
#include "os/listener.h"
#include "tests/holt_test.h"

#include <unistd.h>

static void a_free_port_is_found_and_a_taken_one_explained(void **state)
{
    (void)state;
    int first = -1;
    int second = -1;
    uint16_t port = 0;
    uint16_t other = 0;
    struct error taken = {0};
    assert_ok(listener_open("127.0.0.1", 0, &first, &port, err));
    assert_true(port > 0);
    assert_int_equal(listener_open("localhost", port, &second, &other, &taken), E_BUSY);
    assert_non_null(strstr(taken.text, "test_os")); /* this very program */
    assert_non_null(strstr(taken.text, "--port"));
    close(first);
    assert_ok(listener_open("127.0.0.1", port, &second, &other, err));
    assert_int_equal(other, port);
    close(second);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "example.com", "127.0.0", "::g"};
    int fd = -1;
    uint16_t port = 0;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct error err = {0};
        test_case(wrong[i]);
        assert_int_equal(listener_open(wrong[i], 0, &fd, &port, &err), E_INVALID);
        assert_false(listener_is_address(wrong[i]));
    }
}

static void loopback_is_known(void **state)
{
    (void)state;
    assert_true(listener_is_loopback("127.0.0.1"));
    assert_true(listener_is_loopback("127.9.9.9"));
    assert_true(listener_is_loopback("localhost"));
    assert_true(listener_is_loopback("::1"));
    assert_true(listener_is_address("0.0.0.0"));
    assert_false(listener_is_loopback("0.0.0.0"));
    assert_false(listener_is_loopback("192.168.1.2"));
    assert_false(listener_is_loopback("::"));
    assert_false(listener_is_loopback("elsewhere"));
}

int test_listener(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_found_and_a_taken_one_explained),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(loopback_is_known),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
