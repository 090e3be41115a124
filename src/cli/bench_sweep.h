/*
 * bench_sweep - prompts by their length and decode by depth, for one kind of keys and values.
 *
 * Depths and lengths are measured in turns, as in bench_measure.h, and each figure is the median
 * over the rounds. The keys and values that decode finds before it are noise: what a step costs
 * depends on how many there are, and computing 32K tokens to measure twenty would take minutes.
 *
 * Threads: main thread, and the compute threads. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "model/kv_view.h"

#include <stdint.h>

struct bench_rows;
struct model;

enum { BENCH_SWEEP_POINTS_MAX = 16, BENCH_SWEEP_TOKENS_MAX = 1 << 20 };

struct bench_sweep_list {
    uint32_t of[BENCH_SWEEP_POINTS_MAX];
    uint32_t count;
};

/* Reads "0,4096,16384", numbers from `least` on. E_INVALID: anything else; `option` names it. */
MUST_USE enum status bench_sweep_parse(const char *option, const char *text, uint32_t least,
                                       struct bench_sweep_list *out, struct error *err);

struct bench_sweep_options {
    uint32_t thread_count;
    unsigned cpu_features;
    enum kv_kind kv_kind;
    struct bench_sweep_list lengths; /* of prompts */
    struct bench_sweep_list depths;
    uint32_t decode_tokens; /* at most, of one measurement */
    double seconds;         /* for everything together, about; one round is always finished */
    double bandwidth;       /* bytes a second; 0: shares are unknown */
    double int8_peak;       /* multiply-adds a second */
    uint64_t decode_bytes;  /* weights one decode step reads */
};

/* Adds a row for each point that there is memory for, and to `notes` a line for each other one. */
MUST_USE enum status bench_sweep_run(const struct model *model,
                                     const struct bench_sweep_options *options,
                                     struct bench_rows *rows, struct strbuf *notes,
                                     struct error *err);
