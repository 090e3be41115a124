/*
 * same_user - does a connection on this machine come from a process of this user?
 *
 * The kernel lists every TCP socket with its owner (/proc/net/tcp, /proc/net/tcp6); that of the
 * other side is the one whose own port is the peer's and whose remote port is ours.
 *
 * Threads: any. Used by: cli/serve_jobs.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* False also when it cannot be found out. */
bool same_user_at(uint16_t own_port, uint16_t peer_port);
