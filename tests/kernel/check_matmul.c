/*
 * check_matmul - products of weights and activations, every element type: any number of tokens, any
 * split of rows and tokens over calls, against one call of the reference.
 */
#include "tests/kernel/check.h"

#include "kernel/packed.h"
#include "os/clock.h"
#include "tensor/dtype.h"

#include <stdio.h>
#include <string.h>

/* In blocks: one, odd numbers, around the lengths kernels are unrolled to, real rows. */
static const size_t plain_columns[] = {1, 2, 15, 16, 17, 31, 32, 33, 100, 257, 576};
static const size_t block_counts[] = {1,  2,  3,  4,  5,  7,  8,   9,   15,
                                      16, 17, 22, 31, 33, 90, 128, 129, 270};
static const size_t super_block_counts[] = {1, 2, 3, 4, 5, 8, 9, 11, 130};
static const size_t row_counts[] = {1, 2, 3, 7, 16, 17, 33, 70};

/* One of each line for a length and pattern: rows, a panel, several tiles. */
static const size_t token_counts[][4] = {
    {1, 1, 2, 2}, {3, 4, 5, 6}, {7, 8, 9, 12}, {13, 19, 24, 33}};

enum { LONG_COLUMNS = 4000 };

struct product {
    enum dtype dtype;
    size_t columns;
    size_t row_count;
    size_t token_count;
    void *weights;
    void *activations;
    size_t activation_stride;
};

static struct kernel_matmul_args whole(const struct product *p, float *out)
{
    return (struct kernel_matmul_args){
        .weights = p->weights,
        .activations = p->activations,
        .out = out,
        .activation_stride = p->activation_stride,
        .out_stride = p->row_count,
        .columns = p->columns,
        .token_count = p->token_count,
        .row_begin = 0,
        .row_end = p->row_count,
    };
}

/* Computes everything in calls of random size, each a range of rows and of tokens; rows are cut at
 * multiples of `row_unit`. */
static void run_in_pieces(struct check *c, const struct product *p, kernel_matmul_fn *run,
                          size_t row_unit, float *out)
{
    const struct kernel_matmul_args all = whole(p, out);
    const bool is_split = check_int(c, 0, 1) == 1;
    const int units = (int)((p->row_count + row_unit - 1) / row_unit);
    const int row_step = (is_split ? check_int(c, 1, units) : units) * (int)row_unit;
    const int token_step = is_split ? check_int(c, 1, (int)p->token_count) : (int)p->token_count;
    for (size_t t = 0; t < p->token_count; t += (size_t)token_step)
        for (size_t r = 0; r < p->row_count; r += (size_t)row_step) {
            struct kernel_matmul_args piece = all;
            const size_t tokens_left = p->token_count - t;
            const size_t rows_left = p->row_count - r;
            piece.row_begin = r;
            piece.row_end = r + (rows_left < (size_t)row_step ? rows_left : (size_t)row_step);
            piece.token_count = tokens_left < (size_t)token_step ? tokens_left : (size_t)token_step;
            piece.activations = (const char *)all.activations + t * all.activation_stride;
            piece.out = out + t * all.out_stride;
            run(&piece);
        }
}

/* The same products of the same rows, packed. */
static void run_packed(struct check *c, const struct product *p, float *out)
{
    const size_t group_bytes = packed_group_bytes(p->dtype, p->columns);
    const size_t row_bytes = check_row_bytes(p->dtype, p->columns);
    const size_t groups = (p->row_count + PACKED_ROWS - 1) / PACKED_ROWS;
    struct product packed = *p;
    packed.weights = check_buffer(c, groups * group_bytes, 1);
    void *want = check_buffer(c, group_bytes, 1);
    for (size_t g = 0; g < groups; g++) {
        const size_t left = p->row_count - g * PACKED_ROWS;
        const size_t count = left < PACKED_ROWS ? left : PACKED_ROWS;
        const char *rows = (const char *)p->weights + g * PACKED_ROWS * row_bytes;
        char *to = (char *)packed.weights + g * group_bytes;
        c->candidate->pack(p->dtype, rows, count, p->columns, to);
        packed_pack(p->dtype, rows, count, p->columns, want);
        check_bytes(c, to, want, group_bytes);
    }
    run_in_pieces(c, &packed, c->candidate->matmul[p->dtype].run_packed, PACKED_ROWS, out);
    check_free(c, want);
    check_free(c, packed.weights);
}

static void check_one(struct check *c, enum check_pattern pattern, struct product *p)
{
    if (check_skips(c))
        return;
    const enum kernel_activation kind = c->reference->matmul[p->dtype].activation;
    const size_t out_bytes = p->row_count * p->token_count * sizeof(float);
    check_case(c, "matmul %s, %zu columns, %zu rows, %zu tokens, pattern %d", dtype_name(p->dtype),
               p->columns, p->row_count, p->token_count, (int)pattern);
    p->activation_stride = kernel_table_activation_bytes(kind, p->columns);
    p->weights = check_buffer(c, check_row_bytes(p->dtype, p->columns) * p->row_count, 2);
    p->activations = check_buffer(c, p->activation_stride * p->token_count, 64);
    float *x = check_buffer(c, p->columns * sizeof(float), 4);
    float *want = check_buffer(c, out_bytes, 4);
    float *got = check_buffer(c, out_bytes, 4);

    check_fill_weights(c, pattern, p->dtype, p->weights, p->row_count, p->columns);
    for (size_t t = 0; t < p->token_count; t++) {
        check_fill_floats(c, check_int(c, 0, 3) ? pattern : CHECK_NORMAL, x, p->columns);
        c->reference->quantize[kind](x, p->columns,
                                     (char *)p->activations + t * p->activation_stride);
    }
    const struct kernel_matmul_args args = whole(p, want);
    c->reference->matmul[p->dtype].run(&args);
    const struct kernel_matmul *candidate = &c->candidate->matmul[p->dtype];
    run_in_pieces(c, p, candidate->run, 1, got);
    check_floats(c, got, want, p->row_count * p->token_count);
    if (candidate->run_packed) {
        memset(got, 0xff, out_bytes);
        run_packed(c, p, got);
        check_floats(c, got, want, p->row_count * p->token_count);
    }

    check_free(c, got);
    check_free(c, want);
    check_free(c, x);
    check_free(c, p->activations);
    check_free(c, p->weights);
}

/* Products so small that every lane is -0: a lane that gets 0 added for an element that is not
 * there
 * becomes +0, and the sum with it. */
static void check_minus_zero(struct check *c, enum dtype dtype)
{
    static const size_t columns[] = {16, 17, 24, 31, 40, 47};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        check_case(c, "matmul %s of minus zeros, %zu columns", dtype_name(dtype), columns[i]);
        const size_t stride = kernel_table_activation_bytes(KERNEL_ACTIVATION_F32, columns[i]);
        const size_t row_bytes = check_row_bytes(dtype, columns[i]);
        unsigned char *weights = check_buffer(c, row_bytes, 2);
        float *x = check_buffer(c, stride, 64);
        memset(weights, 0, row_bytes);
        for (size_t at = 0; at < row_bytes; at += row_bytes / columns[i])
            weights[at] = 1; /* the smallest number of each type */
        for (size_t j = 0; j < columns[i]; j++)
            x[j] = -0x1p-149f;
        float want = 0;
        float got = 0;
        struct kernel_matmul_args args = {weights, x, &want, stride, 1, columns[i], 1, 0, 1};
        c->reference->matmul[dtype].run(&args);
        args.out = &got;
        c->candidate->matmul[dtype].run(&args);
        check_floats(c, &got, &want, 1);
        check_free(c, x);
        check_free(c, weights);
    }
}

static size_t pick(struct check *c, const size_t *from, size_t count)
{
    return from[(size_t)check_int(c, 0, (int)count - 1)];
}

void check_matmul(struct check *c)
{
    for (size_t id = 0; id <= DTYPE_ID_MAX; id++) {
        if (c->candidate->matmul[id].run == c->reference->matmul[id].run)
            continue; /* no kernels, or this level does not override the reference */
        const enum dtype dtype = (enum dtype)id;
        const size_t block_len = dtype_find(dtype)->block_len;
        if (block_len == 1)
            check_minus_zero(c, dtype);
        const size_t *lengths = block_len == 1    ? plain_columns
                                : block_len < 256 ? block_counts
                                                  : super_block_counts;
        const size_t length_count = block_len == 1    ? ARRAY_LEN(plain_columns)
                                    : block_len < 256 ? ARRAY_LEN(block_counts)
                                                      : ARRAY_LEN(super_block_counts);
        for (size_t l = 0; l < length_count; l++)
            for (size_t t = 0; t < ARRAY_LEN(token_counts); t++)
                for (int pattern = 0; pattern < CHECK_PATTERN_COUNT; pattern++) {
                    struct product p = {.dtype = dtype,
                                        .columns = lengths[l] * block_len,
                                        .row_count = pick(c, row_counts, ARRAY_LEN(row_counts)),
                                        .token_count = pick(c, token_counts[t], 4)};
                    if (p.columns > LONG_COLUMNS) { /* the reference is slow */
                        p.row_count = (size_t)check_int(c, 1, 9);
                        p.token_count = (size_t)check_int(c, 1, 8);
                    }
                    check_one(c, (enum check_pattern)pattern, &p);
                }
    }
}

/* ---------------------------------------------------------------- figures */

struct bench {
    kernel_matmul_fn *run;
    struct kernel_matmul_args args;
};

static void run_bench(void *context)
{
    const struct bench *bench = context;
    bench->run(&bench->args);
}

/* The rows of a product, packed. */
static void *pack_rows(struct check *c, const struct product *p)
{
    const size_t group_bytes = packed_group_bytes(p->dtype, p->columns);
    const size_t row_bytes = check_row_bytes(p->dtype, p->columns);
    void *packed = check_buffer(c, p->row_count / PACKED_ROWS * group_bytes, 64);
    for (size_t g = 0; g < p->row_count / PACKED_ROWS; g++)
        c->candidate->pack(p->dtype, (const char *)p->weights + g * PACKED_ROWS * row_bytes,
                           PACKED_ROWS, p->columns, (char *)packed + g * group_bytes);
    return packed;
}

/* `weight_bytes` of weights: more than any cache, or what a second-level cache holds. */
static void bench_one(struct check *c, enum dtype dtype, size_t token_count, size_t weight_bytes,
                      bool is_packed)
{
    enum { COLUMNS = 2560, FILLED = 64 };
    const size_t row_bytes = check_row_bytes(dtype, COLUMNS);
    const size_t rows = weight_bytes / row_bytes / KERNEL_ROW_ALIGN * KERNEL_ROW_ALIGN;
    const enum kernel_activation kind = c->reference->matmul[dtype].activation;
    const size_t stride = kernel_table_activation_bytes(kind, COLUMNS);
    struct product p = {dtype, COLUMNS, rows, token_count, NULL, NULL, stride};
    p.weights = check_buffer(c, rows * row_bytes, 64);
    p.activations = check_buffer(c, stride * token_count, 64);
    float *x = check_buffer(c, COLUMNS * sizeof(float), 64);
    float *out = check_buffer(c, rows * token_count * sizeof(float), 64);
    const size_t filled = rows < FILLED ? rows : FILLED; /* the rest repeats these */
    check_fill_weights(c, CHECK_NORMAL, dtype, p.weights, filled, COLUMNS);
    for (size_t r = filled; r < rows; r++)
        memcpy((char *)p.weights + r * row_bytes, (char *)p.weights + r % filled * row_bytes,
               row_bytes);
    for (size_t t = 0; t < token_count; t++) {
        check_fill_floats(c, CHECK_NORMAL, x, COLUMNS);
        c->reference->quantize[kind](x, COLUMNS, (char *)p.activations + t * stride);
    }
    const struct kernel_matmul *matmul = &c->candidate->matmul[dtype];
    struct bench bench = {is_packed ? matmul->run_packed : matmul->run, whole(&p, out)};
    void *packed = is_packed ? pack_rows(c, &p) : NULL;
    if (is_packed)
        bench.args.weights = packed;
    const struct check_time time = check_time(run_bench, &bench);
    const double bytes = (double)(rows * row_bytes) * 1e-9;
    const double macs = (double)rows * COLUMNS * (double)token_count * 1e-9;
    printf("%-9s matmul %-7s %s %3zu tokens, %5.1f MB: GB/s of weights %5.1f (best %5.1f), "
           "GMAC/s %6.1f (best %6.1f)\n",
           c->level, dtype_name(dtype), is_packed ? "packed" : "rows  ", token_count, bytes * 1e3,
           bytes / time.median, bytes / time.best, macs / time.median, macs / time.best);
    if (packed)
        check_free(c, packed);
    check_free(c, out);
    check_free(c, x);
    check_free(c, p.activations);
    check_free(c, p.weights);
}

void check_matmul_bench(struct check *c)
{
    static const size_t counts[] = {1, 2, 3, 4, 6, 8, 16, 64, 256};
    enum { MEMORY_BYTES = 64 << 20, CACHE_BYTES = 256 << 10 };
    for (size_t id = 0; id <= DTYPE_ID_MAX; id++) {
        if (!c->candidate->matmul[id].run)
            continue;
        for (int packed = 0; packed < (c->candidate->matmul[id].run_packed ? 2 : 1); packed++) {
            bench_one(c, (enum dtype)id, 1, MEMORY_BYTES, packed);
            for (size_t t = 0; t < ARRAY_LEN(counts); t++)
                bench_one(c, (enum dtype)id, counts[t], CACHE_BYTES, packed);
        }
    }
}
