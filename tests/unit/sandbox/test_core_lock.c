/*
 * "No way out": the process that sees the user's data cannot open a connection or start a program.
 * Each denial is tried, in a child that locked itself, under every kind of kernel we can pretend to
 * have; so is what must go on working.
 */
#include "os/channel.h"
#include "os/thread.h"
#include "sandbox/core_lock.h"
#include "sandbox/landlock.h"
#include "tests/holt_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opened before the lock, as an attacker would find them. */
struct before {
    const char *state;
    const char *model;
    const char *secret;
    int tcp;
    int udp;
    int unix_pair[2];
    int listener; /* with `client` waiting to be accepted */
    int client;
    struct channel channel[2];
    pid_t parent;
};

typedef long(attempt_fn)(const struct before *before);

static long try_socket_v4(const struct before *b)
{
    (void)b;
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_socket_v6(const struct before *b)
{
    (void)b;
    return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long try_socket_unix(const struct before *b)
{
    (void)b;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_socket_netlink(const struct before *b)
{
    (void)b;
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long try_socketpair(const struct before *b)
{
    int fds[2];
    (void)b;
    return socketpair(AF_UNIX, SOCK_DGRAM, 0, fds);
}

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(9),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static long try_connect(const struct before *b)
{
    const struct sockaddr_in to = loopback();
    return connect(b->tcp, (const struct sockaddr *)&to, sizeof(to));
}

static long try_disconnect(const struct before *b)
{
    const struct sockaddr to = {.sa_family = AF_UNSPEC};
    return connect(b->udp, &to, sizeof(to));
}

static long try_bind(const struct before *b)
{
    struct sockaddr_in at = loopback();
    at.sin_port = 0;
    return bind(b->tcp, (const struct sockaddr *)&at, sizeof(at));
}

static long try_listen(const struct before *b)
{
    return listen(b->tcp, 1);
}

static long try_addressed_send(const struct before *b)
{
    const struct sockaddr_in to = loopback();
    return sendto(b->udp, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to));
}

static long try_fast_open(const struct before *b)
{
    return sendto(b->tcp, "x", 1, MSG_FASTOPEN, NULL, 0);
}

static long try_sendmsg(const struct before *b)
{
    struct sockaddr_in to = loopback();
    struct iovec piece = {.iov_base = &to, .iov_len = 1};
    const struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &piece, .msg_iovlen = 1};
    return sendmsg(b->udp, &message, 0);
}

static long try_fast_open_message(const struct before *b)
{
    struct sockaddr_in to = loopback();
    struct iovec piece = {.iov_base = &to, .iov_len = 1};
    const struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &piece, .msg_iovlen = 1};
    return sendmsg(b->tcp, &message, MSG_FASTOPEN);
}

static long try_accept(const struct before *b)
{
    return accept4(b->listener, NULL, NULL, SOCK_NONBLOCK);
}

static long try_recvmsg(const struct before *b)
{
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return recvmsg(b->unix_pair[0], &message, MSG_DONTWAIT);
}

static long try_exec(const struct before *b)
{
    char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    (void)b;
    return execve(name, arguments, NULL);
}

static long try_execveat(const struct before *b)
{
    (void)b;
    return syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0);
}

static long try_fork(const struct before *b)
{
    (void)b;
#ifdef SYS_fork /* the C library uses clone, and some processors have nothing else */
    const long pid = syscall(SYS_fork);
#else
    const long pid = fork();
#endif
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_clone(const struct before *b)
{
    (void)b;
    const long pid = syscall(SYS_clone, (long)SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_ptrace(const struct before *b)
{
    return ptrace(PTRACE_ATTACH, b->parent, NULL, NULL);
}

static long try_foreign_memory(const struct before *b)
{
    char byte;
    struct iovec here = {&byte, 1};
    return syscall(SYS_process_vm_readv, b->parent, &here, 1UL, &here, 1UL, 0UL);
}

static long try_pidfd(const struct before *b)
{
    return syscall(SYS_pidfd_open, b->parent, 0);
}

static long try_pidfd_getfd(const struct before *b)
{
    (void)b;
    return syscall(SYS_pidfd_getfd, -1, 0, 0);
}

static long try_io_uring(const struct before *b)
{
    char parameters[256] = {0};
    (void)b;
    return syscall(SYS_io_uring_setup, 1, parameters);
}

static long try_bpf(const struct before *b)
{
    (void)b;
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_userfaultfd(const struct before *b)
{
    (void)b;
    return syscall(SYS_userfaultfd, 0);
}

static long try_keyring(const struct before *b)
{
    (void)b;
    return syscall(SYS_keyctl, 0, -3, 0, 0, 0);
}

static long try_new_executable_memory(const struct before *b)
{
    (void)b;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static long try_making_memory_executable(const struct before *b)
{
    (void)b;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long try_namespace(const struct before *b)
{
    (void)b;
    return unshare(CLONE_NEWUSER);
}

static long try_typing(const struct before *b)
{
    char c = 'x';
    (void)b;
    return ioctl(0, TIOCSTI, &c);
}

static long try_signal(const struct before *b)
{
    return kill(b->parent, 0);
}

static long try_becoming_readable(const struct before *b)
{
    (void)b;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_personality(const struct before *b)
{
    (void)b;
    return syscall(SYS_personality, 0xffffffffUL);
}

static long try_clone3(const struct before *b)
{
    (void)b;
    return syscall(SYS_clone3, NULL, 0);
}

static long try_unknown_call(const struct before *b)
{
    (void)b;
    return syscall(500);
}

static const struct {
    const char *name;
    attempt_fn *attempt;
    int error;
    bool is_serving; /* who serves connections needs it */
} denials[] = {
    {"socket, IPv4", try_socket_v4, EPERM, false},
    {"socket, IPv6", try_socket_v6, EPERM, false},
    {"socket, unix", try_socket_unix, EPERM, false},
    {"socket, netlink", try_socket_netlink, EPERM, false},
    {"socketpair", try_socketpair, EPERM, false},
    {"connect on an open socket", try_connect, EPERM, false},
    {"disconnect an open socket", try_disconnect, EPERM, false},
    {"bind", try_bind, EPERM, false},
    {"listen", try_listen, EPERM, false},
    {"send to an address", try_addressed_send, EPERM, false},
    {"fast open", try_fast_open, EPERM, false},
    {"sendmsg", try_sendmsg, EPERM, true},
    {"sendmsg with fast open", try_fast_open_message, EPERM, false},
    {"accept", try_accept, EPERM, true},
    {"recvmsg (descriptors)", try_recvmsg, EPERM, false},
    {"execve", try_exec, EPERM, false},
    {"execveat", try_execveat, EPERM, false},
    {"fork", try_fork, EPERM, false},
    {"clone of a process", try_clone, EPERM, false},
    {"ptrace", try_ptrace, EPERM, false},
    {"memory of another process", try_foreign_memory, EPERM, false},
    {"pidfd_open", try_pidfd, EPERM, false},
    {"pidfd_getfd", try_pidfd_getfd, EPERM, false},
    {"io_uring", try_io_uring, EPERM, false},
    {"bpf", try_bpf, EPERM, false},
    {"userfaultfd", try_userfaultfd, EPERM, false},
    {"key ring", try_keyring, EPERM, false},
    {"new executable memory", try_new_executable_memory, EPERM, false},
    {"making memory executable", try_making_memory_executable, EPERM, false},
    {"namespace", try_namespace, EPERM, false},
    {"typing into the terminal", try_typing, EPERM, false},
    {"signal to the parent", try_signal, EPERM, false},
    {"becoming readable again", try_becoming_readable, EPERM, false},
    {"personality", try_personality, EPERM, false},
    {"clone3, so that threads use clone", try_clone3, ENOSYS, false},
    {"a call newer than the filter", try_unknown_call, ENOSYS, false},
};

/* ---- what must go on working ---- */

static void note_thread(void *context)
{
    *(int *)context = 7;
}

static bool threads_work(const struct before *b)
{
    struct thread thread = {0};
    int seen = 0;
    (void)b;
    if (thread_start(&thread, "test", note_thread, &seen, NULL) != OK)
        return false;
    thread_join(&thread);
    return seen == 7;
}

static bool channels_work(const struct before *b)
{
    struct channel left = b->channel[0];
    struct channel right = b->channel[1];
    struct strbuf got = {0};
    uint32_t kind = 0;
    const bool works = channel_send(&left, 3, STR("hello"), NULL) == OK &&
                       channel_receive(&right, 16, 1000, &kind, &got, NULL) == OK && kind == 3 &&
                       str_equal_c(strbuf_view(&got), "hello");
    strbuf_done(&got);
    return works;
}

static bool sqlite_works(const struct before *b)
{
    char path[512];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/test.db", b->state);
    const bool works =
        sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_exec(db,
                     "PRAGMA journal_mode = WAL; PRAGMA temp_store = MEMORY;"
                     "DROP TABLE IF EXISTS t; CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);"
                     "UPDATE t SET x = x + 1; SELECT * FROM t ORDER BY x;",
                     NULL, NULL, NULL) == SQLITE_OK;
    return sqlite3_close(db) == SQLITE_OK && works;
}

static bool model_is_readable(const struct before *b)
{
    char byte = 0;
    const int fd = open(b->model, O_RDONLY);
    const void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 5, PROT_READ, MAP_PRIVATE, fd, 0);
    return map != MAP_FAILED && !memcmp(map, "model", 5) && pread(fd, &byte, 1, 0) == 1;
}

static bool own_signal_works(const struct before *b)
{
    (void)b;
    return kill(getpid(), 0) == 0;
}

static bool time_and_random_work(const struct before *b)
{
    const int fd = open("/dev/urandom", O_RDONLY);
    char byte;
    (void)b;
    return fd >= 0 && read(fd, &byte, 1) == 1 && sysconf(_SC_NPROCESSORS_ONLN) > 0;
}

/* A connection that came before, taken and answered. */
static bool serving_works(const struct before *b)
{
    char got[2] = {0};
    char text[] = "hi";
    struct iovec part = {text, 2};
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    return fd >= 0 && sendmsg(fd, &message, MSG_NOSIGNAL) == 2 && shutdown(fd, SHUT_WR) == 0 &&
           read(b->client, got, 2) == 2 && !memcmp(got, "hi", 2);
}

static const struct {
    const char *name;
    bool (*works)(const struct before *before);
} needs[] = {
    {"threads", threads_work},
    {"channels", channels_work},
    {"SQLite", sqlite_works},
    {"mapping a model", model_is_readable},
    {"signals to itself", own_signal_works},
    {"time and random bytes", time_and_random_work},
};

static bool opens(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Files: only where Landlock is in force. */
static const char *file_hole(const struct before *b)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/new", b->state);
    if (!opens(path, O_RDWR | O_CREAT))
        return "the state folder cannot be written";
    if (opens(b->model, O_RDWR))
        return "a model can be written";
    if (opens(b->secret, O_RDONLY))
        return "another file can be read";
    if (opens("/etc/passwd", O_RDONLY))
        return "/etc/passwd can be read";
    if (opens("/", O_RDONLY | O_DIRECTORY))
        return "the root folder can be listed";
    snprintf(path, sizeof(path), "%s.new", b->secret);
    if (opens(path, O_WRONLY | O_CREAT))
        return "a file can be made elsewhere";
    return NULL;
}

/* ---- running it ---- */

struct pretended {
    const char *name;
    uint32_t abi_max;
    bool without_landlock;
    bool serves;
};

static const struct pretended kernels[] = {
    {"this kernel", 0, false, false},
    {"this kernel, serving", 0, false, true},
    {"Landlock ABI 2 (Linux 5.19 to 6.1)", 2, false, false},
    {"Landlock ABI 1", 1, false, false},
    {"no Landlock", 0, true, false},
};

static void make_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void prepare(struct before *b)
{
    static char model[512];
    static char secret[512];
    const char *other = test_folder();
    *b = (struct before){.state = test_folder(), .model = model, .secret = secret};
    snprintf(model, sizeof(model), "%s/model.gguf", other);
    snprintf(secret, sizeof(secret), "%s/secret", other);
    make_file(model, "model");
    make_file(secret, "secret");
    b->tcp = socket(AF_INET, SOCK_STREAM, 0);
    b->udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b->unix_pair), 0);
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof(address);
    address.sin_port = 0;
    b->listener = socket(AF_INET, SOCK_STREAM, 0);
    b->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(b->listener, 1), 0);
    assert_int_equal(getsockname(b->listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(b->client, (struct sockaddr *)&address, size), 0);
    assert_ok(channel_pair(&b->channel[0], &b->channel[1], err));
    b->parent = getpid();
}

static bool lock(const struct before *b, const struct pretended *kernel)
{
    const char *const write_paths[] = {b->state};
    const char *const read_paths[] = {b->model, "/nowhere"};
    const struct core_lock_config config = {
        .write_paths = write_paths,
        .write_path_count = 1,
        .read_paths = read_paths,
        .read_path_count = 2,
        .landlock_abi_max = kernel->abi_max,
        .without_landlock = kernel->without_landlock,
        .accepts_connections = kernel->serves,
    };
    struct error err = {0};
    if (core_lock_enter(&config, NULL, &err) == OK)
        return true;
    fprintf(stderr, "lock: %s\n", err.text);
    return false;
}

/* In a child; 0 when everything is as it must be. */
static int check_lock(const struct before *b, const struct pretended *kernel)
{
    int failures = 0;
    if (!lock(b, kernel))
        return 100;
    for (size_t i = 0; i < ARRAY_LEN(denials); i++) {
        if (kernel->serves && denials[i].is_serving)
            continue;
        errno = 0;
        const long result = denials[i].attempt(b);
        if (result >= 0 || errno != denials[i].error) {
            fprintf(stderr, "%s: result %ld, errno %d\n", denials[i].name, result, errno);
            failures++;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        if (!needs[i].works(b)) {
            fprintf(stderr, "%s: does not work (errno %d)\n", needs[i].name, errno);
            failures++;
        }
    }
    if (kernel->serves && !serving_works(b)) {
        fprintf(stderr, "serving: does not work (errno %d)\n", errno);
        failures++;
    }
    const char *hole = kernel->without_landlock ? NULL : file_hole(b);
    if (hole)
        fprintf(stderr, "%s\n", hole);
    return failures + (hole ? 1 : 0);
}

static void locked_core_has_no_way_out(void **state)
{
    (void)state;
    struct before before;
    prepare(&before);
    for (size_t i = 0; i < ARRAY_LEN(kernels); i++) {
        int status = 0;
        test_case(kernels[i].name);
        if (!kernels[i].without_landlock && !landlock_abi(0)) {
            printf("not run: %s (this kernel has no Landlock)\n", kernels[i].name);
            continue;
        }
        const pid_t pid = fork();
        if (pid == 0)
            _exit(check_lock(&before, &kernels[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

/* The same as an ordinary user, to whom more of it applies. */
static void locked_core_works_for_ordinary_users(void **state)
{
    (void)state;
    struct before before;
    int status = 0;
    if (getuid() != 0) {
        printf("not run as another user: the tests run as one already\n");
        skip();
    }
    prepare(&before);
    assert_int_equal(chown(before.state, 65534, 65534), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(101);
        /* the folders of the tests are closed to others; what is inside does not matter here */
        before.model = "/bin/true";
        _exit(lock(&before, &kernels[0]) && threads_work(&before) && try_socket_v4(&before) < 0 &&
                      sqlite_works(&before)
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#ifdef __x86_64__
static void other_instruction_set_kills(void **state)
{
    (void)state;
    struct before before;
    int status = 0;
    prepare(&before);
    const pid_t pid = fork();
    if (pid == 0) {
        long result = 20; /* getpid of the 32-bit table */
        if (!lock(&before, &kernels[0]))
            _exit(100);
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);

    const pid_t x32 = fork();
    if (x32 == 0) {
        if (!lock(&before, &kernels[0]))
            _exit(100);
        syscall(0x40000000 | SYS_getpid);
        _exit(0);
    }
    assert_int_equal(waitpid(x32, &status, 0), x32);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
#else
static void other_instruction_set_kills(void **state)
{
    (void)state;
    skip();
}
#endif

int test_core_lock(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locked_core_has_no_way_out),
        cmocka_unit_test(locked_core_works_for_ordinary_users),
        cmocka_unit_test(other_instruction_set_kills),
    };
    return cmocka_run_group_tests_name("core_lock", tests, NULL, NULL);
}
