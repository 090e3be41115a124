#include "os/pipe_record.h"

#include <errno.h>
#include <unistd.h>

void pipe_record_send(int fd, const void *record, size_t size)
{
    while (write(fd, record, size) < 0 && errno == EINTR)
        continue;
}

bool pipe_record_receive(int fd, void *record, size_t size)
{
    size_t have = 0;
    while (have < size) {
        const ssize_t got = read(fd, (char *)record + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}
