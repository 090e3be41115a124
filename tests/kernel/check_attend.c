/*
 * check_attend - attention over pages, decode and many tokens, and that a token's result does not
 * depend on the tokens beside it.
 */
#include "kernel/kv_row.h"
#include "tests/kernel/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t head_dims[] = {2, 6, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 256, 320};
static const size_t key_counts[] = {1,   2,   15,  16,  17,  63,  64,  65,
                                    128, 200, 511, 512, 513, 600, 1100};

static const char *const kind_names[] = {"f16", "f32", "q8"};

enum { TOKENS_MAX = 7, HEADS_MAX = 9, PAGES_MAX = 24 };

struct attention {
    enum kernel_kv kind;
    size_t head_dim;
    size_t value_dim;
    bool values_in_keys;
    size_t window;
    size_t keys_behind; /* of an encoder: how many more keys the last token sees, plus one */
    float softcap;
    bool has_sinks;
    size_t key_count;
    size_t token_count;
    size_t head_count;
    uint32_t *pages;
    float *sinks;
    unsigned char *keys;
    unsigned char *values;
    float *queries;
    size_t page_bytes;
};

static void fill_elements(struct check *c, enum kernel_kv kind, enum check_pattern pattern,
                          void *out, size_t n)
{
    if (kind == KERNEL_KV_F32)
        check_fill_floats(c, pattern, out, n);
    else
        check_fill_halves(c, pattern, out, n);
}

/* Rows of n numbers in the q8 layout: any int8, scales of the pattern. */
static void fill_q8(struct check *c, enum check_pattern pattern, unsigned char *out, size_t rows,
                    size_t n)
{
    const size_t row_bytes = kernel_table_kv_bytes(KERNEL_KV_Q8, n);
    for (size_t i = 0; i < rows * row_bytes; i++)
        out[i] = (unsigned char)check_bits(c);
    for (size_t row = 0; row < rows; row++)
        for (size_t at = 0; at < row_bytes; at += KV_ROW_Q8_BLOCK_BYTES) {
            uint16_t scale = 0;
            check_fill_halves(c, pattern, &scale, 1);
            memcpy(out + row * row_bytes + at, &scale, sizeof(scale));
        }
}

/* Every page, of rows of n numbers; what is behind them is never read. */
static void fill_pages(struct check *c, const struct attention *a, enum check_pattern pattern,
                       unsigned char *out, size_t page_count, size_t n)
{
    for (size_t i = 0; i < page_count; i++) {
        unsigned char *page = out + i * a->page_bytes;
        if (a->kind == KERNEL_KV_Q8)
            fill_q8(c, pattern, page, KERNEL_PAGE_TOKENS, n);
        else
            fill_elements(c, a->kind, pattern, page, KERNEL_PAGE_TOKENS * n);
    }
}

static void attention_init(struct check *c, struct attention *a, enum check_pattern pattern)
{
    const size_t keys = a->key_count + a->token_count - 1 + a->keys_behind;
    const size_t page_count = (keys + KERNEL_PAGE_TOKENS - 1) / KERNEL_PAGE_TOKENS;
    const size_t row = a->head_dim > a->value_dim ? a->head_dim : a->value_dim;
    a->page_bytes = KERNEL_PAGE_TOKENS * kernel_table_kv_bytes(a->kind, row);
    const size_t alignment = a->kind == KERNEL_KV_F32 ? 4 : 2;
    a->pages = check_buffer(c, page_count * sizeof(uint32_t), 4);
    a->keys = check_buffer(c, page_count * a->page_bytes, alignment);
    a->values = check_buffer(c, page_count * a->page_bytes, alignment);
    a->sinks = check_buffer(c, a->head_count * sizeof(float), 4);
    check_fill_floats(c, CHECK_NORMAL, a->sinks, a->head_count);
    a->queries = check_buffer(c, a->token_count * a->head_count * a->head_dim * sizeof(float), 4);
    for (size_t i = 0; i < page_count; i++) { /* any order of pages */
        const size_t other = (size_t)check_int(c, 0, (int)i);
        a->pages[i] = a->pages[other];
        a->pages[other] = (uint32_t)i;
    }
    fill_pages(c, a, pattern, a->keys, page_count, a->head_dim);
    fill_pages(c, a, pattern, a->values, page_count,
               a->values_in_keys ? a->head_dim : a->value_dim);
    check_fill_floats(c, pattern, a->queries, a->token_count * a->head_count * a->head_dim);
}

static void attention_done(struct check *c, struct attention *a)
{
    check_free(c, a->queries);
    check_free(c, a->sinks);
    check_free(c, a->values);
    check_free(c, a->keys);
    check_free(c, a->pages);
}

static struct kernel_attend_args args_of(const struct attention *a, float *out)
{
    return (struct kernel_attend_args){
        .queries = a->queries,
        .keys = a->keys,
        .values = a->values_in_keys ? a->keys : a->values,
        .pages = a->pages,
        .sinks = a->has_sinks ? a->sinks : NULL,
        .out = out,
        .query_stride = a->head_count * a->head_dim,
        .out_stride = a->head_count * a->value_dim,
        .page_bytes = a->page_bytes,
        .key_count = a->key_count,
        .token_count = a->token_count,
        .head_count = a->head_count,
        .head_dim = a->head_dim,
        .value_dim = a->value_dim,
        .value_stride = a->values_in_keys ? a->head_dim : a->value_dim,
        .window = a->window,
        .key_limit = a->keys_behind ? a->key_count + a->token_count - 2 + a->keys_behind : 0,
        .softcap = a->softcap,
        .scale = 1.0f / sqrtf((float)a->head_dim),
    };
}

static void run(struct check *c, const struct kernel_table *table, const struct attention *a,
                size_t token_begin, size_t token_end, float *out)
{
    struct kernel_attend_args args = args_of(a, out + token_begin * a->head_count * a->value_dim);
    args.queries += token_begin * args.query_stride;
    args.key_count += token_begin;
    args.token_count = token_end - token_begin;
    float *scratch = check_buffer(
        c, kernel_table_attend_bytes(args.token_count, args.head_count, args.value_dim), 64);
    kernel_table_attend(table, a->kind, &args, scratch);
    check_free(c, scratch);
}

static void check_one(struct check *c, struct attention *a, enum check_pattern pattern)
{
    if (check_skips(c))
        return;
    check_case(c,
               "attend %s, head_dim %zu, value_dim %zu%s, %zu keys, %zu tokens, %zu heads, window "
               "%zu, %zu keys behind, softcap %g%s, pattern %d",
               kind_names[a->kind], a->head_dim, a->value_dim, a->values_in_keys ? " in keys" : "",
               a->key_count, a->token_count, a->head_count, a->window, a->keys_behind,
               (double)a->softcap, a->has_sinks ? ", sinks" : "", (int)pattern);
    attention_init(c, a, pattern);
    const size_t n = a->token_count * a->head_count * a->value_dim;
    float *want = check_buffer(c, n * sizeof(float), 4);
    float *got = check_buffer(c, n * sizeof(float), 4);
    for (size_t t = 0; t < a->token_count; t++) /* the reference one by one */
        run(c, c->reference, a, t, t + 1, want);
    const size_t cut = (size_t)check_int(c, 0, (int)a->token_count - 1);
    if (cut > 0)
        run(c, c->candidate, a, 0, cut, got);
    run(c, c->candidate, a, cut, a->token_count, got);
    check_floats(c, got, want, n);
    check_free(c, got);
    check_free(c, want);
    attention_done(c, a);
}

/* What families add: windows that begin anywhere, keys behind the token, capped scores, sinks,
 * values of another length or inside the keys. */
static void check_switches(struct check *c)
{
    static const size_t windows[] = {0, 1, 2, 16, 63, 64, 65, 128, 300, 511, 512, 513};
    static const size_t dims[][2] = {{32, 32}, {48, 16},   {64, 128},
                                     {18, 16}, {576, 512}, {160, 128}};
    for (size_t w = 0; w < ARRAY_LEN(windows); w++)
        for (size_t d = 0; d < ARRAY_LEN(dims); d++)
            for (size_t k = 0; k < ARRAY_LEN(key_counts); k++) {
                struct attention a = {.kind = (enum kernel_kv)check_int(c, 0, KERNEL_KV_COUNT - 1),
                                      .head_dim = dims[d][0],
                                      .value_dim = dims[d][1],
                                      .window = windows[w],
                                      .key_count = key_counts[k],
                                      .softcap = check_int(c, 0, 1) ? 2.5f : 0.0f,
                                      .has_sinks = check_int(c, 0, 1) == 1,
                                      .token_count = (size_t)check_int(c, 1, TOKENS_MAX),
                                      .head_count = (size_t)check_int(c, 1, 3)};
                if (check_int(c, 0, 2) == 0)
                    a.keys_behind = (size_t)check_int(c, 1, 600);
                a.values_in_keys = a.value_dim <= a.head_dim && check_int(c, 0, 1) == 1;
                if (a.head_dim > 200 && (k + w) % 4 != 0) /* the reference is slow */
                    continue;
                check_one(c, &a, CHECK_NORMAL);
            }
}

void check_attend(struct check *c)
{
    check_switches(c);
    for (int kind = 0; kind < KERNEL_KV_COUNT; kind++)
        for (size_t d = 0; d < ARRAY_LEN(head_dims); d++)
            for (size_t k = 0; k < ARRAY_LEN(key_counts); k++) {
                struct attention a = {.kind = (enum kernel_kv)kind,
                                      .head_dim = head_dims[d],
                                      .value_dim = head_dims[d],
                                      .key_count = key_counts[k],
                                      .token_count = (size_t)check_int(c, 1, TOKENS_MAX),
                                      .head_count = (size_t)check_int(c, 1, HEADS_MAX)};
                if (check_int(c, 0, 1))
                    a.token_count = 1;
                if (a.key_count > 256) { /* the reference is slow */
                    a.head_count = (size_t)check_int(c, 1, 3);
                    a.token_count = (size_t)check_int(c, 1, 2);
                }
                check_one(c, &a, CHECK_NORMAL);
                if (a.key_count <= 256)
                    check_one(c, &a, (enum check_pattern)check_int(c, 0, CHECK_PATTERN_COUNT - 1));
            }
}

/* ---------------------------------------------------------------- figures */

struct bench {
    const struct kernel_table *table;
    enum kernel_kv kind;
    struct kernel_attend_args args;
    float *scratch;
};

static void run_bench(void *context)
{
    const struct bench *b = context;
    kernel_table_attend(b->table, b->kind, &b->args, b->scratch);
}

static void bench_one(struct check *c, enum kernel_kv kind, size_t keys, size_t tokens)
{
    struct attention a = {.kind = kind,
                          .head_dim = 128,
                          .value_dim = 128,
                          .key_count = keys - tokens + 1,
                          .token_count = tokens,
                          .head_count = 4};
    attention_init(c, &a, CHECK_NORMAL);
    float *out = check_buffer(c, tokens * a.head_count * a.head_dim * sizeof(float), 64);
    float *scratch =
        check_buffer(c, kernel_table_attend_bytes(tokens, a.head_count, a.head_dim), 64);
    struct bench bench = {c->candidate, kind, args_of(&a, out), scratch};
    const double seconds = check_time(run_bench, &bench).best;
    const double pairs = (double)keys * (double)tokens;
    printf("%-9s attend %s %5zu keys, %2zu tokens, 4 heads of 128: %7.2f ns per key and token, "
           "%6.1f GFMA/s\n",
           c->level, kind_names[kind], keys, tokens, seconds / pairs * 1e9,
           pairs * 4 * 128 * 2 / seconds * 1e-9);
    check_free(c, scratch);
    check_free(c, out);
    attention_done(c, &a);
}

void check_attend_bench(struct check *c)
{
    for (int kind = 0; kind < KERNEL_KV_COUNT; kind++) {
        bench_one(c, (enum kernel_kv)kind, 1024, 1);
        bench_one(c, (enum kernel_kv)kind, 32768, 1);
        bench_one(c, (enum kernel_kv)kind, 1024, 16);
        bench_one(c, (enum kernel_kv)kind, CHECK_KEYS_IN_MEMORY, 1);
    }
}
