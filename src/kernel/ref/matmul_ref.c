/*
 * matmul_ref - products of weight rows with activations: one dot product per output.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/q4_k_scales.h"
#include "kernel/ref/kernel_ref.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <math.h>

typedef float(dot_fn)(const void *weights, const void *activations, size_t columns);

/* ---------------------------------------------------------------- plain weights */

static float dot_f32(const void *weights, const void *activations, size_t columns)
{
    const float *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(w[i], x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float dot_f16(const void *weights, const void *activations, size_t columns)
{
    const uint16_t *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(half_to_float(w[i]), x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float dot_bf16(const void *weights, const void *activations, size_t columns)
{
    const uint16_t *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(bfloat16_to_float(w[i]), x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

/* ---------------------------------------------------------------- a scale for each 32 */

static float dot_q8_0(const void *weights, const void *activations, size_t columns)
{
    const struct block_q8_0 *w = weights;
    const struct activation_q8_32 a = activation_q8_32_view(activations, columns);
    float sum = 0.0f;
    for (size_t b = 0; b < columns / Q8_0_BLOCK_LEN; b++) {
        int32_t dot = 0; /* at most 32 * 128 * 127 < 2^19: exact in a float */
        for (size_t i = 0; i < Q8_0_BLOCK_LEN; i++)
            dot += w[b].q[i] * a.q[b * Q8_0_BLOCK_LEN + i];
        sum = fmaf(half_to_float(w[b].scale) * a.scale[b], (float)dot, sum);
    }
    return sum;
}

static float dot_q4_0(const void *weights, const void *activations, size_t columns)
{
    const struct block_q4_0 *w = weights;
    const struct activation_q8_32 a = activation_q8_32_view(activations, columns);
    float sum = 0.0f;
    for (size_t b = 0; b < columns / Q4_0_BLOCK_LEN; b++) {
        const int8_t *q = &a.q[b * Q4_0_BLOCK_LEN];
        int32_t dot = 0;
        for (size_t i = 0; i < Q4_0_BLOCK_LEN / 2; i++) {
            dot += ((w[b].q[i] & 15) - 8) * q[i];
            dot += ((w[b].q[i] >> 4) - 8) * q[i + Q4_0_BLOCK_LEN / 2];
        }
        sum = fmaf(half_to_float(w[b].scale) * a.scale[b], (float)dot, sum);
    }
    return sum;
}

/* ---------------------------------------------------------------- a scale for each 256 */

static float dot_q4_k(const void *weights, const void *activations, size_t columns)
{
    const struct block_q4_k *w = weights;
    const struct activation_q8_256 a = activation_q8_256_view(activations, columns);
    float sum = 0.0f;
    for (size_t b = 0; b < columns / QK_BLOCK_LEN; b++) {
        const struct q4_k_scales scales = q4_k_scales_unpack(w[b].sub_scales);
        int32_t dot = 0;  /* sum of scale * q * a, at most 30.8e6 */
        int32_t mins = 0; /* sum of min * a, at most 2.1e6 */
        for (size_t s = 0; s < 8; s++) {
            const uint8_t *packed = &w[b].q[s / 2 * 32];
            const int8_t *q = &a.q[b * QK_BLOCK_LEN + s * 32];
            const int shift = s % 2 ? 4 : 0;
            int32_t part = 0;
            for (size_t i = 0; i < 32; i++)
                part += ((packed[i] >> shift) & 15) * q[i];
            dot += scales.scale[s] * part;
            mins += scales.min[s] * a.sum32[b * 8 + s];
        }
        float u = half_to_float(w[b].scale) * (float)dot;
        u = fmaf(-half_to_float(w[b].min), (float)mins, u);
        sum = fmaf(a.scale[b], u, sum);
    }
    return sum;
}

static float dot_q6_k(const void *weights, const void *activations, size_t columns)
{
    const struct block_q6_k *w = weights;
    const struct activation_q8_256 a = activation_q8_256_view(activations, columns);
    float sum = 0.0f;
    for (size_t b = 0; b < columns / QK_BLOCK_LEN; b++) {
        int32_t dot = 0; /* at most 256 * 128 * 32 * 127 < 2^27 */
        for (size_t half = 0; half < 2; half++)
            for (size_t quarter = 0; quarter < 4; quarter++) {
                const uint8_t *low = &w[b].q_low[64 * half + 32 * (quarter % 2)];
                const uint8_t *high = &w[b].q_high[32 * half];
                const int8_t *scale = &w[b].sub_scales[8 * half + 2 * quarter];
                const int8_t *q = &a.q[b * QK_BLOCK_LEN + 128 * half + 32 * quarter];
                for (size_t i = 0; i < 32; i++) {
                    const int bits = (low[i] >> (quarter < 2 ? 0 : 4) & 15) |
                                     (high[i] >> (2 * quarter) & 3) << 4;
                    dot += scale[i / 16] * ((bits - 32) * q[i]);
                }
            }
        const float u = half_to_float(w[b].scale) * (float)dot;
        sum = fmaf(a.scale[b], u, sum);
    }
    return sum;
}

/* ---------------------------------------------------------------- rows and tokens */

static void run(const struct kernel_matmul_args *args, dot_fn *dot, size_t row_bytes)
{
    for (size_t row = args->row_begin; row < args->row_end; row++) {
        const unsigned char *weights = (const unsigned char *)args->weights + row * row_bytes;
        for (size_t token = 0; token < args->token_count; token++) {
            const unsigned char *activations =
                (const unsigned char *)args->activations + token * args->activation_stride;
            args->out[token * args->out_stride + row] = dot(weights, activations, args->columns);
        }
    }
}

static void matmul_f32(const struct kernel_matmul_args *args)
{
    run(args, dot_f32, args->columns * sizeof(float));
}

static void matmul_f16(const struct kernel_matmul_args *args)
{
    run(args, dot_f16, args->columns * sizeof(uint16_t));
}

static void matmul_bf16(const struct kernel_matmul_args *args)
{
    run(args, dot_bf16, args->columns * sizeof(uint16_t));
}

static void matmul_q8_0(const struct kernel_matmul_args *args)
{
    run(args, dot_q8_0, args->columns / Q8_0_BLOCK_LEN * sizeof(struct block_q8_0));
}

static void matmul_q4_0(const struct kernel_matmul_args *args)
{
    run(args, dot_q4_0, args->columns / Q4_0_BLOCK_LEN * sizeof(struct block_q4_0));
}

static void matmul_q4_k(const struct kernel_matmul_args *args)
{
    run(args, dot_q4_k, args->columns / QK_BLOCK_LEN * sizeof(struct block_q4_k));
}

static void matmul_q6_k(const struct kernel_matmul_args *args)
{
    run(args, dot_q6_k, args->columns / QK_BLOCK_LEN * sizeof(struct block_q6_k));
}

void matmul_ref_fill(struct kernel_table *table)
{
    struct kernel_matmul *matmul = table->matmul;
    matmul[DTYPE_F32] = (struct kernel_matmul){matmul_f32, KERNEL_ACTIVATION_F32};
    matmul[DTYPE_F16] = (struct kernel_matmul){matmul_f16, KERNEL_ACTIVATION_F32};
    matmul[DTYPE_BF16] = (struct kernel_matmul){matmul_bf16, KERNEL_ACTIVATION_F32};
    matmul[DTYPE_Q8_0] = (struct kernel_matmul){matmul_q8_0, KERNEL_ACTIVATION_Q8_32};
    matmul[DTYPE_Q4_0] = (struct kernel_matmul){matmul_q4_0, KERNEL_ACTIVATION_Q8_32};
    matmul[DTYPE_Q4_K] = (struct kernel_matmul){matmul_q4_k, KERNEL_ACTIVATION_Q8_256};
    matmul[DTYPE_Q6_K] = (struct kernel_matmul){matmul_q6_k, KERNEL_ACTIVATION_Q8_256};
}
