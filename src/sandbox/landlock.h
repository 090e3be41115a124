/*
 * landlock - allow-only file rules for the calling process and its children (Linux 5.13 and later).
 *
 * A ruleset starts as "nothing"; folders and files are added with what may be done below them.
 * Rights a kernel does not know are left out of both sides. Where it can, a ruleset also forbids
 * TCP (ABI 4) and, if asked, abstract unix sockets and signals to processes outside (ABI 6).
 *
 * Not mediated by any ABI so far: stat, chmod, chown, xattr and times, changing folder; also
 * truncate(2) before ABI 3. sandbox/syscall_filter.h covers what matters of these.
 *
 * Threads: binds the calling thread and what it starts later: use it before there are others.
 * Used by: sandbox/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LANDLOCK_READ = 1 << 0,    /* files and folder lists */
    LANDLOCK_EXECUTE = 1 << 1, /* programs and libraries to map */
    LANDLOCK_CHANGE = 1 << 2,  /* write, truncate, create, remove, rename, link */
    LANDLOCK_WRITE = 1 << 3,   /* write to what exists (devices) */
};

enum { LANDLOCK_ABI_TRUNCATE = 3, LANDLOCK_ABI_SCOPE = 6 };

struct landlock {
    int fd;
    bool is_open;
    uint64_t handled;
};

/* What the kernel offers, at most abi_max (0: no bound); 0 for none. */
uint32_t landlock_abi(uint32_t abi_max);

/* A ruleset that allows nothing. `abi` is from landlock_abi() and not 0. */
MUST_USE enum status landlock_begin(uint32_t abi, bool scoped, struct landlock *out,
                                    struct error *err);

/* Rights below a folder, or on one file. False when it does not exist or cannot be opened. */
bool landlock_allow(const struct landlock *rules, const char *path, unsigned rights);
bool landlock_allow_at(const struct landlock *rules, int folder_fd, const char *name,
                       unsigned rights);

/* Puts the rules in force; needs no_new_privs. The ruleset is closed, also on failure. */
MUST_USE enum status landlock_enforce(struct landlock *rules, struct error *err);

void landlock_done(struct landlock *rules);
