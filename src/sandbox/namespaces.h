/*
 * namespaces - a private view of the system: own file tree, processes, network, IPC, users.
 *
 * Done in two steps, because a process namespace begins with the next child:
 *
 *   namespaces_separate()   leaves the system's namespaces; the caller stays the same user
 *   fork                    the child is process 1 of its own
 *   namespaces_build()      in the child: a new root with the programs and a few settings
 *                           (read-only), devices, /proc of its own, an empty /tmp, the workspace
 *
 * What is not put there does not exist: home folders, the state folder, sockets of services. Needs
 * no privilege where the system lets ordinary users make user namespaces.
 *
 * Threads: one. Used by: sandbox/confined.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

enum {
    NAMESPACES_TEMP_MIB = 512,    /* /tmp; it is memory */
    NAMESPACES_PROTECT_MAX = 256, /* folders looked at for .git and .holt */
};

/* The current folder must be the workspace. */
MUST_USE enum status namespaces_separate(struct error *err);

/* `workspace` is its absolute path, the same inside. Unless can_write it is read-only; .git and
 * .holt in it, and in the folders right below it, are read-only in any case. *out_has_proc: /proc
 * could be mounted. The current folder is the workspace again. */
MUST_USE enum status namespaces_build(const char *workspace, bool can_write, bool *out_has_proc,
                                      struct error *err);
