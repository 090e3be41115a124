#include "os/channel.h"

#include "base/check.h"
#include "os/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_BYTES = 8, SMALL_BYTES = 4096, PIECE_BYTES = 65536 };

enum status channel_pair(struct channel *out_a, struct channel *out_b, struct error *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return error_errno(err, "cannot connect two processes");
    *out_a = channel_over(fds[0]);
    *out_b = channel_over(fds[1]);
    return OK;
}

void channel_close(struct channel *channel)
{
    if (channel->is_open)
        close(channel->fd);
    *channel = (struct channel){0};
}

static enum status send_all(int fd, const char *bytes, size_t size, struct error *err)
{
    while (size) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return error_set(err, E_CANCELLED, "the other process is gone");
        if (sent < 0)
            return error_errno(err, "cannot write to another process");
        bytes += sent;
        size -= (size_t)sent;
    }
    return OK;
}

enum status channel_send(struct channel *channel, uint32_t kind, struct str body, struct error *err)
{
    CHECK(channel->is_open && body.len <= CHANNEL_BODY_MAX);
    /* Header and a small body go in one piece: half the system calls and wake-ups. */
    char first[SMALL_BYTES];
    const uint32_t header[2] = {kind, (uint32_t)body.len};
    const size_t with = body.len <= sizeof(first) - HEADER_BYTES ? body.len : 0;
    memcpy(first, header, HEADER_BYTES);
    if (with)
        memcpy(first + HEADER_BYTES, body.ptr, with);
    TRY(send_all(channel->fd, first, HEADER_BYTES + with, err));
    return with == body.len ? OK : send_all(channel->fd, body.ptr, body.len, err);
}

/* Milliseconds left until `deadline_ns`, rounded up; -1 for no deadline. */
static int left_ms(uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX)
        return -1;
    const uint64_t now = clock_monotonic_ns();
    return now >= deadline_ns ? 0 : (int)((deadline_ns - now + 999999) / 1000000);
}

static enum status receive_all(int fd, char *bytes, size_t size, uint64_t deadline_ns,
                               struct error *err)
{
    while (size) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        const int ready = poll(&wait, 1, left_ms(deadline_ns));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return error_set(err, E_LIMIT, "the other process does not answer");
        const ssize_t got = recv(fd, bytes, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return error_set(err, E_CANCELLED, "the other process is gone");
        if (got < 0)
            return error_errno(err, "cannot read from another process");
        bytes += got;
        size -= (size_t)got;
    }
    return OK;
}

enum status channel_receive(struct channel *channel, size_t body_max, int timeout_ms,
                            uint32_t *out_kind, struct strbuf *body, struct error *err)
{
    CHECK(channel->is_open && body_max <= CHANNEL_BODY_MAX);
    const uint64_t deadline =
        timeout_ms < 0 ? UINT64_MAX : clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    uint32_t header[2];
    TRY(receive_all(channel->fd, (char *)header, sizeof(header), deadline, err));
    if (header[1] > body_max)
        return error_set(err, E_LIMIT, "a message of %u bytes between processes (limit %zu)",
                         header[1], body_max);
    strbuf_clear(body);
    char piece[PIECE_BYTES];
    for (size_t left = header[1]; left;) {
        const size_t next = left < sizeof(piece) ? left : sizeof(piece);
        TRY(receive_all(channel->fd, piece, next, deadline, err));
        strbuf_add(body, piece, next);
        left -= next;
    }
    *out_kind = header[0];
    return OK;
}

bool channel_is_readable(const struct channel *channel, int timeout_ms)
{
    struct pollfd wait = {.fd = channel->fd, .events = POLLIN};
    return channel->is_open && poll(&wait, 1, timeout_ms) > 0;
}
