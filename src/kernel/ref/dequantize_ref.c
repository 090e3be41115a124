/*
 * dequantize_ref - rows of packed weights to f32: what a token embedding needs. Also the readable
 * definition of the packed formats; every product is of these values.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/q4_k_scales.h"
#include "kernel/ref/kernel_ref.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <math.h>
#include <string.h>

static void dequantize_f32(const void *row, size_t columns, float *out)
{
    memcpy(out, row, columns * sizeof(float));
}

static void dequantize_f16(const void *row, size_t columns, float *out)
{
    const uint16_t *w = row;
    for (size_t i = 0; i < columns; i++)
        out[i] = half_to_float(w[i]);
}

static void dequantize_bf16(const void *row, size_t columns, float *out)
{
    const uint16_t *w = row;
    for (size_t i = 0; i < columns; i++)
        out[i] = bfloat16_to_float(w[i]);
}

static void dequantize_q8_0(const void *row, size_t columns, float *out)
{
    const struct block_q8_0 *w = row;
    for (size_t b = 0; b < columns / Q8_0_BLOCK_LEN; b++) {
        const float scale = half_to_float(w[b].scale);
        for (size_t i = 0; i < Q8_0_BLOCK_LEN; i++)
            *out++ = scale * (float)w[b].q[i];
    }
}

static void dequantize_q4_0(const void *row, size_t columns, float *out)
{
    const struct block_q4_0 *w = row;
    for (size_t b = 0; b < columns / Q4_0_BLOCK_LEN; b++) {
        const float scale = half_to_float(w[b].scale);
        for (size_t i = 0; i < Q4_0_BLOCK_LEN / 2; i++) {
            out[i] = scale * (float)((w[b].q[i] & 15) - 8);
            out[i + Q4_0_BLOCK_LEN / 2] = scale * (float)((w[b].q[i] >> 4) - 8);
        }
        out += Q4_0_BLOCK_LEN;
    }
}

static void dequantize_q4_k(const void *row, size_t columns, float *out)
{
    const struct block_q4_k *w = row;
    for (size_t b = 0; b < columns / QK_BLOCK_LEN; b++) {
        const struct q4_k_scales scales = q4_k_scales_unpack(w[b].sub_scales);
        for (size_t s = 0; s < 8; s++) {
            const float scale = half_to_float(w[b].scale) * (float)scales.scale[s];
            const float min = half_to_float(w[b].min) * (float)scales.min[s];
            const int shift = s % 2 ? 4 : 0;
            for (size_t i = 0; i < 32; i++)
                *out++ = fmaf(scale, (float)(w[b].q[s / 2 * 32 + i] >> shift & 15), -min);
        }
    }
}

static void dequantize_q6_k(const void *row, size_t columns, float *out)
{
    const struct block_q6_k *w = row;
    for (size_t b = 0; b < columns / QK_BLOCK_LEN; b++)
        for (size_t half = 0; half < 2; half++)
            for (size_t quarter = 0; quarter < 4; quarter++) {
                const uint8_t *low = &w[b].q_low[64 * half + 32 * (quarter % 2)];
                const uint8_t *high = &w[b].q_high[32 * half];
                for (size_t i = 0; i < 32; i++) {
                    const int8_t sub_scale = w[b].sub_scales[8 * half + 2 * quarter + i / 16];
                    const int bits = (low[i] >> (quarter < 2 ? 0 : 4) & 15) |
                                     (high[i] >> (2 * quarter) & 3) << 4;
                    *out++ = half_to_float(w[b].scale) * (float)sub_scale * (float)(bits - 32);
                }
            }
}

void dequantize_ref_fill(struct kernel_table *table)
{
    table->dequantize_row[DTYPE_F32] = dequantize_f32;
    table->dequantize_row[DTYPE_F16] = dequantize_f16;
    table->dequantize_row[DTYPE_BF16] = dequantize_bf16;
    table->dequantize_row[DTYPE_Q8_0] = dequantize_q8_0;
    table->dequantize_row[DTYPE_Q4_0] = dequantize_q4_0;
    table->dequantize_row[DTYPE_Q4_K] = dequantize_q4_k;
    table->dequantize_row[DTYPE_Q6_K] = dequantize_q6_k;
}
