/*
 * bench_batch - decode of several sequences together: tokens a second by how many there are.
 *
 * The numbers of sequences are measured in turns, as in bench_measure.h; each figure is the median
 * over the rounds. Sequences have a short text of their own each and share no pages.
 *
 * Threads: main thread, and the compute threads. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "model/kv_view.h"

#include <stdint.h>

struct model;

enum { BENCH_BATCH_COUNTS_MAX = 16, BENCH_BATCH_SEQUENCES_MAX = 256 };

struct bench_batch_options {
    uint32_t thread_count;
    unsigned cpu_features;
    enum kv_kind kv_kind;
    uint32_t counts[BENCH_BATCH_COUNTS_MAX]; /* sequences */
    uint32_t count_count;
    double seconds; /* for everything together, about */
};

struct bench_batch_result {
    double decode_tps[BENCH_BATCH_COUNTS_MAX]; /* of all sequences together */
    uint32_t step_count;                       /* of each measurement, at most */
};

/* Reads "1,2,4,8". E_INVALID: anything else, or a number out of range. */
MUST_USE enum status bench_batch_parse(const char *text, struct bench_batch_options *out,
                                       struct error *err);

MUST_USE enum status bench_batch_run(const struct model *model,
                                     const struct bench_batch_options *options,
                                     struct bench_batch_result *out, struct error *err);
