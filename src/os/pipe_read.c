#include "os/pipe_read.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE_BYTES = 4096, PIECES_MAX = 16 };

enum status pipe_read_open(int *out_read_fd, int *out_write_fd, struct error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_errno(err, "cannot make a pipe");
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *out_read_fd = fds[0];
    *out_write_fd = fds[1];
    return OK;
}

void pipe_read_become(int write_fd, int stream_fd)
{
    dup2(write_fd, stream_fd);
    close(write_fd);
}

bool pipe_read_some(int read_fd, struct strbuf *out)
{
    char piece[PIECE_BYTES];
    for (int i = 0; i < PIECES_MAX; i++) {
        const ssize_t got = read(read_fd, piece, sizeof(piece));
        if (got == 0)
            return false;
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        strbuf_add(out, piece, (size_t)got);
    }
    return true;
}
