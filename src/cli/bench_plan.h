/*
 * bench_plan - what `holt bench` measures, as the options say, and the work of one turn.
 *
 * Threads: main thread; bench_plan_measure() runs in the locked child, with the compute threads.
 * Used by: cmd_bench.c.
 */
#pragma once

#include "cli/bench_batch.h"
#include "cli/bench_peer.h"
#include "cli/bench_sweep.h"
#include "cli/options.h"

#include <jansson.h>

enum { BENCH_KINDS_MAX = KV_KIND_COUNT };

struct bench_args {
    const char *model;
    const char *kv;
    const char *cpu_mask;
    const char *batch;
    const char *prompt;
    const char *depth;
    const char *csv;
    const char *svg;
    struct option_list peers;
    int64_t decode_tokens;
    int64_t thread_count;
    int64_t seconds;
    int64_t turns;
    bool is_json;
};

struct bench_plan {
    enum kv_kind kinds[BENCH_KINDS_MAX]; /* the first one is the main one */
    uint32_t kind_count;
    struct bench_sweep_list lengths;
    struct bench_sweep_list depths;
    struct bench_batch_options batch; /* count_count 0: not wanted */
    struct bench_peer peers[BENCH_PEERS_MAX];
    uint32_t peer_count;
    uint32_t turn_count;
    bool sweeps; /* lengths and depths, for each kind */
    uint32_t thread_count;
    unsigned features_off;
    uint32_t decode_tokens;
    double seconds;         /* of one turn and each of its parts */
    const char *model_path; /* NULL: the built-in model */
    const char *file;       /* where a snapshot may be written; NULL: nowhere */
};

/* E_INVALID names the option that is wrong. */
MUST_USE enum status bench_plan_read(const struct bench_args *args, struct bench_plan *out,
                                     struct error *err);

/* One turn of ours. *out is what `holt bench --json` prints, and "notes": what was left out. */
MUST_USE enum status bench_plan_measure(const struct bench_plan *plan, json_t **out,
                                        struct error *err);
