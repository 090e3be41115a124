#include "os/file_pieces.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH_PIECES = 64 };

enum status file_pieces_open(const char *path, struct file_pieces *out, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, "cannot open %.300s", path);
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return error_set(err, E_INVALID, "%.300s is not a regular file", path);
    }
    *out = (struct file_pieces){.fd = fd, .is_open = true, .size = (uint64_t)info.st_size};
    return OK;
}

void file_pieces_close(struct file_pieces *file)
{
    if (file->is_open)
        close(file->fd);
    *file = (struct file_pieces){0};
}

/* Fills vectors [count], which it changes. */
static enum status read_batch(int fd, uint64_t offset, struct iovec *vectors, size_t count,
                              struct error *err)
{
    while (count > 0) {
        const ssize_t got = preadv(fd, vectors, (int)count, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, "cannot read a file");
        if (got == 0)
            return error_set(err, E_FORMAT, "a file is shorter than it was");
        offset += (uint64_t)got;
        size_t left = (size_t)got;
        while (count > 0 && left >= vectors->iov_len) {
            left -= vectors->iov_len;
            vectors++;
            count--;
        }
        if (count > 0) {
            vectors->iov_base = (char *)vectors->iov_base + left;
            vectors->iov_len -= left;
        }
    }
    return OK;
}

enum status file_pieces_read(const struct file_pieces *file, uint64_t offset,
                             const struct file_piece *pieces, size_t count, struct error *err)
{
    struct iovec vectors[BATCH_PIECES];
    CHECK(file->is_open && count <= FILE_PIECES_MAX);
    for (size_t done = 0; done < count;) {
        size_t batch = 0;
        uint64_t size = 0;
        for (; done < count && batch < BATCH_PIECES; done++) {
            if (pieces[done].size == 0)
                continue;
            vectors[batch++] =
                (struct iovec){.iov_base = pieces[done].bytes, .iov_len = pieces[done].size};
            size += pieces[done].size;
        }
        TRY(read_batch(file->fd, offset, vectors, batch, err));
        offset += size;
    }
    return OK;
}
