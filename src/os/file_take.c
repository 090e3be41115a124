#include "os/file_take.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 4 << 20, MAGIC_MAX = 16 };

static bool begins_with(int fd, const char *magic)
{
    char first[MAGIC_MAX];
    struct stat info;
    const size_t len = strnlen(magic, MAGIC_MAX);
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
           pread(fd, first, len, 0) == (ssize_t)len && memcmp(first, magic, len) == 0;
}

static enum status copy(int from, const char *to, struct error *err)
{
    CLEANUP(file_writer_done) struct file_writer writer = {0};
    CLEANUP(mem_freep) char *buffer = mem_alloc(COPY_BYTES);
    TRY(file_writer_open(to, &writer, err));
    for (;;) {
        const ssize_t got = read(from, buffer, COPY_BYTES);
        if (got == 0)
            return file_writer_commit(&writer, err);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, E_IO, "the file cannot be read: %s", strerror(errno));
        TRY(file_writer_add(&writer, buffer, (size_t)got, err));
    }
}

enum status file_take(const char *from, const char *magic, const char *to, bool *out_is_link,
                      struct error *err)
{
    const int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? E_NOT_FOUND : E_IO, "%.300s: %s", from,
                         strerror(errno));
    enum status status = OK;
    *out_is_link = false;
    if (!begins_with(fd, magic))
        status =
            error_set(err, E_FORMAT, "%.300s is not a file that begins with %.16s", from, magic);
    else if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0)
        *out_is_link = true;
    else
        status = copy(fd, to, err);
    close(fd);
    return status;
}

bool file_begins_with(const char *path, const char *magic)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool begins = fd >= 0 && begins_with(fd, magic);
    if (fd >= 0)
        close(fd);
    return begins;
}
