#include "sandbox/confined.h"

#include "base/attr.h"
#include "base/check.h"
#include "base/mem.h"
#include "os/clock.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/privileges.h"
#include "sandbox/resource_limits.h"
#include "sandbox/system_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RESULT_FD = 3,
    WORKSPACE_FD = 4,
    FIRST_OTHER_FD = 5,
    EXIT_DONE = 0,
    EXIT_FAILED = 10,
    EXIT_NO_SANDBOX = 11,
    ENTRIES_MAX = 4096, /* of a workspace whose .git has to be left out entry by entry */
    FINISH_MS = 1000,
    GENTLE_MS = 2000,
    PIECE_BYTES = 65536,
};

#ifdef HOLT_DEBUG
enum { KEEP_ERRORS = 1 }; /* a sanitizer's report goes to standard error */
#else
enum { KEEP_ERRORS = 0 };
#endif

static bool uses_namespaces(const struct confined_setup *setup, enum confined_kind kind)
{
    return setup->report.has_namespaces &&
           (kind == CONFINED_PROGRAM || setup->report.landlock_abi == 0);
}

/* ---- in the child ---- */

static void allow_list(const struct landlock *rules, const char *const *paths, unsigned rights)
{
    for (; *paths; paths++)
        (void)landlock_allow(rules, *paths, rights);
}

static bool is_protected(const char *name)
{
    return !strcmp(name, ".git") || !strcmp(name, ".holt");
}

/* Without namespaces nothing can be carved out of a folder, so its entries are allowed one by one
 * when .git or .holt is among them. New names at the top are impossible then. */
static void allow_around_protected(const struct landlock *rules, int workspace, unsigned rights)
{
    const int fd = openat(workspace, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    int count = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..") || is_protected(name))
            continue;
        if (++count > ENTRIES_MAX)
            break;
        (void)landlock_allow_at(rules, workspace, name, rights);
    }
    closedir(folder);
}

static bool holds_protected(int workspace)
{
    struct stat info;
    return fstatat(workspace, ".git", &info, AT_SYMLINK_NOFOLLOW) == 0 ||
           fstatat(workspace, ".holt", &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static void allow_workspace(const struct landlock *rules, const struct confined *confined)
{
    const bool is_program = confined->kind == CONFINED_PROGRAM;
    const unsigned look = LANDLOCK_READ | (is_program ? LANDLOCK_EXECUTE : 0);
    const int fd = confined->workspace_fd;
    if (!confined->can_write) {
        (void)landlock_allow_at(rules, fd, ".", look);
    } else if (is_program && !confined->has_own_processes && holds_protected(fd)) {
        (void)landlock_allow_at(rules, fd, ".", look);
        allow_around_protected(rules, fd, look | LANDLOCK_CHANGE);
    } else {
        (void)landlock_allow_at(rules, fd, ".", look | LANDLOCK_CHANGE);
    }
}

static enum status confine_files(const struct confined *confined, struct error *err)
{
    const uint32_t abi = confined->setup->report.landlock_abi;
    struct landlock rules = {0};
    TRY(landlock_begin(abi, true, &rules, err));
    allow_workspace(&rules, confined);
    if (confined->kind == CONFINED_PROGRAM) {
        const unsigned look = LANDLOCK_READ | LANDLOCK_EXECUTE;
        allow_list(&rules, system_paths_programs, look);
        allow_list(&rules, system_paths_settings, LANDLOCK_READ);
        allow_list(&rules, system_paths_devices, LANDLOCK_READ | LANDLOCK_WRITE);
        if (confined->temp)
            (void)landlock_allow(&rules, confined->temp, look | LANDLOCK_CHANGE);
        if (confined->has_proc)
            (void)landlock_allow(&rules, "/proc", LANDLOCK_READ);
    }
    return landlock_enforce(&rules, err);
}

/* Gives everything up. Afterwards only the job's own work is possible. */
static enum status confine(const struct confined *confined, struct error *err)
{
    const struct confined_setup *setup = confined->setup;
    const bool is_program = confined->kind == CONFINED_PROGRAM;
    resource_limits_apply();
    TRY(privileges_drop(err));
    prctl(PR_SET_DUMPABLE, 0); /* our memory is not for the programs we start */
    if (setup->report.landlock_abi)
        TRY(confine_files(confined, err));
    return syscall_filter_install(is_program ? &setup->program : &setup->files, err);
}

static void write_all(int fd, struct str bytes)
{
    while (bytes.len) {
        const ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno != EINTR)
            _exit(EXIT_NO_SANDBOX);
        bytes = put > 0 ? str_slice(bytes, (size_t)put, bytes.len) : bytes;
    }
}

/* Confines this process, does the work, hands over the result. */
NO_RETURN static void work(struct confined *confined, const struct confined_job *job)
{
    struct error err = {0};
    struct strbuf out = {.size_max = job->result_max};
    if (confine(confined, &err) != OK) {
        write_all(RESULT_FD, str_from_c(err.text));
        _exit(EXIT_NO_SANDBOX);
    }
    const enum status status = job->run(job->context, confined, &out, &err);
    write_all(RESULT_FD, status == OK ? strbuf_view(&out) : str_from_c(err.text));
    _exit(status == OK ? EXIT_DONE : EXIT_FAILED);
}

NO_RETURN static void fail(const struct error *err)
{
    write_all(RESULT_FD, str_from_c(err->text));
    _exit(EXIT_NO_SANDBOX);
}

/* Standard streams to nowhere, the result and the workspace at fixed numbers, nothing else open. */
static void keep_two_descriptors(int result_fd, int workspace_fd)
{
    const int result = fcntl(result_fd, F_DUPFD_CLOEXEC, 16);
    const int workspace = fcntl(workspace_fd, F_DUPFD_CLOEXEC, 16);
    process_silence(!KEEP_ERRORS);
    dup3(result, RESULT_FD, O_CLOEXEC);
    dup3(workspace, WORKSPACE_FD, O_CLOEXEC);
    process_close_from(FIRST_OTHER_FD);
}

static void reset_signals(void)
{
    static const int defaults[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGTSTP};
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        signal(defaults[i], SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error, not an end */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Process 1 of the new namespace. The one above waits for it and passes its end on. */
NO_RETURN static void work_in_namespaces(struct confined *confined, const struct confined_job *job,
                                         int go_fd, int ready_fd)
{
    struct error err = {0};
    char byte = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* If the process above is gone by now no signal will come: then its end of the pipe is
     * closed. */
    if (write(ready_fd, &byte, 1) != 1 || read(go_fd, &byte, 1) != 1)
        _exit(EXIT_NO_SANDBOX);
    close(go_fd);
    close(ready_fd);
    confined->has_own_processes = true;
    /* Counted within the user namespace since Linux 5.14 (Landlock's ABI 2 is younger). */
    resource_limits_apply_processes(
        confined->setup->report.landlock_abi >= 2 ? 0 : process_thread_count(geteuid()));
    confined->temp = "/tmp";
    if (namespaces_build(confined->setup->workspace, job->can_write, &confined->has_proc, &err) !=
        OK)
        fail(&err);
    /* The descriptor leads to the mount outside: take the one inside. */
    const int workspace = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (workspace < 0 || dup3(workspace, WORKSPACE_FD, O_CLOEXEC) < 0)
        _exit(EXIT_NO_SANDBOX);
    close(workspace);
    work(confined, job);
}

NO_RETURN static void separate(struct confined *confined, const struct confined_job *job,
                               pid_t parent)
{
    struct error err = {0};
    int go[2];
    int ready[2];
    pid_t pid = 0;
    char byte = 0;
    prctl(PR_SET_DUMPABLE, 1); /* or /proc/self/uid_map would belong to root */
    if (namespaces_separate(&err) != OK)
        fail(&err);
    process_die_with(parent, SIGKILL); /* only now: becoming another user clears it */
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0)
        _exit(EXIT_NO_SANDBOX);
    if (process_fork(&pid, &err) != OK)
        fail(&err);
    if (pid == 0) {
        close(go[1]);
        close(ready[0]);
        work_in_namespaces(confined, job, go[0], ready[1]);
    }
    close(go[0]);
    close(ready[1]);
    close(RESULT_FD);
    if (read(ready[0], &byte, 1) == 1)
        (void)!write(go[1], &byte, 1);
    int status = 0;
    (void)process_wait(pid, -1, &status);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NO_SANDBOX);
}

NO_RETURN static void child_main(const struct confined_setup *setup, const struct confined_job *job,
                                 pid_t parent, int result_fd)
{
    struct error err = {0};
    struct confined confined = {
        .setup = setup,
        .kind = job->kind,
        .workspace_fd = WORKSPACE_FD,
        .temp = job->temp,
        .can_write = job->can_write,
    };
    const bool is_bare_program =
        job->kind == CONFINED_PROGRAM && !uses_namespaces(setup, job->kind);
    setsid();
    reset_signals();
    keep_two_descriptors(result_fd, setup->workspace_fd);
    if (is_bare_program)
        resource_limits_apply_processes(process_thread_count(setup->owner_uid));
    if (job->kind == CONFINED_PROGRAM && setup->owner_uid == 0)
        resource_limits_come_first();
    if (fchdir(WORKSPACE_FD) != 0 ||
        privileges_become(setup->owner_uid, setup->owner_gid, &err) != OK)
        _exit(EXIT_NO_SANDBOX);
    if (uses_namespaces(setup, job->kind))
        separate(&confined, job, parent);
    process_die_with(parent, is_bare_program ? SIGTERM : SIGKILL);
    if (is_bare_program)
        process_sweep_open(&confined.sweep);
    work(&confined, job);
}

/* ---- in the parent ---- */

enum status confined_start(const struct confined_setup *setup, const struct confined_job *job,
                           struct confined_child *out, struct error *err)
{
    int fds[2];
    pid_t pid = 0;
    if (setup->report.tier == SANDBOX_TIER_D)
        return error_set(err, E_UNSUPPORTED, "this system cannot confine tools");
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_errno(err, "cannot make a pipe");
    const pid_t self = getpid();
    const enum status status = process_fork(&pid, err);
    if (status == OK && pid == 0)
        child_main(setup, job, self, fds[1]);
    close(fds[1]);
    if (status != OK) {
        close(fds[0]);
        return status;
    }
    *out = (struct confined_child){
        .pid = pid,
        .result_fd = fds[0],
        .is_gentle = job->kind == CONFINED_PROGRAM && !uses_namespaces(setup, job->kind),
    };
    return OK;
}

void confined_kill(struct confined_child *child)
{
    int status = 0;
    if (child->pid <= 0)
        return;
    if (child->is_gentle) {
        kill(child->pid, SIGTERM);
        (void)process_wait(child->pid, GENTLE_MS, &status);
    }
    process_kill(child->pid);
    close(child->result_fd);
    *child = (struct confined_child){0};
}

enum confined_end confined_finish(struct confined_child *child)
{
    int status = 0;
    CHECK(child->pid > 0);
    if (!process_wait(child->pid, FINISH_MS, &status)) {
        confined_kill(child);
        return CONFINED_CRASHED;
    }
    close(child->result_fd);
    *child = (struct confined_child){0};
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
        return CONFINED_DONE;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED ? CONFINED_FAILED
                                                                   : CONFINED_CRASHED;
}

enum status confined_run(const struct confined_setup *setup, const struct confined_job *job,
                         int timeout_ms, struct strbuf *out, enum confined_end *out_end,
                         struct error *err)
{
    struct confined_child child = {0};
    TRY(confined_start(setup, job, &child, err));
    const uint64_t deadline = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    char *piece = mem_alloc(PIECE_BYTES);
    enum status status = OK;
    for (;;) {
        const uint64_t now = clock_monotonic_ns();
        struct pollfd wait = {.fd = child.result_fd, .events = POLLIN};
        const int ready =
            poll(&wait, 1, now < deadline ? (int)((deadline - now) / 1000000) + 1 : 0);
        if (ready == 0) {
            status = error_set(err, E_LIMIT, "stopped after %d ms", timeout_ms);
            break;
        }
        const ssize_t got = ready < 0 ? -1 : read(child.result_fd, piece, PIECE_BYTES);
        if (got == 0)
            break;
        if (got > 0)
            strbuf_add(out, piece, (size_t)got);
    }
    mem_free(piece);
    if (status == OK)
        *out_end = confined_finish(&child);
    else
        confined_kill(&child);
    return status;
}
