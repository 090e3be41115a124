#include "os/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum status file_lock_take(const char *path, struct file_lock *out, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot open %s", path);
    int result = 0;
    do
        result = flock(fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result != 0) {
        const enum status status = error_errno(err, "cannot lock %s", path);
        close(fd);
        return status;
    }
    *out = (struct file_lock){.fd = fd, .is_held = true};
    return OK;
}

void file_lock_done(struct file_lock *lock)
{
    if (lock->is_held)
        close(lock->fd);
    *lock = (struct file_lock){0};
}
