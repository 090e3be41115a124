/* check_attend_code - attention over coded keys and values, and the blocks beside them. */
#include "kernel/kv_code.h"
#include "tests/kernel/check.h"

#include "tensor/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t key_counts[] = {1, 2, 63, 64, 65, 128, 129, 192, 200, 512, 513, 577, 640, 1100};
static const size_t dims[][2] = {{16, 16},   {32, 32},   {64, 64},   {80, 80},  {96, 64},
                                 {128, 128}, {160, 128}, {256, 256}, {576, 512}};

struct attention {
    size_t head_dim;
    size_t value_dim;
    bool values_in_keys;
    size_t window;
    float softcap;
    bool has_sinks;
    size_t key_count;
    size_t token_count;
    size_t head_count;
    enum kv_code key_code;
    enum kv_code value_code;
    size_t page_count;
    size_t page_bytes;
    size_t open_page_bytes;
    size_t values_at; /* in a page */
    size_t key_tails_at;
    size_t value_tails_at;
    uint32_t *pages;
    unsigned char *codes;
    unsigned char *open;
    float *sinks;
    float *queries;
};

static size_t cut_of(const struct attention *a)
{
    return a->values_in_keys ? a->value_dim : 0;
}

static void encode(const struct check *c, enum kv_code code, bool is_value, const uint16_t *rows,
                   size_t n, size_t cut, unsigned char *chains, unsigned char *tails)
{
    const struct kernel_table *fast = c->candidate; /* the same bits: check_code */
    size_t dim = 0;
    for (size_t at = 0; at < n; at += dim) {
        dim = kv_code_piece(n, cut, at);
        fast->code_encode(code, is_value, rows + at, n, dim, chains, tails);
        chains += kv_code_bytes(code, dim);
        tails += kv_code_tail_bytes(code, dim);
    }
}

static void fill_rows(struct check *c, enum check_pattern pattern, uint16_t *rows, size_t n)
{
    const float shared = check_int(c, 0, 1) ? 8.0f * check_normal(c) : 0.0f;
    if (pattern != CHECK_NORMAL) {
        check_fill_halves(c, pattern, rows, KV_CODE_TOKENS * n);
        return;
    }
    for (size_t i = 0; i < KV_CODE_TOKENS * n; i++)
        rows[i] = half_from_float(check_normal(c) + (i % n == 3 ? shared : 0.0f));
}

static void attention_init(struct check *c, struct attention *a, enum check_pattern pattern)
{
    const size_t keys = a->key_count + a->token_count - 1;
    const size_t value_dim = a->values_in_keys ? 0 : a->value_dim;
    const size_t key_rows = KV_CODE_TOKENS * a->head_dim;
    a->page_count = (keys + KERNEL_PAGE_TOKENS - 1) / KERNEL_PAGE_TOKENS;
    a->values_at = kv_code_bytes(a->key_code, a->head_dim);
    a->key_tails_at = a->values_at + kv_code_bytes(a->value_code, value_dim);
    a->value_tails_at = a->key_tails_at + kv_code_tails_bytes(a->key_code, a->head_dim, cut_of(a));
    a->page_bytes =
        (a->value_tails_at + kv_code_tails_bytes(a->value_code, value_dim, 0) + 3) / 4 * 4;
    a->open_page_bytes = (key_rows + KV_CODE_TOKENS * value_dim) * sizeof(uint16_t);
    a->pages = check_buffer(c, a->page_count * sizeof(uint32_t), 4);
    a->codes = check_buffer(c, a->page_count * a->page_bytes, 4);
    a->open = check_buffer(c, a->page_count * a->open_page_bytes, 2);
    a->sinks = check_buffer(c, a->head_count * sizeof(float), 4);
    a->queries = check_buffer(c, a->token_count * a->head_count * a->head_dim * sizeof(float), 4);
    check_fill_floats(c, CHECK_NORMAL, a->sinks, a->head_count);
    check_fill_floats(c, pattern, a->queries, a->token_count * a->head_count * a->head_dim);
    for (size_t i = 0; i < a->page_count; i++) {
        a->pages[i] = (uint32_t)(a->page_count - 1 - i);
        unsigned char *page = a->codes + a->pages[i] * a->page_bytes;
        uint16_t *rows = (uint16_t *)(void *)(a->open + i * a->open_page_bytes);
        fill_rows(c, pattern, rows, a->head_dim);
        encode(c, a->key_code, false, rows, a->head_dim, cut_of(a), page, page + a->key_tails_at);
        if (a->values_in_keys)
            continue;
        fill_rows(c, pattern, rows + key_rows, value_dim);
        encode(c, a->value_code, true, rows + key_rows, value_dim, 0, page + a->values_at,
               page + a->value_tails_at);
    }
}

static void attention_done(struct check *c, struct attention *a)
{
    check_free(c, a->queries);
    check_free(c, a->sinks);
    check_free(c, a->open);
    check_free(c, a->codes);
    check_free(c, a->pages);
}

static struct kernel_attend_args args_of(const struct attention *a, float *out)
{
    return (struct kernel_attend_args){
        .queries = a->queries,
        .keys = a->codes,
        .values = a->codes + (a->values_in_keys ? 0 : a->values_at),
        .key_tails = a->codes + a->key_tails_at,
        .value_tails = a->codes + (a->values_in_keys ? a->key_tails_at : a->value_tails_at),
        .key_code = a->key_code,
        .value_code = a->value_code,
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
        .softcap = a->softcap,
        .scale = 1.0f / sqrtf((float)a->head_dim),
    };
}

static struct kernel_attend_codes codes_of(const struct attention *a,
                                           const struct kernel_attend_args *args)
{
    const size_t values_at =
        a->values_in_keys ? 0 : KV_CODE_TOKENS * a->head_dim * sizeof(uint16_t);
    const unsigned char *own =
        a->open + (args->key_count - 1) / KERNEL_PAGE_TOKENS * a->open_page_bytes;
    return (struct kernel_attend_codes){
        .args = args,
        .first_keys = a->open,
        .first_values = a->open + values_at,
        .own_keys = own,
        .own_values = own + values_at,
    };
}

static void run(struct check *c, const struct kernel_table *table, const struct attention *a,
                size_t token_begin, size_t token_end, float *out)
{
    struct kernel_attend_args args = args_of(a, out + token_begin * a->head_count * a->value_dim);
    args.queries += token_begin * args.query_stride;
    args.key_count += token_begin;
    args.token_count = token_end - token_begin;
    const struct kernel_attend_codes codes = codes_of(a, &args);
    float *scratch = check_buffer(
        c, kernel_table_attend_bytes(args.token_count, args.head_count, args.value_dim), 64);
    kernel_table_attend_coded(table, &codes, scratch);
    check_free(c, scratch);
}

static void check_one(struct check *c, struct attention *a, enum check_pattern pattern)
{
    if (check_skips(c))
        return;
    check_case(c,
               "attend codes %d and %d, head_dim %zu, value_dim %zu%s, %zu keys, %zu tokens, %zu "
               "heads, window %zu, softcap %g%s, pattern %d",
               (int)a->key_code, (int)a->value_code, a->head_dim, a->value_dim,
               a->values_in_keys ? " in keys" : "", a->key_count, a->token_count, a->head_count,
               a->window, (double)a->softcap, a->has_sinks ? ", sinks" : "", (int)pattern);
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

void check_attend_code(struct check *c)
{
    static const size_t windows[] = {0, 0, 1, 64, 100, 512, 700};
    for (size_t d = 0; d < ARRAY_LEN(dims); d++)
        for (size_t k = 0; k < ARRAY_LEN(key_counts); k++) {
            struct attention a = {
                .head_dim = dims[d][0],
                .value_dim = dims[d][1],
                .key_count = key_counts[k],
                .key_code = (enum kv_code)check_int(c, 0, KV_CODE_COUNT - 1),
                .value_code = (enum kv_code)check_int(c, 0, KV_CODE_COUNT - 1),
                .window = windows[check_int(c, 0, ARRAY_LEN(windows) - 1)],
                .softcap = check_int(c, 0, 3) ? 0.0f : 2.5f,
                .has_sinks = check_int(c, 0, 3) == 0,
                .head_count = (size_t)check_int(c, 1, key_counts[k] > 600 ? 2 : 7),
            };
            /* All tokens of a call are in one block. Many: rows that share a block. */
            const int left = (int)(KERNEL_PAGE_TOKENS - (a.key_count - 1) % KERNEL_PAGE_TOKENS);
            const int most = a.key_count == 129 || a.key_count == 577 ? 14 : 3;
            a.token_count = (size_t)check_int(c, most / 2, left < most ? left : most);
            a.values_in_keys = check_int(c, 0, 5) == 0;
            if (a.values_in_keys)
                a.value_code = a.key_code;
            check_one(c, &a, CHECK_NORMAL);
            if (a.key_count <= 200)
                check_one(c, &a, (enum check_pattern)check_int(c, 0, CHECK_PATTERN_COUNT - 1));
        }
}

/* ---------------------------------------------------------------- figures */

struct bench {
    const struct kernel_table *table;
    struct kernel_attend_codes codes;
    float *scratch;
};

static void run_bench(void *context)
{
    const struct bench *b = context;
    kernel_table_attend_coded(b->table, &b->codes, b->scratch);
}

static void bench_one(struct check *c, enum kv_code key_code, enum kv_code value_code, size_t keys,
                      size_t tokens)
{
    static const char *const names[] = {"t4", "t3", "tq4", "tq3"};
    struct attention a = {.head_dim = 128,
                          .value_dim = 128,
                          .key_count = keys - tokens + 1,
                          .token_count = tokens,
                          .head_count = 4,
                          .key_code = key_code,
                          .value_code = value_code};
    attention_init(c, &a, CHECK_NORMAL);
    float *out = check_buffer(c, tokens * a.head_count * a.head_dim * sizeof(float), 64);
    float *scratch =
        check_buffer(c, kernel_table_attend_bytes(tokens, a.head_count, a.head_dim), 64);
    const struct kernel_attend_args args = args_of(&a, out);
    struct bench bench = {c->candidate, codes_of(&a, &args), scratch};
    const double seconds = check_time(run_bench, &bench).best;
    printf("%-9s attend %s/%s %5zu keys, %2zu tokens, 4 heads of 128: %7.2f ns per key and "
           "token, %5.1f GB/s\n",
           c->level, names[key_code], names[value_code], keys, tokens,
           seconds / (double)(keys * tokens) * 1e9,
           (double)(a.page_count * a.page_bytes) / seconds * 1e-9);
    check_free(c, scratch);
    check_free(c, out);
    attention_done(c, &a);
}

void check_attend_code_bench(struct check *c)
{
    if (c->candidate->attend_code == c->reference->attend_code)
        return; /* too slow to measure */
    bench_one(c, KV_CODE_T4, KV_CODE_T4, 1024, 1);
    bench_one(c, KV_CODE_T4, KV_CODE_T4, 32768, 1);
    bench_one(c, KV_CODE_T4, KV_CODE_T4, CHECK_KEYS_IN_MEMORY, 1);
    bench_one(c, KV_CODE_T4, KV_CODE_T3, 32768, 1);
    bench_one(c, KV_CODE_T3, KV_CODE_T3, 32768, 1);
    bench_one(c, KV_CODE_T3, KV_CODE_T3, 1024, 1);
    bench_one(c, KV_CODE_T4, KV_CODE_T4, 1024, 16);
    bench_one(c, KV_CODE_T3, KV_CODE_T3, 1024, 16);
}
