/*
 * bench_csv - what was measured as lines of numbers, one for each row of bench_rows.
 *
 * Threads: any. Used by: cmd_bench.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

struct bench_rows;

/* Where and when. */
struct bench_place {
    struct str model;   /* its own name */
    const char *cpu;    /* cpu_brand() */
    const char *level;  /* of kernels */
    const char *commit; /* of the source, or the version */
    uint32_t thread_count;
    int64_t unix_seconds;
};

void bench_csv_write(const struct bench_rows *rows, const struct bench_place *place,
                     struct strbuf *out);

/* "20261126-161500_amd-epyc-9555_1bbfccb.csv". */
void bench_csv_name(const struct bench_place *place, struct strbuf *out);
