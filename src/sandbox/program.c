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
    COUNT_MS = 10, /* how often processes are counted */
    LOOK_MS = 50,  /* where the kernel has no descriptor for a process */
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
    bool is_counted;         /* processes are: RLIMIT_NPROC does not bind root */
    int proc_fd;             /* a /proc of our own to count them in; -1: none */
    uint16_t threads_before; /* of the whole system, where that is all there is to count */
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

    sigset_t none;
    setpgid(0, 0);
    dup2(output_fd, STDOUT_FILENO);
    dup2(output_fd, STDERR_FILENO);
    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    resource_limits_apply_memory();
    resource_limits_step_back();
    if (!confined->has_own_processes &&
        syscall_filter_install(&confined->setup->one_group, NULL) != OK)
        _exit(CANNOT_START);
    process_close_from(STDERR_FILENO + 1);
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
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0)
        return error_errno(err, "cannot make a pipe");
    run->output_fd = output[0];
    run->is_counted = geteuid() == 0;
    run->threads_before = (uint16_t)process_system_thread_count();
    if (run->is_counted && run->confined->has_proc)
        run->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const enum status status = process_fork(&run->pid, err);
    if (status == OK && run->pid == 0)
        become_program(run->confined, arguments, output[1]);
    close(output[1]);
    if (status != OK)
        return status;
    (void)setpgid(run->pid, run->pid); /* it does the same: whoever comes first */
    fcntl(output[0], F_SETFL, O_NONBLOCK);
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

static bool has_too_many(const struct running *run)
{
    if (run->proc_fd >= 0)
        return process_count_in(run->proc_fd) > RESOURCE_LIMITS_PROCESSES;
    const uint16_t more = (uint16_t)((uint16_t)process_system_thread_count() - run->threads_before);
    return more > RESOURCE_LIMITS_SYSTEM_PROCESSES && more < UINT16_MAX / 2;
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
        (void)poll(wait, ARRAY_LEN(wait), run->is_counted ? COUNT_MS : LOOK_MS);
        if (is_open)
            is_open = take_output(run, out, result);
        if (run->seen_bytes > PROGRAM_FLOOD_MAX)
            return error_set(err, E_LIMIT, "the command was stopped after it wrote %d MiB",
                             PROGRAM_FLOOD_MAX >> 20);
        if (wait[2].revents)
            return error_set(err, E_CANCELLED, "the command was stopped");
        if (run->is_counted && has_too_many(run))
            return error_set(err, E_LIMIT,
                             "the command was stopped: it started too many processes");
        reap(run);
    }
    if (is_open)
        (void)take_output(run, out, result); /* what it wrote last */
    return OK;
}

static void running_done(struct running *run)
{
    const int fds[] = {run->output_fd, run->handle, run->told_fd, run->proc_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
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
    struct running run = {
        .confined = confined, .output_fd = -1, .handle = -1, .told_fd = -1, .proc_fd = -1};
    *result = (struct program_result){0};
    if (!confined->has_own_processes)
        run.told_fd = listen_for_end();
    enum status status = start(&run, arguments, err);
    if (status == OK)
        status = watch(&run, out, result, err);
    running_done(&run);
    /* With processes of our own the kernel ends the rest when we do. Otherwise all of them are in
     * one group: the kernel lets none be born while it is ended. */
    if (!confined->has_own_processes && run.pid > 0)
        (void)kill(-run.pid, SIGKILL);
    (void)process_sweep(&confined->sweep, SWEEP_MS);
    if (WIFSIGNALED(run.status))
        result->exit_code = 128 + WTERMSIG(run.status);
    else
        result->exit_code = WEXITSTATUS(run.status);
    return status;
}
