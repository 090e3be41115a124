#include "os/file_create.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_create(const char *path, struct error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return OK;
    }
    const int number = errno;
    struct stat status;
    if (lstat(path, &status) != 0) {
        errno = number;
        return error_errno(err, "cannot create %s", path);
    }
    if (!S_ISREG(status.st_mode))
        return error_set(err, E_INVALID, "%s is not a regular file", path);
    return OK;
}

enum status file_create_open(const char *path, int *out_fd, struct error *err)
{
    TRY(file_create(path, err));
    const int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot write %s", path);
    *out_fd = fd;
    return OK;
}
