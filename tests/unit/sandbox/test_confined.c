/*
 * What a tool's child can still do, tried from inside, on every tier: the promises are that it sees
 * the workspace and the system's programs and nothing else, changes nothing but the workspace,
 * reaches no network and no other process, and leaves nothing running.
 */
#include "os/clock.h"
#include "sandbox/landlock.h"
#include "sandbox/program.h"
#include "sandbox/resource_limits.h"
#include "tests/holt_test.h"
#include "tests/unit/sandbox/tiers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RUN_MS = 60000,
    RESULT_MAX = 100000,
    PROCESS_MARGIN = 64,     /* of others on the machine */
    PROCESS_OVERSHOOT = 192, /* where processes are counted from outside, a burst between two
                                counts passes the limit; far from the bombs' 1,400 all the same */
};

/* A world with things to reach for. */
struct world {
    const char *workspace;
    const char *outside; /* another folder: home, state, other projects */
    char secret[512];
    pid_t parent;
};

static void make_file(const char *folder, const char *name, const char *content)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void make_folder(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_world(struct world *world)
{
    *world = (struct world){
        .workspace = test_folder(),
        .outside = test_folder(),
        .parent = getpid(),
    };
    snprintf(world->secret, sizeof(world->secret), "%s/secret", world->outside);
    make_file(world->outside, "secret", "the secret");
    make_file(world->workspace, "mine", "my file");
    make_folder(world->workspace, ".git");
    make_folder(world->workspace, ".git/hooks");
    make_file(world->workspace, ".git/config", "[core]");
    make_folder(world->workspace, "sub");
    char link[600];
    snprintf(link, sizeof(link), "%s/link", world->workspace);
    assert_int_equal(symlink(world->secret, link), 0);
}

/* ---- attempts: return true when the wall has a hole ---- */

typedef bool(attempt_fn)(const struct world *world, const struct confined *confined);

static bool opens(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool opens_a_socket(int family, int type)
{
    const int fd = socket(family, type, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool reach_tcp(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens_a_socket(AF_INET, SOCK_STREAM) || opens_a_socket(AF_INET6, SOCK_STREAM);
}

static bool reach_udp(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens_a_socket(AF_INET, SOCK_DGRAM) || opens_a_socket(AF_INET6, SOCK_DGRAM);
}

/* Both by path (D-Bus, docker) and abstract. */
static bool reach_unix(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens_a_socket(AF_UNIX, SOCK_STREAM) || opens_a_socket(AF_UNIX, SOCK_DGRAM);
}

static bool reach_other_families(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens_a_socket(AF_NETLINK, SOCK_RAW) || opens_a_socket(AF_PACKET, SOCK_RAW) ||
           opens_a_socket(40 /* AF_VSOCK */, SOCK_STREAM) ||
           opens_a_socket(38 /* AF_ALG */, SOCK_SEQPACKET);
}

/* A datagram pair could send to any unix address. */
static bool reach_by_datagram_pair(const struct world *w, const struct confined *c)
{
    int fds[2];
    (void)w;
    (void)c;
    return socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0 ||
           socketpair(AF_UNIX, SOCK_RAW, 0, fds) == 0;
}

static bool reach_by_io_uring(const struct world *w, const struct confined *c)
{
    char parameters[256] = {0};
    (void)w;
    (void)c;
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool read_secret(const struct world *w, const struct confined *c)
{
    (void)c;
    return opens(w->secret, O_RDONLY);
}

static bool read_secret_by_link(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens("link", O_RDONLY);
}

static bool read_secret_by_proc(const struct world *w, const struct confined *c)
{
    char path[700];
    (void)c;
    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)w->parent, w->secret);
    if (opens(path, O_RDONLY))
        return true;
    snprintf(path, sizeof(path), "/proc/self/root/../..%s", w->secret);
    return opens(path, O_RDONLY);
}

static bool read_system_secrets(const struct world *w, const struct confined *c)
{
    static const char *const paths[] = {"/etc/shadow", "/etc/sudoers", "/root/.profile", "/root",
                                        "/home",       "/var/log",     "/run",           "/sys",
                                        "/boot",       "/dev/mem",     "/dev/vda"};
    (void)w;
    (void)c;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (opens(paths[i], O_RDONLY)) {
            fprintf(stderr, "%s can be opened\n", paths[i]);
            return true;
        }
    }
    return false;
}

static bool list_other_folders(const struct world *w, const struct confined *c)
{
    (void)c;
    return opens(w->outside, O_RDONLY | O_DIRECTORY);
}

static bool write_outside(const struct world *w, const struct confined *c)
{
    char path[600];
    (void)c;
    snprintf(path, sizeof(path), "%s/new", w->outside);
    return opens(path, O_WRONLY | O_CREAT) || opens(w->secret, O_WRONLY) ||
           opens(w->secret, O_RDONLY | O_TRUNC) || mkdir(path, 0700) == 0;
}

static bool write_system(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens("/usr/holt-test", O_WRONLY | O_CREAT) || opens("/etc/passwd", O_WRONLY) ||
           opens("/bin/true", O_WRONLY) || opens("/proc/sys/kernel/core_pattern", O_WRONLY) ||
           opens("/proc/sysrq-trigger", O_WRONLY);
}

static bool change_attributes_outside(const struct world *w, const struct confined *c)
{
    (void)c;
    return truncate(w->secret, 0) == 0 || chmod(w->secret, 0777) == 0 ||
           chmod("/usr/bin/env", 0755) == 0 || unlink(w->secret) == 0 ||
           rename(w->secret, "stolen") == 0 || link(w->secret, "stolen") == 0;
}

static bool trace_parent(const struct world *w, const struct confined *c)
{
    char path[64];
    (void)c;
    if (ptrace(PTRACE_ATTACH, w->parent, NULL, NULL) == 0 ||
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
        return true;
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)w->parent);
    if (opens(path, O_RDONLY))
        return true;
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)w->parent);
    return opens(path, O_RDONLY);
}

static bool use_kernel_services(const struct world *w, const struct confined *c)
{
    char typed = 'x';
    (void)w;
    (void)c;
    return syscall(SYS_bpf, 0, NULL, 0) >= 0 || syscall(SYS_userfaultfd, 0) >= 0 ||
           syscall(SYS_keyctl, 0, -3, 0, 0, 0) >= 0 || unshare(CLONE_NEWUSER) == 0 ||
           mount("none", "/tmp", "tmpfs", 0, NULL) == 0 || ioctl(0, TIOCSTI, &typed) == 0 ||
           syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0) >= 0 ||
           syscall(SYS_personality, 0) >= 0 || syscall(600) >= 0;
}

static bool write_git_hooks(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens(".git/hooks/pre-commit", O_WRONLY | O_CREAT) || opens(".git/config", O_WRONLY) ||
           rename(".git", "moved") == 0 || unlink(".git/config") == 0;
}

static bool write_workspace(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    return opens("mine", O_WRONLY) || opens("sub/new", O_WRONLY | O_CREAT) || unlink("mine") == 0;
}

static bool signal_others(const struct world *w, const struct confined *c)
{
    (void)c;
    return kill(w->parent, 0) == 0;
}

static bool start_process(const struct world *w, const struct confined *c)
{
    (void)w;
    (void)c;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid >= 0;
}

static bool start_program(const struct world *w, const struct confined *c)
{
    char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    (void)w;
    (void)c;
    execve(name, arguments, NULL);
    return errno != EPERM && errno != EACCES;
}

static bool keep_descriptors(const struct world *w, const struct confined *c)
{
    (void)w;
    for (int fd = 3; fd < 64; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 && fd != 3 && fd != c->workspace_fd &&
            fd != c->sweep.children_fd)
            return true;
    }
    return false;
}

enum { FILES = 1 << CONFINED_FILES, PROGRAM = 1 << CONFINED_PROGRAM };

static const struct {
    const char *name;
    attempt_fn *attempt;
    unsigned kinds;
    bool only_read_only; /* allowed when the workspace may be changed */
} attempts[] = {
    {"TCP", reach_tcp, FILES | PROGRAM, false},
    {"UDP", reach_udp, FILES | PROGRAM, false},
    {"unix sockets", reach_unix, FILES | PROGRAM, false},
    {"netlink, packet, vsock, crypto", reach_other_families, FILES | PROGRAM, false},
    {"datagram pair", reach_by_datagram_pair, FILES | PROGRAM, false},
    {"io_uring", reach_by_io_uring, FILES | PROGRAM, false},
    {"read a secret", read_secret, FILES | PROGRAM, false},
    {"read a secret through a link", read_secret_by_link, FILES | PROGRAM, false},
    {"read a secret through /proc", read_secret_by_proc, FILES | PROGRAM, false},
    {"read the system's secrets", read_system_secrets, FILES | PROGRAM, false},
    {"list other folders", list_other_folders, FILES | PROGRAM, false},
    {"write outside", write_outside, FILES | PROGRAM, false},
    {"write the system", write_system, FILES | PROGRAM, false},
    {"change or take files outside", change_attributes_outside, FILES | PROGRAM, false},
    {"trace or read the parent", trace_parent, FILES | PROGRAM, false},
    {"kernel services", use_kernel_services, FILES | PROGRAM, false},
    {"inherited descriptors", keep_descriptors, FILES | PROGRAM, false},
    {"signal others", signal_others, FILES, false},
    {"start a process", start_process, FILES, false},
    {"start a program", start_program, FILES, false},
    {"change .git", write_git_hooks, PROGRAM, false},
    {"write the workspace", write_workspace, FILES | PROGRAM, true},
};

static enum status try_all(void *context, const struct confined *confined, struct strbuf *out,
                           struct error *err)
{
    (void)err;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        if (!(attempts[i].kinds & (1U << confined->kind)) ||
            (attempts[i].only_read_only && confined->can_write))
            continue;
        if (attempts[i].attempt(context, confined))
            strbuf_addf(out, "%s; ", attempts[i].name);
    }
    return OK;
}

static void run(const struct confined_setup *setup, enum confined_kind kind, bool can_write,
                confined_fn *fn, void *context, struct strbuf *out)
{
    enum confined_end end = CONFINED_CRASHED;
    const struct confined_job job = {
        .kind = kind,
        .can_write = can_write,
        .temp = setup->report.has_namespaces ? NULL : test_folder(),
        .result_max = RESULT_MAX,
        .run = fn,
        .context = context,
    };
    strbuf_clear(out);
    assert_ok(confined_run(setup, &job, RUN_MS, out, &end, err));
    if (end != CONFINED_DONE)
        fail_msg("the child ended with %d: %s", (int)end, strbuf_c(out));
}

static void nothing_gets_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct strbuf holes = {0};
        make_world(&world);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        for (int mode = 0; mode < 4; mode++) {
            test_case(tiers[i].name);
            run(&setup, mode & 1 ? CONFINED_PROGRAM : CONFINED_FILES, mode & 2, try_all, &world,
                &holes);
            if (holes.len)
                fail_msg("%s, %s, %s: %s", tiers[i].name, mode & 1 ? "program" : "files",
                         mode & 2 ? "writing" : "read-only", strbuf_c(&holes));
        }
        strbuf_done(&holes);
        confined_setup_done(&setup);
    }
}

/* ---- what must work ---- */

struct script {
    const char *text;
    struct program_result result;
};

static enum status run_script(void *context, const struct confined *confined, struct strbuf *out,
                              struct error *err)
{
    struct script *script = context;
    const char *const arguments[] = {"/bin/sh", "-c", script->text, NULL};
    struct program_result result;
    TRY(program_run(confined, arguments, out, &result, err));
    strbuf_addf(out, "exit %d", result.exit_code);
    return OK;
}

static const struct {
    const char *name;
    const char *script;
    const char *output;
    bool needs_write;
    bool needs_own_processes; /* signals to others are not possible on every tier */
} scripts[] = {
    {"output and errors in order", "echo a; echo b >&2; echo c", "a\nb\nc\nexit 0", false, false},
    {"the exit code", "exit 3", "exit 3", false, false},
    {"a signal", "ulimit -c 0; sh -c 'kill -9 $$' 2>/dev/null; echo $?", "137\nexit 0", false,
     true},
    {"no program", "/nowhere 2>/dev/null; echo $?", "127\nexit 0", false, false},
    {"the workspace is the current folder and home", "test \"$PWD\" = \"$HOME\" && cat mine",
     "my fileexit 0", false, false},
    {"the environment is small", "env | cut -d= -f1 | sort | tr '\\n' ' '",
     "HOME LANG PATH PWD TERM TMPDIR exit 0", false, false},
    {"standard input is empty", "cat; echo end", "end\nexit 0", false, false},
    {"temporary files", "f=$(mktemp) && echo x > $f && cat $f && rm $f", "x\nexit 0", false, false},
    {"pipes and background", "(sleep 0.05; echo b) & echo a; wait", "a\nb\nexit 0", false, false},
    {"a tool is found by name", "printf 'b\\na\\n' | sort | head -1", "a\nexit 0", false, false},
    {"devices", "echo x > /dev/null && head -c 3 /dev/zero | wc -c && test -r /dev/urandom",
     "3\nexit 0", false, false},
    {"writing where it is allowed", "echo x > sub/new && mv sub/new sub/other && cat sub/other",
     "x\nexit 0", true, false},
};

static void programs_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct strbuf out = {0};
        make_world(&world);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        for (size_t j = 0; j < ARRAY_LEN(scripts); j++) {
            struct script script = {.text = scripts[j].script};
            if (scripts[j].needs_own_processes && !setup.report.has_namespaces &&
                setup.report.landlock_abi < LANDLOCK_ABI_SCOPE)
                continue;
            test_case(scripts[j].name);
            run(&setup, CONFINED_PROGRAM, scripts[j].needs_write, run_script, &script, &out);
            assert_string_equal(strbuf_c(&out), scripts[j].output);
        }
        strbuf_done(&out);
        confined_setup_done(&setup);
    }
}

static enum status read_own_file(void *context, const struct confined *confined, struct strbuf *out,
                                 struct error *err)
{
    char text[16] = "";
    (void)context;
    const int fd = openat(confined->workspace_fd, "mine", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return error_errno(err, "cannot read");
    strbuf_add_c(out, text);
    if (confined->can_write) {
        const int new = openat(confined->workspace_fd, "sub/made", O_WRONLY | O_CREAT, 0644);
        if (new < 0 ||
            renameat(confined->workspace_fd, "sub/made", confined->workspace_fd, "sub/named") != 0)
            return error_errno(err, "cannot write");
    }
    return OK;
}

static void file_tools_reach_the_workspace(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct strbuf out = {0};
        make_world(&world);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        test_case(tiers[i].name);
        run(&setup, CONFINED_FILES, false, read_own_file, NULL, &out);
        assert_string_equal(strbuf_c(&out), "my file");
        run(&setup, CONFINED_FILES, true, read_own_file, NULL, &out);
        strbuf_done(&out);
        confined_setup_done(&setup);
    }
}

/* ---- limits ---- */

/* True while a process whose command line holds `mark` is there. */
static bool runs_somewhere(const char *mark)
{
    char command[128];
    /* the brackets keep the search from finding itself */
    snprintf(command, sizeof(command), "grep -qsa '[%c]%s' /proc/[0-9]*/cmdline", mark[0],
             mark + 1);
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(2);
    }
    assert_true(process_wait(pid, -1, &status));
    return status == 0;
}

static bool is_gone(const char *mark)
{
    for (int i = 0; i < 100; i++) {
        if (!runs_somewhere(mark))
            return true;
        clock_sleep_ns(20000000);
    }
    return false;
}

static void what_a_program_leaves_is_ended(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct strbuf out = {0};
        char text[256];
        char mark[32];
        make_world(&world);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        test_case(tiers[i].name);
        snprintf(mark, sizeof(mark), "31%zu.%d", i, (int)getpid());
        snprintf(text, sizeof(text),
                 "exec 2>/dev/null; trap '' TERM HUP INT; "
                 "(setsid sh -c 'trap \"\" TERM; sleep %s' || sleep %s) & "
                 "(setsid setsid sleep %s &) & sleep 0.1; echo started",
                 mark, mark, mark);
        struct script script = {.text = text};
        const uint64_t before = clock_monotonic_ns();
        run(&setup, CONFINED_PROGRAM, false, run_script, &script, &out);
        assert_string_equal(strbuf_c(&out), "started\nexit 0");
        assert_true(clock_monotonic_ns() - before < 10000000000);
        assert_true(is_gone(mark));
        strbuf_done(&out);
        confined_setup_done(&setup);
    }
}

static void killed_program_takes_all_with_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct strbuf out = {0};
        char text[256];
        char mark[32];
        enum confined_end end = CONFINED_DONE;
        make_world(&world);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        test_case(tiers[i].name);
        snprintf(mark, sizeof(mark), "32%zu.%d", i, (int)getpid());
        snprintf(text, sizeof(text),
                 "exec 2>/dev/null; trap '' TERM HUP INT; "
                 "(setsid sh -c 'trap \"\" TERM; sleep %s' || sleep %s) & "
                 "(setsid sleep %s &); while :; do sleep 1; done",
                 mark, mark, mark);
        struct script script = {.text = text};
        const struct confined_job job = {
            .kind = CONFINED_PROGRAM,
            .temp = setup.report.has_namespaces ? NULL : test_folder(),
            .result_max = RESULT_MAX,
            .run = run_script,
            .context = &script,
        };
        assert_int_equal(confined_run(&setup, &job, 500, &out, &end, NULL), E_LIMIT);
        assert_true(is_gone(mark));
        strbuf_done(&out);
        confined_setup_done(&setup);
    }
}

/* Runs the script for a moment, kills it, and returns how many threads the system had at most. */
static uint64_t watch_process_count(const struct confined_setup *setup, struct script *script)
{
    struct strbuf out = {0};
    uint64_t most = 0;
    struct confined_child child = {0};
    const struct confined_job job = {
        .kind = CONFINED_PROGRAM,
        .temp = setup->report.has_namespaces ? NULL : test_folder(),
        .result_max = RESULT_MAX,
        .run = run_script,
        .context = script,
    };
    assert_ok(confined_start(setup, &job, &child, err));
    for (int i = 0; i < 30; i++) {
        clock_sleep_ns(20000000);
        const uint64_t now = process_system_thread_count();
        most = now > most ? now : most;
    }
    confined_kill(&child);
    strbuf_done(&out);
    return most;
}

/* True when soon no more than this many threads run. */
static bool is_calm(uint64_t threads)
{
    for (int i = 0; i < 200; i++) {
        if (process_system_thread_count() <= threads)
            return true;
        clock_sleep_ns(20000000);
    }
    return false;
}

/* The scripts end by themselves after a while and start a bounded number of processes: a broken
 * limit must not take the machine down. */
static void processes_are_bounded(void **state)
{
    (void)state;
    static const char *const bombs[] = {
        "i=0; while [ $i -lt 1400 ]; do sleep 3 & i=$((i+1)); done 2>/dev/null; echo through",
        "f() { if [ $1 -gt 0 ]; then f $(($1-1)) & f $(($1-1)) & sleep 3; fi; }; f 10 2>/dev/null",
    };
    for (size_t i = 0; i < TIER_COUNT * ARRAY_LEN(bombs); i++) {
        struct world world;
        struct confined_setup setup = {0};
        struct script script = {.text = bombs[i % ARRAY_LEN(bombs)]};
        make_world(&world);
        if (!tier_setup(&tiers[i / ARRAY_LEN(bombs)], world.workspace, &setup))
            continue;
        test_case(tiers[i / ARRAY_LEN(bombs)].name);
        const uint64_t before = process_system_thread_count();
        const uint64_t most = watch_process_count(&setup, &script);
        assert_true(most <
                    before + PROCESS_MARGIN + PROCESS_OVERSHOOT + RESOURCE_LIMITS_SYSTEM_PROCESSES);
        assert_true(is_calm(before + PROCESS_MARGIN));
        confined_setup_done(&setup);
    }
}

static void flood_is_cut_and_stopped(void **state)
{
    (void)state;
    struct world world;
    struct confined_setup setup = {0};
    struct strbuf out = {0};
    enum confined_end end = CONFINED_DONE;
    make_world(&world);
    if (!tier_setup(&tiers[0], world.workspace, &setup))
        skip();
    struct script script = {.text = "yes; echo not reached"};
    const struct confined_job job = {
        .kind = CONFINED_PROGRAM, .result_max = RESULT_MAX, .run = run_script, .context = &script};
    assert_ok(confined_run(&setup, &job, RUN_MS, &out, &end, err));
    assert_int_equal(end, CONFINED_FAILED);
    assert_string_equal(strbuf_c(&out), "the command was stopped after it wrote 64 MiB");
    script.text = "yes | head -c 1000000; echo end";
    strbuf_clear(&out);
    assert_ok(confined_run(&setup, &job, RUN_MS, &out, &end, err));
    assert_int_equal(end, CONFINED_DONE);
    assert_int_equal(out.len, PROGRAM_OUTPUT_MAX + strlen("exit 0"));
    strbuf_done(&out);
    confined_setup_done(&setup);
}

static void memory_and_files_are_limited(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *script;
        const char *output;
    } limits[] = {
        {"address space", "ulimit -v", "4194304\nexit 0"},
        {"file size", "ulimit -f", "2097152\nexit 0"},
        {"open files", "ulimit -n", "512\nexit 0"},
        {"core files", "ulimit -c", "0\nexit 0"},
        {"CPU seconds", "ulimit -t", "120\nexit 0"},
    };
    struct world world;
    struct confined_setup setup = {0};
    struct strbuf out = {0};
    make_world(&world);
    if (!tier_setup(&tiers[0], world.workspace, &setup))
        skip();
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct script script = {.text = limits[i].script};
        test_case(limits[i].name);
        run(&setup, CONFINED_PROGRAM, false, run_script, &script, &out);
        assert_string_equal(strbuf_c(&out), limits[i].output);
    }
    strbuf_done(&out);
    confined_setup_done(&setup);
}

/* ---- who we are ---- */

static void root_works_as_the_owner_of_the_workspace(void **state)
{
    (void)state;
    struct world world;
    struct confined_setup setup = {0};
    struct strbuf out = {0};
    struct script script = {.text = "id -u; echo x > sub/new && stat -c %u sub/new"};
    char path[600];
    if (getuid() != 0) {
        printf("not run as root\n");
        skip();
    }
    for (size_t i = 0; i < TIER_COUNT; i++) {
        make_world(&world);
        snprintf(path, sizeof(path), "%s/sub", world.workspace);
        assert_int_equal(chown(world.workspace, 65534, 65534), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
        if (!tier_setup(&tiers[i], world.workspace, &setup))
            continue;
        test_case(tiers[i].name);
        const char *temp = test_folder();
        assert_int_equal(chown(temp, 65534, 65534), 0);
        enum confined_end end = CONFINED_CRASHED;
        const struct confined_job job = {
            .kind = CONFINED_PROGRAM,
            .can_write = true,
            .temp = setup.report.has_namespaces ? NULL : temp,
            .result_max = RESULT_MAX,
            .run = run_script,
            .context = &script,
        };
        strbuf_clear(&out);
        assert_ok(confined_run(&setup, &job, RUN_MS, &out, &end, err));
        assert_string_equal(strbuf_c(&out), "65534\n65534\nexit 0");
        strbuf_clear(&out);
        run(&setup, CONFINED_FILES, true, read_own_file, NULL, &out);
        confined_setup_done(&setup);
    }
    strbuf_done(&out);
}

static void without_confinement_nothing_runs(void **state)
{
    (void)state;
    struct world world;
    struct confined_setup setup = {0};
    struct strbuf out = {0};
    enum confined_end end;
    const struct sandbox_options none = {.without_landlock = true, .without_namespaces = true};
    const struct confined_job job = {.run = try_all, .context = &world, .result_max = 100};
    make_world(&world);
    assert_ok(confined_setup_init(world.workspace, &none, &setup, err));
    assert_int_equal(setup.report.tier, SANDBOX_TIER_D);
    assert_true(setup.report.missing[0] && setup.report.weakness[0]);
    assert_int_equal(confined_run(&setup, &job, 1000, &out, &end, NULL), E_UNSUPPORTED);
    confined_setup_done(&setup);
}

static void missing_workspace_is_refused(void **state)
{
    (void)state;
    struct confined_setup setup = {0};
    assert_int_equal(confined_setup_init("/nowhere/at/all", NULL, &setup, NULL), E_INVALID);
    confined_setup_done(&setup);
    assert_int_equal(confined_setup_init("/etc/passwd", NULL, &setup, NULL), E_INVALID);
    confined_setup_done(&setup);
}

int test_confined(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_gets_through),
        cmocka_unit_test(programs_work),
        cmocka_unit_test(file_tools_reach_the_workspace),
        cmocka_unit_test(what_a_program_leaves_is_ended),
        cmocka_unit_test(killed_program_takes_all_with_it),
        cmocka_unit_test(processes_are_bounded),
        cmocka_unit_test(flood_is_cut_and_stopped),
        cmocka_unit_test(memory_and_files_are_limited),
        cmocka_unit_test(root_works_as_the_owner_of_the_workspace),
        cmocka_unit_test(without_confinement_nothing_runs),
        cmocka_unit_test(missing_workspace_is_refused),
    };
    return cmocka_run_group_tests_name("confined", tests, NULL, NULL);
}
