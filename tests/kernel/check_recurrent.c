/* check_recurrent - convolution over time, the gated delta rule, the Mamba-2 scan. */
#include "tests/kernel/check.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- convolution */

struct conv_case {
    size_t channels;
    size_t tokens;
    size_t width;
    bool has_bias;
    bool has_silu;
    int pattern;
};

static void check_conv(struct check *c, const struct conv_case *v)
{
    check_case(c, "conv of width %zu, %zu channels, %zu tokens, pattern %d%s%s", v->width,
               v->channels, v->tokens, v->pattern, v->has_bias ? ", bias" : "",
               v->has_silu ? ", silu" : "");
    const enum check_pattern pattern = (enum check_pattern)v->pattern;
    const size_t stride = v->channels + (size_t)check_int(c, 0, 5);
    const size_t x_count = (v->tokens - 1) * stride + v->channels;
    const size_t state_count = (v->width - 1) * v->channels;
    float *weights = check_buffer(c, v->width * v->channels * sizeof(float), 4);
    float *bias = check_buffer(c, v->channels * sizeof(float), 4);
    float *x[2];
    float *state[2];
    for (int i = 0; i < 2; i++) {
        x[i] = check_buffer(c, x_count * sizeof(float), 4);
        state[i] = check_buffer(c, state_count * sizeof(float), 4);
    }
    check_fill_floats(c, pattern, weights, v->width * v->channels);
    check_fill_floats(c, pattern, bias, v->channels);
    check_fill_floats(c, pattern, x[0], x_count);
    check_fill_floats(c, pattern, state[0], state_count);
    memcpy(x[1], x[0], x_count * sizeof(float));
    memcpy(state[1], state[0], state_count * sizeof(float));
    struct kernel_conv_args args = {.x = x[0],
                                    .weights = weights,
                                    .bias = v->has_bias ? bias : NULL,
                                    .state = state[0],
                                    .stride = stride,
                                    .channel_count = v->channels,
                                    .token_count = v->tokens,
                                    .width = v->width,
                                    .channel_end = v->channels,
                                    .has_silu = v->has_silu};
    c->reference->conv(&args);
    args.x = x[1];
    args.state = state[1];
    const size_t cut = (size_t)check_int(c, 0, (int)v->channels); /* two threads */
    args.channel_end = cut;
    c->candidate->conv(&args);
    args.channel_begin = cut;
    args.channel_end = v->channels;
    const size_t first = (size_t)check_int(c, 1, (int)v->tokens); /* two slices */
    args.token_count = first;
    c->candidate->conv(&args);
    args.x += first * stride;
    args.token_count = v->tokens - first;
    if (args.token_count)
        c->candidate->conv(&args);
    check_floats(c, x[1], x[0], x_count);
    check_floats(c, state[1], state[0], state_count);
    for (int i = 1; i >= 0; i--) {
        check_free(c, state[i]);
        check_free(c, x[i]);
    }
    check_free(c, bias);
    check_free(c, weights);
}

/* ---------------------------------------------------------------- recurrences */

struct head {
    struct kernel_recurrence_args args;
    size_t row_count, gate_count, out_count, state_count;
    float *rows; /* queries, keys and values of a token beside each other */
    float *gates;
    float *out[2];
    float *state[2];
};

static void fill_gates(struct check *c, struct head *h, enum check_pattern pattern)
{
    check_fill_floats(c, pattern, h->gates, h->gate_count);
    for (size_t i = 0; pattern == CHECK_NORMAL && i < h->gate_count; i++)
        h->gates[i] = check_float(c, 0.0f, 1.0f); /* what a sigmoid and a decay can be */
}

static struct head head_new(struct check *c, size_t key_dim, size_t value_dim, size_t tokens,
                            enum check_pattern pattern)
{
    struct head h = {0};
    const size_t stride = 2 * key_dim + value_dim + (size_t)check_int(c, 0, 5);
    const size_t gate_stride = (size_t)check_int(c, 1, 3);
    const size_t out_stride = value_dim + (size_t)check_int(c, 0, 5);
    h.row_count = (tokens - 1) * stride + 2 * key_dim + value_dim;
    h.gate_count = 2 * tokens * gate_stride;
    h.out_count = (tokens - 1) * out_stride + value_dim;
    h.state_count = key_dim * value_dim;
    h.rows = check_buffer(c, h.row_count * sizeof(float), 4);
    h.gates = check_buffer(c, h.gate_count * sizeof(float), 4);
    for (int i = 0; i < 2; i++) {
        h.out[i] = check_buffer(c, h.out_count * sizeof(float), 4);
        h.state[i] = check_buffer(c, h.state_count * sizeof(float), 4);
        memset(h.out[i], 0, h.out_count * sizeof(float));
    }
    check_fill_floats(c, pattern, h.rows, h.row_count);
    check_fill_floats(c, pattern, h.state[0], h.state_count);
    memcpy(h.state[1], h.state[0], h.state_count * sizeof(float));
    fill_gates(c, &h, pattern);
    h.args = (struct kernel_recurrence_args){.state = h.state[0],
                                             .queries = h.rows,
                                             .keys = h.rows + key_dim,
                                             .values = h.rows + 2 * key_dim,
                                             .decays = h.gates,
                                             .gains = h.gates + tokens * gate_stride,
                                             .out = h.out[0],
                                             .stride = stride,
                                             .gate_stride = gate_stride,
                                             .out_stride = out_stride,
                                             .token_count = tokens,
                                             .key_dim = key_dim,
                                             .block_end = value_dim / KERNEL_STATE_COLUMNS,
                                             .factor = check_float(c, 0.0f, 1.0f)};
    return h;
}

static void head_free(struct check *c, struct head *h)
{
    for (int i = 1; i >= 0; i--) {
        check_free(c, h->state[i]);
        check_free(c, h->out[i]);
    }
    check_free(c, h->gates);
    check_free(c, h->rows);
}

/* The candidate gets the columns in two parts, the last of them in two slices of tokens. */
static void run_in_parts(struct check *c, kernel_recurrence_fn *fn, struct head *h)
{
    struct kernel_recurrence_args args = h->args;
    args.state = h->state[1];
    args.out = h->out[1];
    args.block_end = (size_t)check_int(c, 0, (int)h->args.block_end);
    fn(&args);
    args.block_begin = args.block_end;
    args.block_end = h->args.block_end;
    const size_t first = (size_t)check_int(c, 1, (int)args.token_count);
    args.token_count = first;
    fn(&args);
    args.queries += first * args.stride;
    args.keys += first * args.stride;
    args.values += first * args.stride;
    args.decays += first * args.gate_stride;
    args.gains += first * args.gate_stride;
    args.out += first * args.out_stride;
    args.token_count = h->args.token_count - first;
    if (args.token_count)
        fn(&args);
}

static void check_recurrence(struct check *c, bool is_delta, size_t key_dim, size_t value_dim,
                             size_t tokens, enum check_pattern pattern)
{
    check_case(c, "%s, state %zu x %zu, %zu tokens, pattern %d",
               is_delta ? "delta_rule" : "ssm_scan", key_dim, value_dim, tokens, (int)pattern);
    struct head h = head_new(c, key_dim, value_dim, tokens, pattern);
    (is_delta ? c->reference->delta_rule : c->reference->ssm_scan)(&h.args);
    run_in_parts(c, is_delta ? c->candidate->delta_rule : c->candidate->ssm_scan, &h);
    check_floats(c, h.out[1], h.out[0], h.out_count);
    check_floats(c, h.state[1], h.state[0], h.state_count);
    head_free(c, &h);
}

void check_recurrent(struct check *c)
{
    static const size_t dims[] = {16, 32, 48, 64, 80, 128};
    for (int pattern = 0; pattern < CHECK_PATTERN_COUNT; pattern++) {
        for (size_t channels = 1; channels < 90; channels += channels < 34 ? 1 : 11)
            for (int i = 0; i < 6; i++) {
                const struct conv_case v = {
                    channels,
                    (size_t)check_int(c, 1, 9),
                    (size_t)check_int(c, KERNEL_CONV_WIDTH_MIN, KERNEL_CONV_WIDTH_MAX),
                    check_int(c, 0, 1) == 1,
                    check_int(c, 0, 1) == 1,
                    pattern};
                check_conv(c, &v);
            }
        for (size_t k = 0; k < ARRAY_LEN(dims); k++)
            for (size_t v = 0; v < ARRAY_LEN(dims); v++)
                for (int is_delta = 0; is_delta < 2; is_delta++)
                    check_recurrence(c, is_delta == 1, dims[k], dims[v], (size_t)check_int(c, 1, 7),
                                     (enum check_pattern)pattern);
    }
}

/* ---------------------------------------------------------------- figures */

enum { BENCH_TOKENS = 64, BENCH_DIM = 128, BENCH_CHANNELS = 1024 };

struct bench {
    kernel_recurrence_fn *recurrence;
    kernel_conv_fn *conv;
    struct kernel_recurrence_args head;
    struct kernel_conv_args channels;
};

static void bench_recurrence(void *context)
{
    const struct bench *b = context;
    b->recurrence(&b->head);
}

static void bench_conv(void *context)
{
    const struct bench *b = context;
    b->conv(&b->channels);
}

void check_recurrent_bench(struct check *c)
{
    struct head h = head_new(c, BENCH_DIM, BENCH_DIM, BENCH_TOKENS, CHECK_NORMAL);
    struct bench b = {.head = h.args, .conv = c->candidate->conv};
    for (int is_delta = 1; is_delta >= 0; is_delta--) {
        b.recurrence = is_delta ? c->candidate->delta_rule : c->candidate->ssm_scan;
        printf("%-9s %-16s state 128 x 128, %d tokens: %.3f us per token and head\n", c->level,
               is_delta ? "delta_rule" : "ssm_scan", BENCH_TOKENS,
               check_time(bench_recurrence, &b).best / BENCH_TOKENS * 1e6);
    }
    head_free(c, &h);
    const size_t bytes = BENCH_CHANNELS * sizeof(float);
    float *x = check_buffer(c, BENCH_TOKENS * bytes, 64);
    float *weights = check_buffer(c, 4 * bytes, 64);
    float *state = check_buffer(c, 3 * bytes, 64);
    check_fill_floats(c, CHECK_NORMAL, x, (size_t)BENCH_TOKENS * BENCH_CHANNELS);
    check_fill_floats(c, CHECK_NORMAL, weights, (size_t)4 * BENCH_CHANNELS);
    check_fill_floats(c, CHECK_NORMAL, state, (size_t)3 * BENCH_CHANNELS);
    b.channels = (struct kernel_conv_args){.x = x,
                                           .weights = weights,
                                           .state = state,
                                           .stride = BENCH_CHANNELS,
                                           .channel_count = BENCH_CHANNELS,
                                           .token_count = BENCH_TOKENS,
                                           .width = 4,
                                           .channel_end = BENCH_CHANNELS,
                                           .has_silu = true};
    printf("%-9s %-16s width 4, %d channels, %d tokens: %.3f ns per value\n", c->level, "conv",
           BENCH_CHANNELS, BENCH_TOKENS,
           check_time(bench_conv, &b).best / BENCH_TOKENS / BENCH_CHANNELS * 1e9);
    check_free(c, state);
    check_free(c, weights);
    check_free(c, x);
}
