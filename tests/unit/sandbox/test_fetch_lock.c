/*
 * The process that dials speaks with strangers: it may connect, and nothing else. No
 * file of the user's, no program, no local socket, no other process, nobody who connects to it.
 */
#include "sandbox/fetch_lock.h"
#include "sandbox/landlock.h"
#include "tests/holt_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct before {
    char secret[512];
    int out_fd; /* what it was handed */
    int listener;
    struct sockaddr_in address;
};

typedef long(attempt_fn)(const struct before *b);

static long try_read(const struct before *b)
{
    return open(b->secret, O_RDONLY);
}

static long try_create(const struct before *b)
{
    char path[600];
    snprintf(path, sizeof(path), "%s.new", b->secret);
    return open(path, O_WRONLY | O_CREAT, 0600);
}

static long try_unlink(const struct before *b)
{
    return unlink(b->secret);
}

static long try_exec(const struct before *b)
{
    (void)b;
    return execl("/bin/true", "true", (char *)NULL);
}

static long try_fork(const struct before *b)
{
    (void)b;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_unix_socket(const struct before *b)
{
    (void)b;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_packet_socket(const struct before *b)
{
    (void)b;
    return socket(AF_PACKET, SOCK_DGRAM, 0);
}

static long try_listen(const struct before *b)
{
    (void)b;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 0 : listen(fd, 1);
}

static long try_ptrace(const struct before *b)
{
    (void)b;
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_kill(const struct before *b)
{
    (void)b;
    return kill(getppid(), 0);
}

static long try_executable_memory(const struct before *b)
{
    (void)b;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static long do_connect(const struct before *b)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&b->address, sizeof(b->address));
}

static long do_ask_by_udp(const struct before *b)
{
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)b;
    return fd < 0 && errno != EAFNOSUPPORT ? -1 : 0;
}

static long do_write(const struct before *b)
{
    return pwrite(b->out_fd, "x", 1, 0) == 1 && ftruncate(b->out_fd, 0) == 0 ? 0 : -1;
}

static long do_read_resolver(const struct before *b)
{
    (void)b;
    return open("/etc/hosts", O_RDONLY | O_CLOEXEC);
}

static const struct {
    const char *name;
    attempt_fn *run;
    bool is_allowed;
    bool needs_landlock;
} attempts[] = {
    {"read a file", try_read, false, true},
    {"create a file", try_create, false, true},
    {"remove a file", try_unlink, false, false},
    {"start a program", try_exec, false, false},
    {"fork", try_fork, false, false},
    {"a local socket", try_unix_socket, false, false},
    {"a packet socket", try_packet_socket, false, false},
    {"listen", try_listen, false, false},
    {"trace", try_ptrace, false, false},
    {"signal another", try_kill, false, false},
    {"executable memory", try_executable_memory, false, false},
    {"connect", do_connect, true, false},
    {"ask by UDP", do_ask_by_udp, true, false},
    {"write what was handed over", do_write, true, false},
    {"read the resolver's files", do_read_resolver, true, false},
};

/* The number of the first attempt that went wrong, 1 for the first; 200: no lock. */
static int run_locked(const struct before *b, uint32_t abi)
{
    struct error err = {0};
    if (fetch_lock_enter(&err) != OK)
        return 200;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        if (attempts[i].needs_landlock && abi == 0)
            continue;
        if ((attempts[i].run(b) >= 0) != attempts[i].is_allowed)
            return (int)i + 1;
    }
    return 0;
}

static void it_may_connect_and_nothing_else(void **state)
{
    (void)state;
    struct before b = {.address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
    socklen_t len = sizeof(b.address);
    snprintf(b.secret, sizeof(b.secret), "%s/secret", test_folder());
    b.out_fd = open(b.secret, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    b.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(b.out_fd >= 0 && b.listener >= 0);
    assert_int_equal(bind(b.listener, (const struct sockaddr *)&b.address, sizeof(b.address)), 0);
    assert_int_equal(listen(b.listener, 4), 0);
    assert_int_equal(getsockname(b.listener, (struct sockaddr *)&b.address, &len), 0);
    const uint32_t abi = landlock_abi(0);
    if (abi == 0)
        print_message("not run: this kernel has no Landlock, files are not confined\n");
    const pid_t pid = fork();
    if (pid == 0)
        _exit(run_locked(&b, abi));
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    const int failed = WEXITSTATUS(status);
    if (failed)
        fail_msg("%s", failed == 200 ? "no lock" : attempts[failed - 1].name);
    close(b.out_fd);
    close(b.listener);
}

int test_fetch_lock(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_may_connect_and_nothing_else),
    };
    return cmocka_run_group_tests_name("fetch_lock", tests, NULL, NULL);
}
