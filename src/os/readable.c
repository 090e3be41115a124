#include "os/readable.h"

#include "base/check.h"

#include <poll.h>

uint32_t readable_wait(const int *fds, unsigned count, int timeout_ms)
{
    struct pollfd polled[READABLE_MAX];
    CHECK(count <= READABLE_MAX);
    for (unsigned i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    if (poll(polled, count, timeout_ms) <= 0)
        return 0; /* an interrupted wait ends early; callers look again */
    uint32_t ready = 0;
    for (unsigned i = 0; i < count; i++) {
        if (polled[i].revents != 0)
            ready |= UINT32_C(1) << i;
    }
    return ready;
}
