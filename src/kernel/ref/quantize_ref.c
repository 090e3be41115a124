/*
 * quantize_ref - activations to int8 with a scale for each 32 or 256 values; see activation.h. Keys
 * and values to the q8 rows of kv_row.h.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_row.h"
#include "kernel/ref/kernel_ref.h"
#include "tensor/half.h"

#include <math.h>
#include <string.h>

/* The largest magnitude as bits: magnitudes order like their bits, infinity and NaN above all. */
static uint32_t magnitude_max(const float *x, size_t n)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &x[i], sizeof(bits));
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

/* Quantizes one block and returns its scale. */
static float quantize_block(const float *x, size_t n, int8_t *q)
{
    const uint32_t infinity_bits = 0x7f800000u;
    const uint32_t bits = magnitude_max(x, n);
    float amax = 0;
    memcpy(&amax, &bits, sizeof(amax));
    if (bits >= infinity_bits || amax < ACTIVATION_AMAX_MIN) {
        memset(q, 0, n);
        return bits >= infinity_bits ? NAN : 0.0f;
    }
    const float inverse = 127.0f / amax;
    for (size_t i = 0; i < n; i++) {
        const float rounded = (x[i] * inverse + ACTIVATION_ROUND) - ACTIVATION_ROUND;
        q[i] = (int8_t)rounded;
    }
    return amax / 127.0f;
}

static int32_t sum_of(const int8_t *q, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += q[i];
    return sum;
}

static void quantize_f32(const float *x, size_t columns, void *out)
{
    memcpy(out, x, columns * sizeof(float));
    const size_t bytes = kernel_table_activation_bytes(KERNEL_ACTIVATION_F32, columns);
    memset((char *)out + columns * sizeof(float), 0, bytes - columns * sizeof(float));
}

static void quantize_q8_32(const float *x, size_t columns, void *out)
{
    memset(out, 0, activation_q8_32_bytes(columns)); /* the ends of the planes */
    const struct activation_q8_32_out row = activation_q8_32_out(out, columns);
    for (size_t b = 0; b < columns / 32; b++) {
        row.scale[b] = quantize_block(&x[b * 32], 32, &row.q[b * 32]);
        row.sum[b] = sum_of(&row.q[b * 32], 32);
    }
}

static void quantize_q8_256(const float *x, size_t columns, void *out)
{
    memset(out, 0, activation_q8_256_bytes(columns));
    const struct activation_q8_256_out row = activation_q8_256_out(out, columns);
    for (size_t b = 0; b < columns / 256; b++)
        row.scale[b] = quantize_block(&x[b * 256], 256, &row.q[b * 256]);
    for (size_t s = 0; s < columns / 32; s++)
        row.sum32[s] = (int16_t)sum_of(&row.q[s * 32], 32);
    for (size_t s = 0; s < columns / 16; s++)
        row.sum16[s] = (int16_t)sum_of(&row.q[s * 16], 16);
}

/* ---------------------------------------------------------------- keys and values */

/* One block of a q8 row. */
static void to_q8_block(const float *x, size_t n, unsigned char *out)
{
    const uint32_t bits = magnitude_max(x, n);
    float largest = 0;
    memcpy(&largest, &bits, sizeof(largest));
    const bool is_finite = bits < 0x7f800000u;
    const uint16_t scale = is_finite ? half_from_float(largest / 127.0f) : (uint16_t)0x7e00u;
    memcpy(out, &scale, sizeof(scale));
    const float step = half_to_float(scale);
    if (!is_finite || step == 0 || step > 0x1p16f) {
        memset(out + KV_ROW_Q8_SCALE, 0, n);
        return;
    }
    const float inverse = 1.0f / step;
    for (size_t i = 0; i < n; i++) {
        float q = (x[i] * inverse + ACTIVATION_ROUND) - ACTIVATION_ROUND;
        q = q > 127.0f ? 127.0f : q;
        q = q < -127.0f ? -127.0f : q;
        out[KV_ROW_Q8_SCALE + i] = (unsigned char)(int8_t)q;
    }
}

static void to_q8(const float *x, size_t n, unsigned char *out)
{
    for (size_t i = 0; i < n; i += KV_ROW_Q8_BLOCK) {
        const size_t left = n - i;
        to_q8_block(x + i, left < KV_ROW_Q8_BLOCK ? left : KV_ROW_Q8_BLOCK, out);
        out += KV_ROW_Q8_BLOCK_BYTES;
    }
}

void quantize_ref_fill(struct kernel_table *table)
{
    table->quantize[KERNEL_ACTIVATION_F32] = quantize_f32;
    table->quantize[KERNEL_ACTIVATION_Q8_32] = quantize_q8_32;
    table->quantize[KERNEL_ACTIVATION_Q8_256] = quantize_q8_256;
    table->to_q8 = to_q8;
}
