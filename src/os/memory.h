/*
 * memory - how much memory this process may still take.
 *
 * Threads: any. Depends on: base/.
 */
#pragma once

#include <stdint.h>

/* Bytes that can be allocated without swapping: what the system calls available, and no more than
 * the control groups of this process leave. 0 when neither can be read. */
uint64_t memory_available_bytes(void);

/* Bytes of physical memory; 0 when unknown. */
uint64_t memory_total_bytes(void);
