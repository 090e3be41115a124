#include "os/process.h"

#include "base/str.h"
#include "os/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STAT_BYTES = 1024, CHILDREN_BYTES = 32768, POLL_NS = 1000000, NUMBER_BYTES = 32 };

enum status process_fork(pid_t *out_pid, struct error *err)
{
    const pid_t pid = fork();
    if (pid < 0)
        return error_errno(err, "cannot start a process");
    *out_pid = pid;
    return OK;
}

enum status process_pipe(int ends[2], struct error *err)
{
    return pipe2(ends, O_CLOEXEC) == 0 ? OK : error_errno(err, "cannot make a pipe");
}

void process_die_with(pid_t parent, int signal_number)
{
    prctl(PR_SET_PDEATHSIG, signal_number);
    if (getppid() != parent)
        _exit(1);
}

static bool wait_now(pid_t pid, int *out_status)
{
    int status = 0;
    pid_t got = 0;
    do
        got = waitpid(pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    *out_status = got == pid ? status : 0;
    return true;
}

bool process_wait(pid_t pid, int timeout_ms, int *out_status)
{
    if (wait_now(pid, out_status))
        return true;
    const uint64_t deadline = clock_monotonic_ns() + (uint64_t)(timeout_ms + 1) * 1000000;
    const int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    if (handle >= 0) {
        struct pollfd wait = {.fd = handle, .events = POLLIN};
        int ready = 0;
        do
            ready = poll(&wait, 1, timeout_ms);
        while (ready < 0 && errno == EINTR && (timeout_ms < 0 || clock_monotonic_ns() < deadline));
        close(handle);
        return wait_now(pid, out_status);
    }
    while (!wait_now(pid, out_status)) {
        if (timeout_ms >= 0 && clock_monotonic_ns() >= deadline)
            return false;
        clock_sleep_ns(POLL_NS);
    }
    return true;
}

void process_kill(pid_t pid)
{
    int status = 0;
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    (void)process_wait(pid, -1, &status);
}

void process_silence(bool also_errors)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= (also_errors ? 2 : 1); fd++) {
        if (null >= 0)
            dup2(null, fd);
        else
            close(fd);
    }
    if (null > 2)
        close(null);
}

void process_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, UINT_MAX, 0) == 0)
        return;
    const long count = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (count > 0 && count < 65536 ? (int)count : 65536); fd++)
        close(fd);
}

/* One small file of /proc, NUL-terminated; 0 bytes when it cannot be read. */
static size_t read_small(const char *path, char *out, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* Field `number` (from 1, at least 3) of /proc/PID/stat. The name before it may hold anything, so
 * fields are counted from its last parenthesis. */
static int64_t stat_field(const char *pid, int number)
{
    char path[NUMBER_BYTES + 16];
    char text[STAT_BYTES];
    int64_t value = -1;
    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    if (!read_small(path, text, sizeof(text)))
        return -1;
    const char *behind = strrchr(text, ')');
    struct str rest = str_trim(str_from_c(behind ? behind + 1 : ""));
    for (int field = 3; field < number; field++)
        (void)str_split(&rest, ' ');
    return str_to_int(str_split(&rest, ' '), &value) ? value : -1;
}

typedef void(each_process_fn)(const char *pid, void *context);

static void each_process(each_process_fn *fn, void *context)
{
    DIR *folder = opendir("/proc");
    if (!folder)
        return;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            fn(entry->d_name, context);
    }
    closedir(folder);
}

struct thread_count {
    uid_t uid;
    uint64_t count;
};

static void add_threads(const char *pid, void *context)
{
    struct thread_count *sum = context;
    char path[NUMBER_BYTES + 16];
    struct stat info;
    snprintf(path, sizeof(path), "/proc/%.20s", pid);
    if (stat(path, &info) != 0 || info.st_uid != sum->uid)
        return;
    const int64_t threads = stat_field(pid, 20);
    sum->count += threads > 0 ? (uint64_t)threads : 0;
}

uint64_t process_thread_count(uid_t uid)
{
    struct thread_count sum = {.uid = uid};
    each_process(add_threads, &sum);
    return sum.count;
}

uint64_t process_count_in(int proc_fd)
{
    const int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    uint64_t count = 0;
    if (!folder && fd >= 0)
        close(fd);
    if (!folder)
        return 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    closedir(folder);
    return count;
}

uint64_t process_system_thread_count(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? info.procs : 0;
}

void process_sweep_open(struct process_sweep *sweep)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sweep->children_fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    sweep->is_open = true;
}

void process_sweep_close(struct process_sweep *sweep)
{
    if (sweep->is_open && sweep->children_fd >= 0)
        close(sweep->children_fd);
    *sweep = (struct process_sweep){0};
}

/* The whole group goes at a stroke: no process is born into it meanwhile. */
static void kill_with_group(pid_t pid)
{
    const pid_t group = getpgid(pid);
    if (group > 1 && group != getpgrp())
        kill(-group, SIGKILL);
    kill(pid, SIGKILL);
}

static void kill_if_child(const char *pid, void *context)
{
    const pid_t self = *(const pid_t *)context;
    int64_t number = 0;
    if (stat_field(pid, 4) == self && str_to_int(str_from_c(pid), &number))
        kill_with_group((pid_t)number);
}

static void kill_children(const struct process_sweep *sweep)
{
    char text[CHILDREN_BYTES];
    const ssize_t got =
        sweep->children_fd < 0 ? -1 : pread(sweep->children_fd, text, sizeof(text) - 1, 0);
    if (got < 0) {
        pid_t self = getpid();
        each_process(kill_if_child, &self);
        return;
    }
    struct str rest = {text, (size_t)got};
    while (rest.len) {
        int64_t pid = 0;
        const bool is_whole = str_find_char(rest, ' ', 0) != SIZE_MAX;
        if (is_whole && str_to_int(str_split(&rest, ' '), &pid) && pid > 1)
            kill_with_group((pid_t)pid);
        else if (!is_whole)
            break;
    }
}

bool process_sweep(const struct process_sweep *sweep, int timeout_ms)
{
    if (!sweep->is_open)
        return true;
    const uint64_t deadline = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    for (;;) {
        int status = 0;
        const pid_t got = waitpid(-1, &status, WNOHANG | __WALL);
        if (got > 0 || (got < 0 && errno == EINTR))
            continue;
        if (got < 0)
            return true; /* ECHILD: nobody left */
        if (clock_monotonic_ns() >= deadline)
            return false;
        kill_children(sweep);
        clock_sleep_ns(POLL_NS);
    }
}
