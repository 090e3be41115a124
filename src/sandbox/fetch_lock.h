/*
 * fetch_lock - what the process that dials gives up: all files but the resolver's and the
 * certificates, programs, other processes, local sockets, being reached.
 *
 * Descriptors that are open keep working: it writes into the one it was handed. Where the kernel
 * has no Landlock files are only kept from being created, renamed or removed.
 *
 * Threads: call it before the first thread. Used by: cli/fetch_role.c.
 */
#pragma once

#include "base/error.h"

/* E_UNSUPPORTED when the kernel has no system call filter: the process must not go on then. */
MUST_USE enum status fetch_lock_enter(struct error *err);
