/*
 * bench_peer - other programs' own benchmarks: run as the user wrote them, and read.
 *
 * What is understood: llama-bench with -o json, jsonl, csv or md, llama-batched-bench with
 * --output-format jsonl or md, and anything else that ends in a number, which then counts as tokens
 * a second of decode.
 *
 * Threads: main thread; it forks. Used by: cmd_bench.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct bench_rows;

enum { BENCH_PEERS_MAX = 8, BENCH_PEER_OUTPUT_MAX = 16 << 20 };

/* "NAME=COMMAND"; borrows `text`. */
struct bench_peer {
    struct str name;
    const char *command;
};

MUST_USE enum status bench_peer_parse(const char *text, struct bench_peer *out, struct error *err);

/*
 * Runs the command in a shell of the user's, with HOLT_MODEL (the model's path) and HOLT_THREADS in
 * its environment, and adds to `rows` what it measured: what it printed, or, if that is nothing, a
 * table among its errors. E_IO: it did not start or failed, with the end of what it wrote;
 * E_FORMAT: no number is in what it printed.
 */
MUST_USE enum status bench_peer_run(const struct bench_peer *peer, const char *model_path,
                                    uint32_t thread_count, struct bench_rows *rows,
                                    struct error *err);

/* Reads what a benchmark printed. E_FORMAT: there is no number in it. */
MUST_USE enum status bench_peer_read(struct str name, struct str output, struct bench_rows *rows,
                                     struct error *err);
