/*
 * recurrent_ref - convolution over time and the linear recurrences, one token after another.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"

enum { COLUMNS = KERNEL_STATE_COLUMNS };

static void conv_channel(const struct kernel_conv_args *args, size_t channel)
{
    const size_t past = args->width - 1;
    float input[KERNEL_CONV_WIDTH_MAX]; /* the past and the token itself, oldest first */
    for (size_t i = 0; i < past; i++)
        input[i] = args->state[i * args->channel_count + channel];
    for (size_t t = 0; t < args->token_count; t++) {
        float *x = args->x + t * args->stride + channel;
        input[past] = *x;
        float y = args->weights[channel] * input[0];
        for (size_t i = 1; i < args->width; i++)
            y = fmaf(args->weights[i * args->channel_count + channel], input[i], y);
        if (args->bias)
            y += args->bias[channel];
        *x = args->has_silu ? y / (1.0f + vector_exp(-y)) : y;
        for (size_t i = 0; i < past; i++)
            input[i] = input[i + 1];
    }
    for (size_t i = 0; i < past; i++)
        args->state[i * args->channel_count + channel] = input[i];
}

static void conv(const struct kernel_conv_args *args)
{
    for (size_t channel = args->channel_begin; channel < args->channel_end; channel++)
        conv_channel(args, channel);
}

/* The product of one column of a block with x[n]. */
static float column_dot(const float *column, const float *x, size_t n)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % LANES] = fmaf(column[i * COLUMNS], x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static void update(float *column, const float *k, size_t n, float decay, float delta)
{
    for (size_t i = 0; i < n; i++)
        column[i * COLUMNS] = fmaf(k[i], delta, decay * column[i * COLUMNS]);
}

/* One token of block `block`. */
static void step(const struct kernel_recurrence_args *args, size_t block, size_t t, bool is_delta)
{
    const size_t n = args->key_dim;
    const float *k = args->keys + t * args->stride;
    const float *q = args->queries + t * args->stride;
    const float *v = args->values + t * args->stride + block * COLUMNS;
    float *out = args->out + t * args->out_stride + block * COLUMNS;
    const float decay = args->decays[t * args->gate_stride];
    const float gain = args->gains[t * args->gate_stride];
    for (size_t j = 0; j < COLUMNS; j++) {
        float *column = args->state + block * n * COLUMNS + j;
        float delta = v[j];
        if (is_delta)
            delta = fmaf(-decay, column_dot(column, k, n), delta);
        update(column, k, n, decay, delta * gain);
        const float seen = column_dot(column, q, n);
        out[j] = is_delta ? seen * args->factor : fmaf(args->factor, v[j], seen);
    }
}

static void delta_rule(const struct kernel_recurrence_args *args)
{
    for (size_t block = args->block_begin; block < args->block_end; block++)
        for (size_t t = 0; t < args->token_count; t++)
            step(args, block, t, true);
}

static void ssm_scan(const struct kernel_recurrence_args *args)
{
    for (size_t block = args->block_begin; block < args->block_end; block++)
        for (size_t t = 0; t < args->token_count; t++)
            step(args, block, t, false);
}

void recurrent_ref_fill(struct kernel_table *table)
{
    table->conv = conv;
    table->delta_rule = delta_rule;
    table->ssm_scan = ssm_scan;
}
