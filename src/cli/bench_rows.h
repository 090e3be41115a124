/*
 * bench_rows - what was measured: one row for each thing, with a value for each turn.
 *
 * holt and its peers take turns; a turn adds one value to every row it measures, so that value i of
 * two rows belongs to the same moments. A figure is the median of a row, a ratio the median of the
 * ratios of a turn.
 *
 * Threads: main thread. Used by: cmd_bench.c and the bench_* files.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_ROWS_MAX = 1000,
    BENCH_TURNS_MAX = 32,
    BENCH_NAME_SIZE = 32, /* of a program or a KV kind, NUL included */
};

enum bench_test {
    BENCH_PREFILL, /* tokens/s of a prompt of `tokens` */
    BENCH_DECODE,  /* tokens/s of what follows `depth` tokens */
    BENCH_BATCH,   /* tokens/s of `sequences` decoded together */
    BENCH_COLD,    /* seconds from a closed model to the first token behind `tokens` */
    BENCH_WARM,    /* seconds to the first token behind `tokens` more */
    BENCH_FORK,    /* seconds, of a session of `tokens` */
    BENCH_SAVE,    /* seconds to write it, `bytes` */
    BENCH_RESTORE, /* seconds to take it up again */
    BENCH_TEST_COUNT,
};

struct bench_row {
    char program[BENCH_NAME_SIZE]; /* "holt", or a peer's name */
    char kv[BENCH_NAME_SIZE];
    enum bench_test test;
    uint32_t tokens;
    uint32_t depth;
    uint32_t sequences; /* 0 counts as 1 */
    double share;       /* of what the machine can do at most; 0: unknown */
    double bytes;
    double values[BENCH_TURNS_MAX];
    uint32_t value_count;
};

/* Zeroed is empty. */
struct bench_rows {
    struct bench_row *rows;
    size_t count;
};

void bench_rows_done(struct bench_rows *rows);

const char *bench_rows_test_name(enum bench_test test);

/* Tokens a second; else seconds. */
bool bench_rows_is_speed(enum bench_test test);

/* Adds a value to the row of the same program, kind and place, or begins it; share and bytes are
 * the newest ones. What is beyond BENCH_ROWS_MAX or BENCH_TURNS_MAX, or is no positive number, is
 * left out. */
void bench_rows_add(struct bench_rows *rows, const struct bench_row *place, double value);

double bench_rows_median(const struct bench_row *row); /* 0 without values */
double bench_rows_least(const struct bench_row *row);
double bench_rows_most(const struct bench_row *row);

/* The median of the quotients of values of the same turn; 0 without any. */
double bench_rows_ratio(const struct bench_row *row, const struct bench_row *to);

/* Whether two rows measure the same thing: the test at the same depth, of as many sequences, and
 * of prompts as long. */
bool bench_rows_alike(const struct bench_row *a, const struct bench_row *b);

/* The row of `program` and kind `kv` (NULL: any) that measures the same thing as `row`; NULL:
 * none. */
const struct bench_row *bench_rows_like(const struct bench_rows *rows, const struct bench_row *row,
                                        const char *program, const char *kv);

/* [{"program", "test", "kv", "tokens", "depth", "sequences", "value", ...}] with medians. */
json_t *bench_rows_json(const struct bench_rows *rows);

/* Adds what bench_rows_json() wrote in another process. E_FORMAT: it is something else. */
MUST_USE enum status bench_rows_read(struct bench_rows *rows, const json_t *array,
                                     struct error *err);
