/*
 * recurrent_avx512 - convolution over time and the linear recurrences; a vector is sixteen channels
 * or sixteen columns of a state, so that no sum crosses lanes.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx512.h"

enum { COLUMNS = KERNEL_STATE_COLUMNS, LANES = 16 };

/* ---------------------------------------------------------------- convolution */

TEMPLATE void conv_channels(const struct kernel_conv_args *args, size_t channel, size_t width)
{
    const __mmask16 there = vector_avx512_first(args->channel_end - channel);
    const __m512 sign = _mm512_set1_ps(-0.0f);
    const __m512 bias =
        args->bias ? _mm512_maskz_loadu_ps(there, args->bias + channel) : _mm512_setzero_ps();
    __m512 weight[KERNEL_CONV_WIDTH_MAX];
    __m512 input[KERNEL_CONV_WIDTH_MAX];
    UNROLL_FOR (size_t i = 0; i < width; i++)
        weight[i] = _mm512_maskz_loadu_ps(there, args->weights + i * args->channel_count + channel);
    UNROLL_FOR (size_t i = 0; i < width - 1; i++)
        input[i] = _mm512_maskz_loadu_ps(there, args->state + i * args->channel_count + channel);
    for (size_t t = 0; t < args->token_count; t++) {
        float *x = args->x + t * args->stride + channel;
        input[width - 1] = _mm512_maskz_loadu_ps(there, x);
        __m512 y = _mm512_mul_ps(weight[0], input[0]);
        UNROLL_FOR (size_t i = 1; i < width; i++)
            y = _mm512_fmadd_ps(weight[i], input[i], y);
        if (args->bias)
            y = _mm512_add_ps(y, bias);
        if (args->has_silu) {
            const __m512 e = vector_avx512_exp(_mm512_xor_ps(y, sign));
            y = _mm512_div_ps(y, _mm512_add_ps(_mm512_set1_ps(1.0f), e));
        }
        _mm512_mask_storeu_ps(x, there, y);
        UNROLL_FOR (size_t i = 0; i < width - 1; i++)
            input[i] = input[i + 1];
    }
    UNROLL_FOR (size_t i = 0; i < width - 1; i++)
        _mm512_mask_storeu_ps(args->state + i * args->channel_count + channel, there, input[i]);
}

static void conv(const struct kernel_conv_args *args)
{
    for (size_t channel = args->channel_begin; channel < args->channel_end; channel += LANES)
        switch (args->width) {
        case 2: conv_channels(args, channel, 2); break;
        case 3: conv_channels(args, channel, 3); break;
        default: conv_channels(args, channel, 4); break;
        }
}

/* ---------------------------------------------------------------- recurrences */

/* The tree of lanes.h, of sixteen columns at once. */
TEMPLATE __m512 sum_lanes(__m512 lane[LANES])
{
    UNROLL_FOR (size_t l = 0; l < 8; l++)
        lane[l] = _mm512_add_ps(lane[l], lane[l + 8]);
    UNROLL_FOR (size_t l = 0; l < 4; l++)
        lane[l] = _mm512_add_ps(lane[l], lane[l + 4]);
    const __m512 even = _mm512_add_ps(lane[0], lane[2]);
    const __m512 odd = _mm512_add_ps(lane[1], lane[3]);
    return _mm512_add_ps(even, odd);
}

/* The products of the sixteen columns of a block with x[n]. */
TEMPLATE __m512 block_dot(const float *block, const float *x, size_t n)
{
    __m512 lane[LANES];
    UNROLL_FOR (size_t l = 0; l < LANES; l++)
        lane[l] = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES, block += LANES * COLUMNS)
        UNROLL_FOR (size_t l = 0; l < LANES; l++)
            lane[l] = _mm512_fmadd_ps(_mm512_loadu_ps(block + l * COLUMNS),
                                      _mm512_set1_ps(x[i + l]), lane[l]);
    return sum_lanes(lane);
}

/* Updates a block and returns its products with q[n]. */
TEMPLATE __m512 block_update(float *block, const float *k, const float *q, size_t n, __m512 decay,
                             __m512 delta)
{
    __m512 lane[LANES];
    UNROLL_FOR (size_t l = 0; l < LANES; l++)
        lane[l] = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LANES, block += LANES * COLUMNS)
        UNROLL_FOR (size_t l = 0; l < LANES; l++) {
            const __m512 kept = _mm512_mul_ps(decay, _mm512_loadu_ps(block + l * COLUMNS));
            const __m512 row = _mm512_fmadd_ps(_mm512_set1_ps(k[i + l]), delta, kept);
            _mm512_storeu_ps(block + l * COLUMNS, row);
            lane[l] = _mm512_fmadd_ps(row, _mm512_set1_ps(q[i + l]), lane[l]);
        }
    return sum_lanes(lane);
}

TEMPLATE void run(const struct kernel_recurrence_args *args, bool is_delta)
{
    const size_t n = args->key_dim;
    const __m512 factor = _mm512_set1_ps(args->factor);
    for (size_t b = args->block_begin; b < args->block_end; b++) {
        float *block = args->state + b * n * COLUMNS;
        for (size_t t = 0; t < args->token_count; t++) {
            const float *k = args->keys + t * args->stride;
            const float *q = args->queries + t * args->stride;
            const __m512 v = _mm512_loadu_ps(args->values + t * args->stride + b * COLUMNS);
            const __m512 decay = _mm512_set1_ps(args->decays[t * args->gate_stride]);
            const __m512 gain = _mm512_set1_ps(args->gains[t * args->gate_stride]);
            __m512 delta = v;
            if (is_delta)
                delta = _mm512_fnmadd_ps(decay, block_dot(block, k, n), delta);
            delta = _mm512_mul_ps(delta, gain);
            const __m512 seen = block_update(block, k, q, n, decay, delta);
            const __m512 out =
                is_delta ? _mm512_mul_ps(seen, factor) : _mm512_fmadd_ps(factor, v, seen);
            _mm512_storeu_ps(args->out + t * args->out_stride + b * COLUMNS, out);
        }
    }
}

static void delta_rule(const struct kernel_recurrence_args *args)
{
    run(args, true);
}

static void ssm_scan(const struct kernel_recurrence_args *args)
{
    run(args, false);
}

void recurrent_avx512_fill(struct kernel_table *table)
{
    table->conv = conv;
    table->delta_rule = delta_rule;
    table->ssm_scan = ssm_scan;
}
