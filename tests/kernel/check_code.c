/* check_code - keys and values as codes: the rotation, and the coding of blocks. */
#include "kernel/kv_code.h"
#include "tests/kernel/check.h"

#include "tensor/half.h"

#include <stdio.h>
#include <string.h>

static const size_t pieces[] = {16, 32, 64, 128, 256, 512};
static const char *const code_names[KV_CODE_COUNT] = {"t4", "t3", "tq4", "tq3"};

/* Rows of halfs: a common mean, tokens of any size, and the pattern's numbers. */
static void fill_rows(struct check *c, enum check_pattern pattern, uint16_t *rows, size_t n)
{
    float mean[KV_CODE_PIECE_MAX];
    for (size_t i = 0; i < n; i++)
        mean[i] = check_int(c, 0, 3) ? 0.0f : 40.0f * check_normal(c);
    if (pattern != CHECK_NORMAL) {
        check_fill_halves(c, pattern, rows, KV_CODE_TOKENS * n);
        return;
    }
    for (size_t t = 0; t < KV_CODE_TOKENS; t++) {
        const float size = check_int(c, 0, 9) ? 1.0f : check_float(c, 0, 50.0f);
        for (size_t i = 0; i < n; i++)
            rows[t * n + i] = half_from_float(mean[i] + size * check_normal(c));
    }
}

/* Scales and the mean's scale may be any NaN. */
static void check_tail(struct check *c, enum kv_code code, unsigned char *got, unsigned char *want,
                       size_t dim)
{
    const struct kv_code_tail a = kv_code_tail_at(code, got);
    const struct kv_code_tail b = kv_code_tail_at(code, want);
    check_halves(c, (const uint16_t *)(const void *)a.scales,
                 (const uint16_t *)(const void *)b.scales, KV_CODE_TOKENS);
    if (!kv_code_has_mean(code))
        return;
    check_floats(c, (const float *)(const void *)a.mean_scale,
                 (const float *)(const void *)b.mean_scale, 1);
    check_bytes(c, a.mean, b.mean, dim);
}

static void check_one(struct check *c, enum kv_code code, bool is_value, size_t dim,
                      enum check_pattern pattern)
{
    if (check_skips(c))
        return;
    check_case(c, "code %s of %s of %zu, pattern %d", code_names[code],
               is_value ? "values" : "keys", dim, (int)pattern);
    const size_t stride = dim + (size_t)check_int(c, 0, 3) * 16;
    const size_t bytes = kv_code_bytes(code, dim);
    const size_t tail_bytes = kv_code_tail_bytes(code, dim);
    uint16_t *rows = check_buffer(c, (63 * stride + dim) * sizeof(*rows), 2);
    unsigned char *chains[2];
    unsigned char *tails[2];
    for (int i = 0; i < 2; i++) {
        chains[i] = check_buffer(c, bytes, 2);
        tails[i] = check_buffer(c, tail_bytes, 4);
    }
    uint16_t *packed = check_buffer(c, KV_CODE_TOKENS * dim * sizeof(*packed), 2);
    fill_rows(c, pattern, packed, dim);
    for (size_t t = 0; t < KV_CODE_TOKENS; t++)
        memcpy(rows + t * stride, packed + t * dim, dim * sizeof(*rows));
    c->reference->code_encode(code, is_value, rows, stride, dim, chains[0], tails[0]);
    c->candidate->code_encode(code, is_value, rows, stride, dim, chains[1], tails[1]);
    check_bytes(c, chains[1], chains[0], bytes);
    check_tail(c, code, tails[1], tails[0], dim);
    check_free(c, packed);
    for (int i = 1; i >= 0; i--) {
        check_free(c, tails[i]);
        check_free(c, chains[i]);
    }
    check_free(c, rows);
}

static void check_rotation(struct check *c, size_t n, size_t cut, enum check_pattern pattern)
{
    if (check_skips(c))
        return;
    check_case(c, "rotation of %zu, cut %zu, pattern %d", n, cut, (int)pattern);
    float *want = check_buffer(c, n * sizeof(float), 4);
    float *got = check_buffer(c, n * sizeof(float), 4);
    check_fill_floats(c, pattern, want, n);
    memcpy(got, want, n * sizeof(float));
    for (int back = 0; back < 2; back++) {
        c->reference->code_rotate(want, n, cut, back == 1);
        c->candidate->code_rotate(got, n, cut, back == 1);
        check_floats(c, got, want, n);
    }
    check_free(c, got);
    check_free(c, want);
}

void check_code(struct check *c)
{
    static const size_t lengths[][2] = {{16, 0},  {48, 0},   {80, 0},    {96, 0},   {112, 0},
                                        {128, 0}, {192, 64}, {576, 512}, {640, 128}};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (int pattern = 0; pattern < CHECK_PATTERN_COUNT; pattern++)
            check_rotation(c, lengths[i][0], lengths[i][1], (enum check_pattern)pattern);
    for (int code = 0; code < KV_CODE_COUNT; code++)
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
            for (int pattern = 0; pattern < CHECK_PATTERN_COUNT; pattern++)
                for (int repeat = 0; repeat < (pieces[i] > 128 ? 1 : 2); repeat++)
                    check_one(c, (enum kv_code)code, check_int(c, 0, 1) == 1, pieces[i],
                              (enum check_pattern)pattern);
}

/* ---------------------------------------------------------------- figures */

struct bench {
    const struct kernel_table *table;
    enum kv_code code;
    bool is_value;
    uint16_t *rows;
    unsigned char *chains;
    unsigned char *tail;
    float *row;
};

enum { BENCH_DIM = 128 };

static void run_encode(void *context)
{
    const struct bench *b = context;
    b->table->code_encode(b->code, b->is_value, b->rows, BENCH_DIM, BENCH_DIM, b->chains, b->tail);
}

static void run_rotate(void *context)
{
    const struct bench *b = context;
    b->table->code_rotate(b->row, BENCH_DIM, 0, false);
    b->table->code_rotate(b->row, BENCH_DIM, 0, true);
}

void check_code_bench(struct check *c)
{
    struct bench b = {.table = c->candidate};
    b.rows = check_buffer(c, KV_CODE_TOKENS * BENCH_DIM * sizeof(*b.rows), 64);
    b.row = check_buffer(c, BENCH_DIM * sizeof(*b.row), 64);
    fill_rows(c, CHECK_NORMAL, b.rows, BENCH_DIM);
    check_fill_floats(c, CHECK_NORMAL, b.row, BENCH_DIM);
    for (int code = 0; code < KV_CODE_COUNT; code++)
        for (int is_value = 0; is_value < 2; is_value++) {
            b.code = (enum kv_code)code;
            b.is_value = is_value == 1;
            b.chains = check_buffer(c, kv_code_bytes(b.code, BENCH_DIM), 64);
            b.tail = check_buffer(c, kv_code_tail_bytes(b.code, BENCH_DIM), 4);
            printf("%-9s code %-3s %s of 128: %7.3f us each\n", c->level, code_names[code],
                   is_value ? "values" : "keys  ",
                   check_time(run_encode, &b).best * 1e6 / KV_CODE_TOKENS);
            check_free(c, b.tail);
            check_free(c, b.chains);
        }
    printf("%-9s rotation of 128: %6.3f us\n", c->level, check_time(run_rotate, &b).best * 0.5e6);
    check_free(c, b.row);
    check_free(c, b.rows);
}
