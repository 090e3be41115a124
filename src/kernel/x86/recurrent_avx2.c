/*
 * recurrent_avx2 - convolution over time and the linear recurrences; vectors are channels or
 * columns of a state, so that no sum crosses lanes. Sixteen columns are two vectors.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"

#include <stdbool.h>

enum {
    COLUMNS = KERNEL_STATE_COLUMNS,
    VECTOR = 8,
    LANES = 16, /* of a sum */
    AT_ONCE = 4 /* lanes summed together: more do not fit into the registers */
};

/* ---------------------------------------------------------------- convolution */

TEMPLATE void conv_channels(const struct kernel_conv_args *args, size_t channel, size_t width)
{
    const size_t count = args->channel_end - channel;
    const __m256 sign = _mm256_set1_ps(-0.0f);
    const __m256 bias =
        args->bias ? vector_avx2_load(args->bias + channel, count) : _mm256_setzero_ps();
    __m256 weight[KERNEL_CONV_WIDTH_MAX];
    __m256 input[KERNEL_CONV_WIDTH_MAX];
    UNROLL_FOR (size_t i = 0; i < width; i++)
        weight[i] = vector_avx2_load(args->weights + i * args->channel_count + channel, count);
    UNROLL_FOR (size_t i = 0; i < width - 1; i++)
        input[i] = vector_avx2_load(args->state + i * args->channel_count + channel, count);
    for (size_t t = 0; t < args->token_count; t++) {
        float *x = args->x + t * args->stride + channel;
        input[width - 1] = vector_avx2_load(x, count);
        __m256 y = _mm256_mul_ps(weight[0], input[0]);
        UNROLL_FOR (size_t i = 1; i < width; i++)
            y = _mm256_fmadd_ps(weight[i], input[i], y);
        if (args->bias)
            y = _mm256_add_ps(y, bias);
        if (args->has_silu) {
            const __m256 e = vector_avx2_exp(_mm256_xor_ps(y, sign));
            y = _mm256_div_ps(y, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
        }
        vector_avx2_store(x, count, y);
        UNROLL_FOR (size_t i = 0; i < width - 1; i++)
            input[i] = input[i + 1];
    }
    UNROLL_FOR (size_t i = 0; i < width - 1; i++)
        vector_avx2_store(args->state + i * args->channel_count + channel, count, input[i]);
}

static void conv(const struct kernel_conv_args *args)
{
    for (size_t channel = args->channel_begin; channel < args->channel_end; channel += VECTOR)
        switch (args->width) {
        case 2: conv_channels(args, channel, 2); break;
        case 3: conv_channels(args, channel, 3); break;
        default: conv_channels(args, channel, 4); break;
        }
}

/* ---------------------------------------------------------------- recurrences */

/* Sixteen columns. */
struct columns {
    __m256 low;
    __m256 high;
};

TEMPLATE struct columns columns_load(const float *x)
{
    return (struct columns){_mm256_loadu_ps(x), _mm256_loadu_ps(x + VECTOR)};
}

TEMPLATE void columns_store(float *x, struct columns c)
{
    _mm256_storeu_ps(x, c.low);
    _mm256_storeu_ps(x + VECTOR, c.high);
}

TEMPLATE struct columns columns_add(struct columns a, struct columns b)
{
    return (struct columns){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

TEMPLATE struct columns columns_scale(struct columns a, __m256 factor)
{
    return (struct columns){_mm256_mul_ps(a.low, factor), _mm256_mul_ps(a.high, factor)};
}

/* factor * a + b */
TEMPLATE struct columns columns_fma(__m256 factor, struct columns a, struct columns b)
{
    return (struct columns){_mm256_fmadd_ps(factor, a.low, b.low),
                            _mm256_fmadd_ps(factor, a.high, b.high)};
}

/* The tree of lanes.h. */
TEMPLATE struct columns sum_lanes(struct columns lane[LANES])
{
    UNROLL_FOR (size_t l = 0; l < 8; l++)
        lane[l] = columns_add(lane[l], lane[l + 8]);
    UNROLL_FOR (size_t l = 0; l < 4; l++)
        lane[l] = columns_add(lane[l], lane[l + 4]);
    return columns_add(columns_add(lane[0], lane[2]), columns_add(lane[1], lane[3]));
}

/* The products of the sixteen columns of a block with x[n]. */
TEMPLATE struct columns block_dot(const float *block, const float *x, size_t n)
{
    struct columns lane[LANES];
    for (size_t first = 0; first < LANES; first += AT_ONCE) {
        struct columns sum[AT_ONCE];
        UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++)
            sum[l] = (struct columns){_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = first; i < n; i += LANES)
            UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++)
                sum[l] = columns_fma(_mm256_broadcast_ss(&x[i + l]),
                                     columns_load(block + (i + l) * COLUMNS), sum[l]);
        UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++)
            lane[first + l] = sum[l];
    }
    return sum_lanes(lane);
}

/* Updates a block and returns its products with q[n]. */
TEMPLATE struct columns block_update(float *block, const float *k, const float *q, size_t n,
                                     __m256 decay, struct columns delta)
{
    struct columns lane[LANES];
    for (size_t first = 0; first < LANES; first += AT_ONCE) {
        struct columns sum[AT_ONCE];
        UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++)
            sum[l] = (struct columns){_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = first; i < n; i += LANES)
            UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++) {
                float *at = block + (i + l) * COLUMNS;
                const struct columns kept = columns_scale(columns_load(at), decay);
                const struct columns row = columns_fma(_mm256_broadcast_ss(&k[i + l]), delta, kept);
                columns_store(at, row);
                sum[l] = columns_fma(_mm256_broadcast_ss(&q[i + l]), row, sum[l]);
            }
        UNROLL_FOR (size_t l = 0; l < AT_ONCE; l++)
            lane[first + l] = sum[l];
    }
    return sum_lanes(lane);
}

TEMPLATE void run(const struct kernel_recurrence_args *args, bool is_delta)
{
    const size_t n = args->key_dim;
    const __m256 factor = _mm256_set1_ps(args->factor);
    for (size_t b = args->block_begin; b < args->block_end; b++) {
        float *block = args->state + b * n * COLUMNS;
        for (size_t t = 0; t < args->token_count; t++) {
            const float *k = args->keys + t * args->stride;
            const float *q = args->queries + t * args->stride;
            const struct columns v = columns_load(args->values + t * args->stride + b * COLUMNS);
            const float decay = args->decays[t * args->gate_stride];
            const __m256 gain = _mm256_set1_ps(args->gains[t * args->gate_stride]);
            struct columns delta = v;
            if (is_delta)
                delta = columns_fma(_mm256_set1_ps(-decay), block_dot(block, k, n), delta);
            delta = columns_scale(delta, gain);
            const struct columns seen = block_update(block, k, q, n, _mm256_set1_ps(decay), delta);
            columns_store(args->out + t * args->out_stride + b * COLUMNS,
                          is_delta ? columns_scale(seen, factor) : columns_fma(factor, v, seen));
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

void recurrent_avx2_fill(struct kernel_table *table)
{
    table->conv = conv;
    table->delta_rule = delta_rule;
    table->ssm_scan = ssm_scan;
}
