/*
 * bench_loops - what this processor can do at most, as plain loops: reading memory with vector
 * loads, multiplying int8 in registers. `holt bench` holds the engine's speed against them.
 *
 * One set per instruction set; the file's suffix picks the compiler flags (see Makefile), so the
 * loops of a level may only run on a processor that has it.
 *
 * Threads: any. Used by: bench_measure.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads every byte of [bytes, bytes + size), 16-byte aligned and a multiple of 256 long. The result
 * depends on all of them, so no load can be left out. */
typedef uint64_t(bench_loops_read_fn)(const void *bytes, size_t size);

/* `count` times as many independent int8 products as registers hold, accumulated in int32. */
typedef int32_t(bench_loops_int8_fn)(uint64_t count);

struct bench_loops {
    bench_loops_read_fn *read;
    bench_loops_int8_fn *int8;
    uint32_t multiply_adds; /* of int8() for a count of 1 */
};

/* The strongest within `cpu_features` (os/cpu.h). */
const struct bench_loops *bench_loops_for(unsigned cpu_features);

extern const struct bench_loops bench_loops_baseline;
extern const struct bench_loops bench_loops_avx2;
extern const struct bench_loops bench_loops_avx512;
