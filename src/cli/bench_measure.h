/*
 * bench_measure - how fast a model runs here, beside what the machine can do at most.
 *
 * Measured in one run, in turns, so that a machine that slows down slows everything:
 *   bandwidth   plain vector reads of the weights a decode step reads, same mapping, same threads
 *   int8 peak   products in registers, same threads, strongest enabled instruction set
 *   prefill     a prompt as one step; only its last token gets logits
 *   decode      token by token behind that prompt
 * Each figure is the median over the rounds.
 *
 * Threads: main thread, and the compute threads. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "model/kv_view.h"

#include <stdint.h>

struct model;

enum { BENCH_MEASURE_ROUNDS_MAX = 9, BENCH_MEASURE_TOKENS_MAX = 1 << 20 };

struct bench_measure_options {
    uint32_t thread_count;
    unsigned cpu_features;
    enum kv_kind kv_kind;
    uint32_t prompt_tokens; /* at most; fewer when time is short */
    uint32_t decode_tokens; /* at most */
    double seconds;         /* for everything together; the first round is always finished */
};

struct bench_measure_result {
    uint32_t thread_count;
    uint32_t prompt_tokens;
    uint32_t decode_tokens;
    uint32_t round_count;
    double prefill_tps;
    double prefill_peak_share; /* multiply-adds with the weights over the int8 peak */
    double decode_tps;
    double decode_bandwidth_share; /* bytes of weights read over the bandwidth */
    double bandwidth_gbs;          /* 1e9 bytes per second */
    double int8_peak_gmacs;        /* 1e9 multiply-adds per second */
    double prefill_tps_min, prefill_tps_max;
    double decode_tps_min, decode_tps_max;
    uint64_t decode_bytes;    /* weights one decode step reads */
    uint64_t prompt_products; /* multiply-adds of the prompt, output layer once */
};

/* Multiply-adds with the weights that a prompt takes. */
double bench_measure_products(const struct model *model, uint32_t prompt);

MUST_USE enum status bench_measure_run(const struct model *model,
                                       const struct bench_measure_options *options,
                                       struct bench_measure_result *out, struct error *err);
