/*
 * core_lock - what the core gives up before it touches data.
 *
 * After core_lock_enter() the process cannot open or accept a way out: socket, connect, bind,
 * listen, addressed sends, descriptors received from others, starting programs or processes,
 * executable memory, ptrace and the memory of other processes, signals to others, io_uring, bpf,
 * namespaces, mounts, terminal injection: all refused by a system call filter (EPERM; clone3 ENOSYS
 * so that libraries fall back to clone for threads); another instruction set's calls kill. Where
 * the kernel has Landlock, files are confined too: the state folders read and write, the model and
 * system paths named here read-only, nothing else. No new privileges, no capabilities, no core
 * dumps, not readable by a debugger. None of it can be undone.
 *
 * Descriptors that are open already keep working: channels, the terminal's pipe, mapped files. A
 * process that serves may also accept connections on a socket that listens already, and answer
 * them.
 *
 * Threads: call it before the first thread; threads started later inherit it. A locked process
 * leaves with _exit() when it runs under LeakSanitizer, which would need ptrace.
 * Used by: cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORE_LOCK_PATHS_MAX = 64 };

struct core_lock_config {
    const char *const *write_paths; /* folders to read and write (state); they exist */
    size_t write_path_count;
    const char *const
        *read_paths; /* folders and files to read (models); missing ones are skipped */
    size_t read_path_count;
    bool accepts_connections;  /* on sockets that listen already */
    uint32_t landlock_abi_max; /* for tests: 0 no bound */
    bool without_landlock;     /* for tests */
};

struct core_lock_report {
    uint32_t landlock_abi; /* 0: files are not confined on this kernel */
};

/* E_UNSUPPORTED when the kernel has no system call filter: the core must not go on then.
 * `out` may be NULL. */
MUST_USE enum status core_lock_enter(const struct core_lock_config *config,
                                     struct core_lock_report *out, struct error *err);
