/*
 * bench_session - what a conversation waits for: the first token, cold and warm, a fork, and a
 * snapshot to disk and back.
 *
 * Threads: main thread, and the engine's. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "model/kv_view.h"

#include <stdint.h>

struct bench_rows;

struct bench_session_options {
    const char *model_path; /* NULL: the built-in model */
    const char *file;       /* where a snapshot may be written; removed again */
    uint32_t thread_count;
    unsigned cpu_features_off;
    enum kv_kind kv_kind;
    uint32_t prompt_tokens;
};

MUST_USE enum status bench_session_run(const struct bench_session_options *options,
                                       struct bench_rows *rows, struct error *err);
