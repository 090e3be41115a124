/*
 * check - the harness of checkkernel: does a table of kernels give the reference's bits?
 *
 * One `struct check` compares one candidate table (a CPU level) with the reference. Inputs are
 * drawn from a seed that is printed, so that a failure can be repeated. Buffers lie between two
 * pages that cannot be touched, at one end or the other; what is around them is checked when they
 * are freed. The file that checks a family also measures it.
 *
 * Threads: one.
 */
#pragma once

#include "base/attr.h"
#include "kernel/kernel_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check {
    const struct kernel_table *reference;
    const struct kernel_table *candidate;
    const char *level;
    unsigned part;   /* of so many cases one is run */
    uint64_t random; /* state of the generator */
    uint64_t comparison_count;
    uint64_t digest; /* of all results of the reference: the same with every compiler and CPU */
    unsigned failure_count;
};

/* ---------------------------------------------------------------- inputs */

uint64_t check_bits(struct check *c);
int check_int(struct check *c, int lowest, int highest); /* both included */
float check_float(struct check *c, float lowest, float highest);

/* Whether this case is left out: all but one in `part` are. */
bool check_skips(struct check *c);

/* About normal, deviation 1; one in 50 is an outlier up to 30 times as large. */
float check_normal(struct check *c);

/* A half: finite with magnitude in [2^-10, 2], of either sign. */
uint16_t check_half(struct check *c);

enum { CHECK_KEYS_IN_MEMORY = 1 << 19 }; /* of benchmarks: more than any cache holds */

enum check_pattern {
    CHECK_NORMAL,   /* what a model holds */
    CHECK_EXTREME,  /* the largest and smallest of every field: finds saturation */
    CHECK_TINY,     /* zero, subnormal and negative scales; vectors of very small numbers */
    CHECK_ANY_BITS, /* anything a file could hold: infinities and NaNs too */
    CHECK_PATTERN_COUNT,
};

void check_fill_floats(struct check *c, enum check_pattern pattern, float *x, size_t n);
void check_fill_halves(struct check *c, enum check_pattern pattern, uint16_t *x, size_t n);

/* `rows` rows of `columns` weights of a type that has a matmul kernel. */
void check_fill_weights(struct check *c, enum check_pattern pattern, enum dtype dtype, void *rows,
                        size_t row_count, size_t columns);
size_t check_row_bytes(enum dtype dtype, size_t columns);

/* ---------------------------------------------------------------- memory */

/* `size` bytes (0 is fine) with `alignment` (at most a page), untouchable pages around them. */
void *check_buffer(struct check *c, size_t size, size_t alignment);
void check_free(struct check *c, void *buffer);

/* ---------------------------------------------------------------- results */

/* Names what runs now, for messages and crashes; printf-like. */
void check_case(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *check_case_name(void);

/* Bits must be equal; any NaN equals any other. */
void check_floats(struct check *c, const float *got, const float *want, size_t n);
void check_halves(struct check *c, const uint16_t *got, const uint16_t *want, size_t n);
void check_bytes(struct check *c, const void *got, const void *want, size_t size);

/* ---------------------------------------------------------------- measuring */

typedef void(check_bench_fn)(void *context);

/* CPU seconds of one call, of at least 9 samples and 60 ms. On a busy machine the best says more
 * about the code, the median more about the machine. */
struct check_time {
    double best;
    double median;
};

struct check_time check_time(check_bench_fn *fn, void *context);

/* ---------------------------------------------------------------- the families */

void check_matmul(struct check *c);
void check_quantize(struct check *c);
void check_dequantize(struct check *c);
void check_vector(struct check *c);
void check_attend(struct check *c);
void check_code(struct check *c);
void check_attend_code(struct check *c);
void check_recurrent(struct check *c);

void check_matmul_bench(struct check *c);
void check_vector_bench(struct check *c);
void check_attend_bench(struct check *c);
void check_code_bench(struct check *c);
void check_attend_code_bench(struct check *c);
void check_recurrent_bench(struct check *c);
