/*
 * syscall_filter - which system calls a process may still make (seccomp).
 *
 * A filter is built once, with libseccomp, and installed in as many children as needed. In all of
 * them: another instruction set's calls kill the process, numbers newer than this program's table
 * do not exist (ENOSYS), refused calls fail with EPERM.
 *
 *   FILES     allow-list for holt's own file tools: files, memory, time; no processes, no signals,
 *             no sockets, no executable memory
 *   PROGRAM   deny-list for programs a tool starts: no sockets but a connected unix pair, no
 *             namespaces, mounts, tracing, kernel keys, io_uring, bpf, modules, clocks, ...
 *   ONE_GROUP added to PROGRAM where there is no process namespace: whatever is started stays in
 *             one process group, which can be ended at a stroke
 *   CORE      deny-list for the process that sees the user's data: as PROGRAM, and no exec, no
 *             fork, no executable memory, no addressed sends, no received descriptors
 *   WARDEN    deny-list for the process that starts the others: as PROGRAM, but it builds sandboxes
 *   FETCH     deny-list for the process that dials: as CORE, but it may connect over TCP and UDP
 *
 * Threads: a filter binds the calling thread and what it starts later. Used by: sandbox/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sock_filter;

enum syscall_filter_kind {
    SYSCALL_FILTER_FILES,
    SYSCALL_FILTER_PROGRAM,
    SYSCALL_FILTER_ONE_GROUP,
    SYSCALL_FILTER_CORE,
    SYSCALL_FILTER_WARDEN,
    SYSCALL_FILTER_FETCH,
};

/* For PROGRAM and ONE_GROUP: bits for what the rest of the sandbox leaves open. The last is for
 * CORE: what it may do. */
enum {
    SYSCALL_FILTER_BARE =
        1 << 0, /* no namespaces: modes, owners and attributes by path, SysV IPC */
    SYSCALL_FILTER_NO_TRUNCATE = 1 << 1, /* truncate(2) by path: Landlock before ABI 3 */
    SYSCALL_FILTER_NO_SIGNALS = 1 << 2,  /* to others than the own group: Landlock before ABI 6 */
    SYSCALL_FILTER_ACCEPTS = 1 << 3,     /* connections on sockets that listen already */
};

/* Zeroed is none. */
struct syscall_filter {
    struct sock_filter *instructions;
    size_t count;
};

/* CORE allows signals to the calling process only, so it is built where it is installed. */
MUST_USE enum status syscall_filter_build(enum syscall_filter_kind kind, unsigned flags,
                                          struct syscall_filter *out, struct error *err);

/* Sets no_new_privs and puts the filter in force. E_UNSUPPORTED without kernel support. */
MUST_USE enum status syscall_filter_install(const struct syscall_filter *filter, struct error *err);

void syscall_filter_done(struct syscall_filter *filter);
