#include "os/listener.h"

#include "os/port_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 128 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The address in the system's form; 0 when it is none. */
static socklen_t read_address(const char *text, uint16_t port, union address *out)
{
    *out = (union address){0};
    if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1";
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof(out->v4);
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return sizeof(out->v6);
    }
    return 0;
}

bool listener_is_address(const char *address)
{
    union address a;
    return read_address(address, 0, &a) != 0;
}

bool listener_is_loopback(const char *address)
{
    union address a;
    if (read_address(address, 0, &a) == 0)
        return false;
    if (a.any.sa_family == AF_INET)
        return ntohl(a.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
}

static enum status explain(const char *address, uint16_t port, struct error *err)
{
    char owner[LISTENER_OWNER_BYTES] = "another program";
    if (errno == EADDRINUSE) {
        (void)port_owner_name(port, owner, sizeof(owner));
        return error_set(err, E_BUSY,
                         "port %u of %s is taken by %s; choose another with --port, or stop it",
                         port, address, owner);
    }
    if (errno == EACCES)
        return error_set(err, E_DENIED, "port %u needs more rights; choose one above 1023", port);
    return error_errno(err, "cannot listen on %s, port %u", address, port);
}

static uint16_t port_of(int fd, uint16_t fallback)
{
    union address bound = {0};
    socklen_t size = sizeof(bound);
    if (getsockname(fd, &bound.any, &size) != 0)
        return fallback;
    return ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
}

enum status listener_open(const char *address, uint16_t port, int *out_fd, uint16_t *out_port,
                          struct error *err)
{
    union address wanted;
    const socklen_t size = read_address(address, port, &wanted);
    if (size == 0)
        return error_set(err, E_INVALID, "\"%.60s\" is not an address, like 127.0.0.1 or ::1",
                         address);
    const int fd = socket(wanted.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, "cannot open a socket");
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &wanted.any, size) != 0 || listen(fd, BACKLOG) != 0) {
        const enum status status = explain(address, port, err);
        close(fd);
        return status;
    }
    *out_port = port_of(fd, port);
    *out_fd = fd;
    return OK;
}
