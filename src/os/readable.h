/*
 * readable - waiting for one of several descriptors.
 *
 * Threads: any.
 */
#pragma once

#include <stdint.h>

enum { READABLE_MAX = 32 };

/* Waits until at least one of `fds` (-1: not looked at) can be read or was closed by the other
 * side, at most timeout_ms (-1: as long as it takes). Bit i of the result: fds[i]. 0: the time
 * is over. */
uint32_t readable_wait(const int *fds, unsigned count, int timeout_ms);
