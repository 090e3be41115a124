#include "os/hang_up.h"

#include <poll.h>
#include <sys/socket.h>

bool hang_up_seen(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLRDHUP};
    return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void hang_up_now(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}
