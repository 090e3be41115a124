/*
 * "No process is ever left behind" rests on these: the sweep must find orphans of orphans, a
 * waiting parent must not hang, a child must not outlive its parent.
 */
#include "os/clock.h"
#include "os/process.h"
#include "tests/holt_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sleeper(void)
{
    const pid_t pid = fork();
    if (pid == 0) {
        sleep(600);
        _exit(0);
    }
    return pid;
}

static void wait_ends_at_the_timeout(void **state)
{
    (void)state;
    int status = 0;
    const pid_t pid = sleeper();
    const uint64_t before = clock_monotonic_ns();
    assert_false(process_wait(pid, 30, &status));
    assert_true(clock_monotonic_ns() - before >= 25000000);
    process_kill(pid);
    assert_int_equal(waitpid(pid, &status, 0), -1); /* it was waited for */
}

static void wait_tells_how_a_child_ended(void **state)
{
    (void)state;
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(42);
    assert_true(process_wait(pid, 10000, &status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

/* Starts processes that start processes, each in a session of its own, and leaves them. */
static void leave_orphans(int depth, int report_fd)
{
    for (int i = 0; i < 3; i++) {
        if (fork() != 0)
            continue;
        setsid();
        signal(SIGTERM, SIG_IGN);
        const pid_t self = getpid();
        if (write(report_fd, &self, sizeof(self)) != sizeof(self))
            _exit(1);
        if (depth > 1)
            leave_orphans(depth - 1, report_fd);
        close(report_fd);
        sleep(600);
        _exit(0);
    }
}

/* Runs in a child of the test, so that the test itself stays no subreaper. */
static int sweep_in_child(bool without_list)
{
    int fds[2];
    struct process_sweep sweep = {0};
    process_sweep_open(&sweep);
    if (without_list && sweep.children_fd >= 0) {
        close(sweep.children_fd);
        sweep.children_fd = -1;
    }
    if (pipe(fds) != 0)
        return 1;
    const pid_t parent = fork();
    if (parent == 0) {
        leave_orphans(2, fds[1]);
        _exit(0);
    }
    int status = 0;
    waitpid(parent, &status, 0);
    close(fds[1]);
    /* All have reported when the pipe closes; they still sleep then. */
    pid_t pids[16];
    size_t count = 0;
    while (count < 16 && read(fds[0], &pids[count], sizeof(pid_t)) == sizeof(pid_t))
        count++;
    if (count != 12)
        return 2;
    if (!process_sweep(&sweep, 10000))
        return 3;
    for (size_t i = 0; i < count; i++) {
        if (kill(pids[i], 0) == 0)
            return 4;
    }
    return 0;
}

static void sweep_ends_orphans_of_orphans(void **state)
{
    (void)state;
    for (int without_list = 0; without_list <= 1; without_list++) {
        test_case(without_list ? "by searching /proc" : "by the kernel's list");
        int status = 0;
        const pid_t pid = fork();
        if (pid == 0)
            _exit(sweep_in_child(without_list));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

static void child_dies_with_its_parent(void **state)
{
    (void)state;
    int fds[2];
    char byte = 0;
    assert_int_equal(pipe(fds), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        const pid_t self = getpid();
        if (fork() == 0) {
            close(fds[0]);
            process_die_with(self, SIGKILL);
            if (write(fds[1], "x", 1) == 1)
                sleep(600);
            _exit(0);
        }
        close(fds[1]);
        sleep(600);
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    process_kill(parent);
    assert_int_equal(read(fds[0], &byte, 1), 0); /* the last writer is gone */
    close(fds[0]);
}

static void thread_counts_are_plausible(void **state)
{
    (void)state;
    assert_true(process_thread_count(getuid()) >= 1);
    assert_true(process_system_thread_count() >= 1);
    const int proc = open("/proc", O_PATH | O_DIRECTORY);
    assert_true(process_count_in(proc) >= 1);
    close(proc);
    assert_int_equal(process_thread_count((uid_t)3999999999), 0);
}

int test_process(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_ends_at_the_timeout),
        cmocka_unit_test(wait_tells_how_a_child_ended),
        cmocka_unit_test(sweep_ends_orphans_of_orphans),
        cmocka_unit_test(child_dies_with_its_parent),
        cmocka_unit_test(thread_counts_are_plausible),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
