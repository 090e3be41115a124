#include "cli/fetch_role.h"

#include "os/pipe_record.h"
#include "os/process.h"
#include "sandbox/fetch_lock.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* From the child (pipe_record.h). */
struct news {
    bool is_last;
    enum status status;
    uint64_t done;
    uint64_t total;
    char text[ERROR_TEXT_MAX];
};

static_assert(sizeof(struct news) <= PIPE_RECORD_BYTES_MAX, "a pipe writes it in one piece");

static bool on_progress(void *context, uint64_t done, uint64_t total)
{
    static uint64_t told;
    const int *fd = context;
    if (done == told)
        return true;
    told = done;
    const struct news news = {.done = done, .total = total};
    pipe_record_send(*fd, &news, sizeof(news));
    return true;
}

static _Noreturn void child(const struct fetch_request *request, int fd)
{
    struct fetch_request own = *request;
    struct error err = {0};
    struct news last = {.is_last = true};
    own.progress = on_progress;
    own.context = &fd;
    signal(SIGINT, SIG_DFL);
    last.status = fetch_begin(&err);
    if (last.status == OK)
        last.status = fetch_lock_enter(&err);
    if (last.status == OK)
        last.status = fetch_run(&own, &last.done, &err);
    memcpy(last.text, err.text, sizeof(last.text));
    pipe_record_send(fd, &last, sizeof(last));
    _exit(0);
}

/* The next news; false: the child is gone without a last word. */
static bool receive(int fd, struct news *out)
{
    if (!pipe_record_receive(fd, out, sizeof(*out)))
        return false;
    out->text[sizeof(out->text) - 1] = '\0';
    return true;
}

static enum status follow(const struct fetch_request *request, int fd, uint64_t *out_size,
                          struct error *err)
{
    struct news news;
    while (receive(fd, &news)) {
        if (!news.is_last) {
            if (request->progress && !request->progress(request->context, news.done, news.total))
                return error_set(err, E_CANCELLED, "stopped");
            continue;
        }
        *out_size = news.done;
        return news.status == OK ? OK : error_set(err, news.status, "%s", news.text);
    }
    return error_set(err, E_IO, "the fetching process ended without a word");
}

enum status fetch_role_run(const struct fetch_request *request, uint64_t *out_size,
                           struct error *err)
{
    const pid_t parent = getpid();
    int ends[2];
    pid_t pid = 0;
    TRY(process_pipe(ends, err));
    if (process_fork(&pid, err) != OK) {
        close(ends[0]);
        close(ends[1]);
        return E_IO;
    }
    if (pid == 0) {
        process_die_with(parent, SIGKILL);
        close(ends[0]);
        child(request, ends[1]);
    }
    close(ends[1]);
    const enum status status = follow(request, ends[0], out_size, err);
    close(ends[0]);
    process_kill(pid);
    return status;
}

enum status fetch_role_text(const struct fetch_request *request, size_t size_max,
                            struct strbuf *out, struct error *err)
{
    struct fetch_request own = *request;
    uint64_t size = 0;
    own.size_max = size_max;
    own.out_fd = memfd_create("document", MFD_CLOEXEC);
    if (own.out_fd < 0)
        return error_errno(err, "no memory for a document");
    enum status status = fetch_role_run(&own, &size, err);
    if (status == OK) {
        char chunk[4096];
        ssize_t got = 0;
        for (off_t at = 0; (got = pread(own.out_fd, chunk, sizeof(chunk), at)) > 0; at += got)
            strbuf_add(out, chunk, (size_t)got);
    }
    close(own.out_fd);
    return status;
}
