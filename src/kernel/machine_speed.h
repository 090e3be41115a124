/*
 * machine_speed - what this machine can do at most, to compare the program with: how fast all
 * workers together read memory, and how many int8 multiply-adds they do on registers.
 *
 * One call is one sample; callers alternate samples with what they measure and take medians. Times
 * are taken inside the workers, because the thread that waits for them may be woken late.
 *
 * Threads: as worker_pool_run(). Depends on: base/, os/, kernel_table. Used by: cli/ (holt bench).
 */
#pragma once

#include "kernel/kernel_table.h"

#include <stddef.h>
#include <stdint.h>

struct worker_pool;

/* Bytes per second of one pass over bytes[size], each worker a contiguous part, with plain vector
 * reads. For memory rather than caches, `size` must be well above the last cache. */
double machine_speed_read(struct worker_pool *pool, const struct kernel_table *table,
                          const void *bytes, size_t size);

/* Multiply-adds per second of the instruction the table's integer products are made of; the sample
 * takes about `duration_ns`. */
double machine_speed_int8(struct worker_pool *pool, const struct kernel_table *table,
                          uint64_t duration_ns);
