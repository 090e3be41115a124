#include "sandbox/syscall_filter.h"

#include "base/attr.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SYSCALL_NUMBER_MAX = 462, /* mseal; the same on every architecture since 424 */
    FCHMODAT2_NUMBER = 452,   /* newer than libseccomp of Debian 12 */
    X32_BIT = 0x40000000,
    INSTRUCTIONS_MAX = 4000, /* the kernel's own limit is 4096 */
};

#if defined(__x86_64__)
#    define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#    define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#    error "no system call filter for this architecture"
#endif

/* What holt's own file tools need, and what the C library and sanitizers need around them. */
static const char files_allowed[] =
    "read write pread64 pwrite64 readv writev close fstat newfstatat statx lseek openat "
    "openat2 getdents64 readlinkat mkdirat unlinkat renameat renameat2 fchmod fsync "
    "fdatasync ftruncate fstatfs fadvise64 munmap mremap madvise brk futex rt_sigaction "
    "rt_sigprocmask rt_sigreturn sigaltstack getpid gettid getuid geteuid getgid getegid "
    "exit exit_group clock_gettime clock_nanosleep nanosleep gettimeofday getrandom poll "
    "ppoll sched_yield sched_getaffinity set_robust_list rseq restart_syscall uname umask "
    "getrusage";

/* Ways out, and ways into other processes or the kernel: nobody needs them. */
static const char always_denied[] =
    /* to be reached */
    "bind listen socketcall "
    /* other processes */
    "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_madvise "
    /* asynchronous and programmable kernel interfaces */
    "io_uring_setup io_uring_enter io_uring_register bpf userfaultfd perf_event_open "
    "fanotify_init lookup_dcookie "
    /* keys */
    "add_key request_key keyctl "
    /* files by handle */
    "name_to_handle_at open_by_handle_at "
    /* the machine */
    "personality kexec_load kexec_file_load init_module finit_module delete_module "
    "create_module swapon swapoff reboot acct settimeofday clock_settime clock_settime64 "
    "clock_adjtime adjtimex sethostname setdomainname syslog vhangup iopl ioperm modify_ldt "
    "uselib nfsservctl _sysctl sysfs memfd_secret vm86 vm86old";

/* Ways out: for the process that fetches only. */
static const char dialling_denied[] = "socket connect";

/* Only who was given a listening socket before may accept; what it accepts needs these two. */
static const char accepting_denied[] = "accept accept4";
static const char answering_denied[] = "sendmsg shutdown";

/* Namespaces and mounts: only who builds a sandbox needs them. */
static const char building_denied[] =
    "unshare setns mount umount2 umount pivot_root chroot fsopen fsconfig fsmount fspick "
    "move_mount open_tree mount_setattr quotactl quotactl_fd";

static const char bare_denied[] =
    "chmod fchmod fchmodat chown lchown fchown fchownat setxattr lsetxattr fsetxattr "
    "removexattr lremovexattr fremovexattr shmget shmat msgget msgsnd semget mq_open "
    "ioprio_set";

static const char foreign_signals[] =
    "tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_open";

static const char core_denied[] =
    "execve execveat fork vfork socketpair sendmmsg recvmsg recvmmsg shmget "
    "shmat msgget msgsnd msgrcv semget mq_open pidfd_open pidfd_send_signal tkill "
    "rt_sigqueueinfo rt_tgsigqueueinfo remap_file_pages mknod mknodat";

/* As core_denied, but for what the C library's resolver and the HTTP library need. */
static const char fetch_denied[] =
    "execve execveat fork vfork shmget shmat msgget msgsnd msgrcv semget mq_open pidfd_open "
    "pidfd_send_signal tkill rt_sigqueueinfo rt_tgsigqueueinfo remap_file_pages mknod mknodat "
    "unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat";

/* A filter under construction. The first failure is kept and makes later calls do nothing. */
struct builder {
    scmp_filter_ctx context;
    int result;
};

/* Denies `number` with EPERM, always or under one condition. */
static void deny_if(struct builder *b, int number, unsigned count, struct scmp_arg_cmp condition)
{
    if (b->result == 0 && number != __NR_SCMP_ERROR && number >= 0)
        b->result = seccomp_rule_add_array(b->context, SCMP_ACT_ERRNO(EPERM), number, count,
                                           count ? &condition : NULL);
}

static void deny_name_if(struct builder *b, const char *name, struct scmp_arg_cmp condition)
{
    deny_if(b, seccomp_syscall_resolve_name(name), 1, condition);
}

/* Takes the next name off a list; false at its end. */
static bool next_name(struct str *list, char name[NAME_MAX + 1])
{
    const struct str word = str_split(list, ' ');
    if (word.len == 0)
        return false;
    CHECK(word.len <= NAME_MAX);
    memcpy(name, word.ptr, word.len);
    name[word.len] = '\0';
    return true;
}

static void deny_all(struct builder *b, const char *names)
{
    struct str list = str_from_c(names);
    char name[NAME_MAX + 1];
    while (next_name(&list, name))
        deny_if(b, seccomp_syscall_resolve_name(name), 0, (struct scmp_arg_cmp){0});
}

static void allow_if(struct builder *b, const char *name, unsigned count,
                     struct scmp_arg_cmp condition)
{
    const int number = seccomp_syscall_resolve_name(name);
    if (b->result == 0 && number >= 0)
        b->result = seccomp_rule_add_array(b->context, SCMP_ACT_ALLOW, number, count,
                                           count ? &condition : NULL);
}

/* Compares argument `argument` under `mask`. */
static struct scmp_arg_cmp bits(unsigned argument, uint64_t mask, uint64_t value)
{
    return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value);
}

static struct scmp_arg_cmp is_not(unsigned argument, uint64_t value)
{
    return SCMP_CMP64(argument, SCMP_CMP_NE, value, 0);
}

/* The C library falls back to clone, whose flags a filter can see. */
static void hide_clone3(struct builder *b)
{
    const int number = seccomp_syscall_resolve_name("clone3");
    if (b->result == 0 && number >= 0)
        b->result = seccomp_rule_add(b->context, SCMP_ACT_ERRNO(ENOSYS), number, 0);
}

static void add_files(struct builder *b)
{
    struct str list = str_from_c(files_allowed);
    char name[NAME_MAX + 1];
    while (next_name(&list, name))
        allow_if(b, name, 0, (struct scmp_arg_cmp){0});
    allow_if(b, "mmap", 1, bits(2, PROT_EXEC, 0));
    allow_if(b, "mprotect", 1, bits(2, PROT_EXEC, 0));
    static const uint64_t commands[] = {1 /* F_GETFD */, 2 /* F_SETFD */, 3 /* F_GETFL */};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        allow_if(b, "fcntl", 1, bits(1, UINT32_MAX, commands[i]));
}

/* Characters that another program would read as typed by the user. */
static void deny_terminal_injection(struct builder *b)
{
    deny_name_if(b, "ioctl", bits(1, UINT32_MAX, TIOCSTI));
    deny_name_if(b, "ioctl", bits(1, UINT32_MAX, 0x541c /* TIOCLINUX */));
}

static void deny_addressed_sends(struct builder *b)
{
    deny_name_if(b, "sendto", is_not(4, 0));
    deny_name_if(b, "sendto", bits(3, MSG_FASTOPEN, MSG_FASTOPEN));
}

/* Limits and scheduling of other processes; one's own go by the number 0. */
static void deny_for_others(struct builder *b)
{
    deny_name_if(b, "prlimit64", is_not(0, 0));
    deny_name_if(b, "setpriority", is_not(1, 0));
    deny_name_if(b, "sched_setaffinity", is_not(0, 0));
    deny_name_if(b, "sched_setscheduler", is_not(0, 0));
    deny_name_if(b, "sched_setparam", is_not(0, 0));
    deny_name_if(b, "sched_setattr", is_not(0, 0));
}

static void add_program(struct builder *b, unsigned flags)
{
    static const uint64_t namespaces[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                          CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                          CLONE_NEWNET};
    /* A datagram pair could be given any unix address in sendmsg(), behind a pointer. */
    static const uint64_t addressed[] = {SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_DCCP, SOCK_PACKET};
    deny_all(b, always_denied);
    deny_all(b, dialling_denied);
    deny_all(b, accepting_denied);
    deny_all(b, building_denied);
    hide_clone3(b);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        deny_name_if(b, "clone", bits(0, namespaces[i], namespaces[i]));
    deny_name_if(b, "socketpair", is_not(0, AF_UNIX));
    for (size_t i = 0; i < ARRAY_LEN(addressed); i++)
        deny_name_if(b, "socketpair", bits(1, 0xf, addressed[i]));
    deny_addressed_sends(b);
    deny_name_if(b, "sendmsg", bits(2, MSG_FASTOPEN, MSG_FASTOPEN));
    deny_name_if(b, "sendmmsg", bits(3, MSG_FASTOPEN, MSG_FASTOPEN));
    deny_terminal_injection(b);
    if (flags & SYSCALL_FILTER_BARE) {
        deny_all(b, bare_denied);
        deny_if(b, FCHMODAT2_NUMBER, 0, (struct scmp_arg_cmp){0});
        deny_for_others(b);
    }
    if (flags & SYSCALL_FILTER_NO_TRUNCATE)
        deny_if(b, seccomp_syscall_resolve_name("truncate"), 0, (struct scmp_arg_cmp){0});
}

static void add_one_group(struct builder *b, unsigned flags)
{
    deny_all(b, "setsid setpgid");
    if (flags & SYSCALL_FILTER_NO_SIGNALS) {
        deny_all(b, foreign_signals);
        deny_name_if(b, "kill", is_not(0, 0));
    }
}

/* Sockets of the internet (and the kernel's list of addresses), nothing local. */
static void add_fetch(struct builder *b)
{
    static const uint64_t families[] = {AF_UNIX,           AF_PACKET,       38 /* AF_ALG */,
                                        40 /* AF_VSOCK */, 44 /* AF_XDP */, 31 /* AF_BLUETOOTH */};
    const uint64_t self = (uint64_t)getpid();
    deny_all(b, always_denied);
    deny_all(b, accepting_denied);
    deny_all(b, building_denied);
    deny_all(b, fetch_denied);
    hide_clone3(b);
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        deny_name_if(b, "socket", bits(0, UINT32_MAX, families[i]));
    deny_name_if(b, "clone", bits(0, CLONE_THREAD, 0));
    deny_name_if(b, "mmap", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "mprotect", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "pkey_mprotect", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "kill", is_not(0, self));
    deny_name_if(b, "tgkill", is_not(0, self));
    deny_terminal_injection(b);
}

static void add_core(struct builder *b, unsigned flags)
{
    const uint64_t self = (uint64_t)getpid();
    deny_all(b, always_denied);
    deny_all(b, dialling_denied);
    deny_all(b, building_denied);
    deny_all(b, core_denied);
    if (flags & SYSCALL_FILTER_ACCEPTS) {
        deny_name_if(b, "sendmsg", bits(2, MSG_FASTOPEN, MSG_FASTOPEN));
    } else {
        deny_all(b, accepting_denied);
        deny_all(b, answering_denied);
    }
    hide_clone3(b);
    deny_name_if(b, "clone", bits(0, CLONE_THREAD, 0));
    deny_name_if(b, "mmap", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "mprotect", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "pkey_mprotect", bits(2, PROT_EXEC, PROT_EXEC));
    deny_name_if(b, "kill", is_not(0, self));
    deny_name_if(b, "tgkill", is_not(0, self));
    deny_name_if(b, "prctl", bits(0, UINT32_MAX, PR_SET_DUMPABLE));
    deny_name_if(b, "prctl", bits(0, UINT32_MAX, PR_SET_PTRACER));
    deny_addressed_sends(b);
    deny_terminal_injection(b);
}

/* Reads the finished program back: libseccomp writes it to a descriptor only. */
static int export_program(scmp_filter_ctx context, struct syscall_filter *out, size_t room)
{
    const int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = seccomp_export_bpf(context, fd);
    const off_t size = result == 0 ? lseek(fd, 0, SEEK_END) : 0;
    const size_t one = sizeof(*out->instructions);
    if (result == 0 && (size <= 0 || (size_t)size > INSTRUCTIONS_MAX * one))
        result = -E2BIG;
    if (result == 0) {
        out->count = room + (size_t)size / one;
        out->instructions = mem_alloc(out->count * one);
        if (pread(fd, out->instructions + room, (size_t)size, 0) != size)
            result = -EIO;
    }
    close(fd);
    return result;
}

/* In front of what libseccomp wrote: its default lets numbers pass that it does not know. */
static void write_prologue(struct sock_filter *at, size_t count)
{
    const struct sock_filter prologue[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYSCALL_NUMBER_MAX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    memcpy(at, prologue, count * sizeof(*at));
}

enum { PROLOGUE_COUNT = 8 };

enum status syscall_filter_build(enum syscall_filter_kind kind, unsigned flags,
                                 struct syscall_filter *out, struct error *err)
{
    const bool is_allow_list = kind == SYSCALL_FILTER_FILES;
    struct builder b = {
        .context = seccomp_init(is_allow_list ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW),
    };
    if (!b.context)
        return error_set(err, E_UNSUPPORTED, "cannot build a system call filter");
    b.result = seccomp_attr_set(b.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* A binary tree instead of a list: the filter runs on every call. */
    (void)seccomp_attr_set(b.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    switch (kind) {
    case SYSCALL_FILTER_FILES: add_files(&b); break;
    case SYSCALL_FILTER_PROGRAM: add_program(&b, flags); break;
    case SYSCALL_FILTER_ONE_GROUP: add_one_group(&b, flags); break;
    case SYSCALL_FILTER_CORE: add_core(&b, flags); break;
    case SYSCALL_FILTER_WARDEN:
        deny_all(&b, always_denied);
        deny_all(&b, dialling_denied);
        deny_all(&b, accepting_denied);
        break;
    case SYSCALL_FILTER_FETCH: add_fetch(&b); break;
    }
    struct syscall_filter filter = {0};
    if (b.result == 0)
        b.result = export_program(b.context, &filter, PROLOGUE_COUNT);
    seccomp_release(b.context);
    if (b.result != 0) {
        syscall_filter_done(&filter);
        errno = -b.result;
        return error_errno(err, "cannot build a system call filter");
    }
    write_prologue(filter.instructions, PROLOGUE_COUNT);
    *out = filter;
    return OK;
}

enum status syscall_filter_install(const struct syscall_filter *filter, struct error *err)
{
    const struct sock_fprog program = {
        .len = (unsigned short)filter->count,
        .filter = filter->instructions,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_errno(err, "cannot give up privileges");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return error_set(err, E_UNSUPPORTED,
                         "the kernel does not filter system calls (CONFIG_SECCOMP_FILTER)");
    return OK;
}

void syscall_filter_done(struct syscall_filter *filter)
{
    mem_free(filter->instructions);
    *filter = (struct syscall_filter){0};
}
