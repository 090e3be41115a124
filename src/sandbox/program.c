#include "sandbox/program.h"

#include "base/attr.h"
#include "sandbox/confined.h"
#include "sandbox/resource_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 65536,
    LOOK_MS = 50, /* how often processes are counted and a lost signal is noticed */
    SWEEP_MS = 5000,
    CANNOT_START = 127,
};

/* A program that runs. */
struct running {
    const struct confined *confined;
    pid_t pid;
    int output_fd;
    int handle;  /* a descriptor that is readable when it ended; -1: none */
    int told_fd; /* readable when we are told to end (SIGTERM); -1: we are killed instead */
    bool ended;
    int status;
    uint64_t seen_bytes;
    uint16_t threads_before; /* on the system; the kernel counts modulo 65536 here */
};

/* In the new process, up to the program. */
NO_RETURN static void become_program(const struct confined *confined, const char *const *arguments,
                                     int output_fd)
{
    char home[4200];
    char temp[4200];
    char search[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char language[] = "LANG=C.UTF-8";
    char terminal[] = "TERM=dumb";
    snprintf(home, sizeof(home), "HOME=%s", confined->setup->workspace);
    snprintf(temp, sizeof(temp), "TMPDIR=%s", confined->temp ? confined->temp : "/tmp");
    char *const environment[] = {search, home, temp, language, terminal, NULL};

    setpgid(0, 0);
    dup2(output_fd, STDOUT_FILENO);
    dup2(output_fd, STDERR_FILENO);
    process_close_from(STDERR_FILENO + 1);
    signal(SIGXFSZ, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    resource_limits_apply_memory();
    if (confined->setup->needs_own_group &&
        syscall_filter_install(&confined->setup->own_group, NULL) != OK)
        _exit(CANNOT_START);
    union {
        const char *const *in;
        char *const *out;
    } list = {.in = arguments}; /* execve() does not change them, but says it might */
    execve(arguments[0], list.out, environment);
    static const char text[] = "cannot start the program\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(CANNOT_START);
}

static enum status start(struct running *run, const char *const *arguments, struct error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_errno(err, "cannot make a pipe");
    run->threads_before = (uint16_t)process_system_thread_count();
    const enum status status = process_fork(&run->pid, err);
    if (status == OK && run->pid == 0)
        become_program(run->confined, arguments, fds[1]);
    close(fds[1]);
    if (status != OK) {
        close(fds[0]);
        return status;
    }
    run->output_fd = fds[0];
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    run->handle = (int)syscall(SYS_pidfd_open, run->pid, 0);
    return OK;
}

/* Waits for every child that ended: as process 1, orphans are ours. */
static void reap(struct running *run)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == run->pid) {
            run->ended = true;
            run->status = status;
        }
    }
}

/* Reads all there is now. False at end of file. */
static bool take_output(struct running *run, struct strbuf *out, struct program_result *result)
{
    char piece[PIECE_BYTES];
    for (;;) {
        const ssize_t got = read(run->output_fd, piece, sizeof(piece));
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        const size_t room = run->seen_bytes < PROGRAM_OUTPUT_MAX
                                ? (size_t)(PROGRAM_OUTPUT_MAX - run->seen_bytes)
                                : 0;
        const size_t kept = (size_t)got < room ? (size_t)got : room;
        strbuf_add(out, piece, kept);
        for (size_t i = kept; i < (size_t)got; i++)
            result->dropped_lines += piece[i] == '\n';
        result->dropped_bytes += (size_t)got - kept;
        run->seen_bytes += (uint64_t)got;
        result->ends_in_line = piece[got - 1] != '\n';
        if (run->seen_bytes > PROGRAM_FLOOD_MAX)
            return true;
    }
}

/* Root's processes are not bound by RLIMIT_NPROC; the system's count is all there is to look at. */
static bool has_too_many(const struct running *run)
{
    if (geteuid() != 0)
        return false;
    const uint16_t more = (uint16_t)((uint16_t)process_system_thread_count() - run->threads_before);
    return more > RESOURCE_LIMITS_ROOT_PROCESSES && more < UINT16_MAX / 2;
}

static enum status watch(struct running *run, struct strbuf *out, struct program_result *result,
                         struct error *err)
{
    bool is_open = true;
    while (!run->ended) {
        struct pollfd wait[] = {
            {.fd = is_open ? run->output_fd : -1, .events = POLLIN},
            {.fd = run->handle, .events = POLLIN},
            {.fd = run->told_fd, .events = POLLIN},
        };
        (void)poll(wait, ARRAY_LEN(wait), LOOK_MS);
        if (is_open)
            is_open = take_output(run, out, result);
        if (run->seen_bytes > PROGRAM_FLOOD_MAX)
            return error_set(err, E_LIMIT, "the command was stopped after it wrote %d MiB",
                             PROGRAM_FLOOD_MAX >> 20);
        if (has_too_many(run))
            return error_set(err, E_LIMIT,
                             "the command was stopped: it started too many processes");
        if (wait[2].revents)
            return error_set(err, E_CANCELLED, "the command was stopped");
        reap(run);
    }
    if (is_open)
        (void)take_output(run, out, result); /* what it wrote last */
    return OK;
}

static int listen_for_end(void)
{
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    return signalfd(-1, &end, SFD_CLOEXEC);
}

enum status program_run(const struct confined *confined, const char *const *arguments,
                        struct strbuf *out, struct program_result *result, struct error *err)
{
    struct running run = {.confined = confined, .output_fd = -1, .handle = -1, .told_fd = -1};
    *result = (struct program_result){0};
    if (!confined->has_own_processes)
        run.told_fd = listen_for_end();
    TRY(start(&run, arguments, err));
    const enum status status = watch(&run, out, result, err);
    close(run.output_fd);
    if (run.handle >= 0)
        close(run.handle);
    if (run.told_fd >= 0)
        close(run.told_fd);
    /* With processes of our own the kernel ends the rest when we do. */
    (void)process_sweep(&confined->sweep, SWEEP_MS);
    if (WIFSIGNALED(run.status))
        result->exit_code = 128 + WTERMSIG(run.status);
    else
        result->exit_code = WEXITSTATUS(run.status);
    return status;
}
