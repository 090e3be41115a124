/* Who is at the other end of a connection of this machine is found by its ports. That another user
 * is told apart is tried in tests/e2e/pull.py, which needs one. */
#include "os/same_user.h"
#include "tests/holt_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void own_connections_are_own(void **state)
{
    (void)state;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    const uint16_t own = port_of(listener);
    address.sin_port = htons(own);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    const uint16_t peer = port_of(client);
    assert_true(same_user_at(own, peer));
    assert_false(same_user_at(own, own));
    assert_false(same_user_at(peer, (uint16_t)(peer + 1)));
    assert_false(same_user_at((uint16_t)(own + 1), peer));
    close(client);
    close(listener);
}

int test_same_user(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_connections_are_own)};
    return cmocka_run_group_tests_name("same_user", tests, NULL, NULL);
}
