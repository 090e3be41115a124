/*
 * vector_ops_neon - normalisation, element-wise operations, rotation, softmax, and activations to
 * int8.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/arm/kernel_arm.h"
#include "kernel/arm/vector_neon.h"
#include "kernel/lanes.h"

#include <math.h>

#define EXACT_EXP_LANES 2
#include "kernel/exact_exp.h"

enum { STEP = VECTOR_NEON_LANES };

/* ---------------------------------------------------------------- element by element */

static void add(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += STEP) {
        const float32x4_t a = vector_neon_load(x + i, n - i);
        const float32x4_t b = vector_neon_load(y + i, n - i);
        vector_neon_store(out + i, n - i, vaddq_f32(a, b));
    }
}

static void mul(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += STEP) {
        const float32x4_t a = vector_neon_load(x + i, n - i);
        const float32x4_t b = vector_neon_load(y + i, n - i);
        vector_neon_store(out + i, n - i, vmulq_f32(a, b));
    }
}

static void swiglu(const float *x, const float *y, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += STEP) {
        const float32x4_t a = vector_neon_load(x + i, n - i);
        const float32x4_t b = vector_neon_load(y + i, n - i);
        const float32x4_t e = vector_neon_exp(vnegq_f32(a));
        const float32x4_t silu = vdivq_f32(a, vaddq_f32(vdupq_n_f32(1.0f), e));
        vector_neon_store(out + i, n - i, vmulq_f32(silu, b));
    }
}

static void exp_row(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += STEP)
        vector_neon_store(out + i, n - i, vector_neon_exp(vector_neon_load(x + i, n - i)));
}

static void to_f16(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i += STEP) {
        const size_t left = n - i < STEP ? n - i : STEP;
        uint16_t part[STEP];
        vst1_u16(part, vreinterpret_u16_f16(vcvt_f16_f32(vector_neon_load(x + i, left))));
        memcpy(out + i, part, left * sizeof(part[0]));
    }
}

/* ---------------------------------------------------------------- rows */

static void rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    float64x2_t sums[LANES / 2];
    UNROLL_FOR (size_t v = 0; v < LANES / 2; v++)
        sums[v] = vdupq_n_f64(0.0);
    for (size_t i = 0; i < n; i += LANES) /* squares are exact: fused or not is the same */
        UNROLL_FOR (size_t v = 0; v < LANES / STEP; v++) {
            const size_t at = i + v * STEP;
            const float32x4_t value = at < n ? vector_neon_load(x + at, n - at) : vdupq_n_f32(0.0f);
            const float64x2_t low = vcvt_f64_f32(vget_low_f32(value));
            const float64x2_t high = vcvt_high_f64_f32(value);
            sums[2 * v] = vfmaq_f64(sums[2 * v], low, low);
            sums[2 * v + 1] = vfmaq_f64(sums[2 * v + 1], high, high);
        }
    double lane[LANES];
    UNROLL_FOR (size_t v = 0; v < LANES / 2; v++)
        vst1q_f64(&lane[2 * v], sums[v]);
    const double mean = lanes_sum_double(lane) / (double)n;
    const float factor = (float)(1.0 / sqrt(mean + (double)epsilon));
    for (size_t i = 0; i < n; i += STEP) {
        float32x4_t value = vmulq_n_f32(vector_neon_load(x + i, n - i), factor);
        if (weight)
            value = vmulq_f32(value, vector_neon_load(weight + i, n - i));
        vector_neon_store(out + i, n - i, value);
    }
}

static void softmax(const float *x, size_t n, float *out)
{
    float largest = x[0];
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i += STEP) {
        const size_t left = n - i < STEP ? n - i : STEP;
        const float32x4_t shifted = vsubq_f32(vector_neon_load(x + i, left), vdupq_n_f32(largest));
        vector_neon_store(out + i, left, vector_neon_exp(shifted));
        for (size_t j = i; j < i + left; j++)
            lane[j % LANES] += out[j];
    }
    const float32x4_t sum = vdupq_n_f32(lanes_sum(lane));
    for (size_t i = 0; i < n; i += STEP)
        vector_neon_store(out + i, n - i, vdivq_f32(vector_neon_load(out + i, n - i), sum));
}

/* ---------------------------------------------------------------- rotation */

static void rope_halves(float *x, const float *cosines, const float *sines, size_t head_count,
                        size_t head_dim, size_t rot_dim)
{
    const size_t half = rot_dim / 2;
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t j = 0; j < half; j += STEP) {
            const size_t left = half - j;
            const float32x4_t c = vector_neon_load(cosines + j, left);
            const float32x4_t s = vector_neon_load(sines + j, left);
            const float32x4_t a = vector_neon_load(x + j, left);
            const float32x4_t b = vector_neon_load(x + half + j, left);
            const float32x4_t first = vfmaq_f32(vnegq_f32(vmulq_f32(b, s)), a, c);
            const float32x4_t second = vfmaq_f32(vmulq_f32(a, s), b, c);
            vector_neon_store(x + j, left, first);
            vector_neon_store(x + half + j, left, second);
        }
}

/* Even lanes: a c - b s; odd lanes: b c + a s, where the neighbours are a and b. */
static void rope_pairs(float *x, const float *cosines, const float *sines, size_t head_count,
                       size_t head_dim, size_t rot_dim)
{
    const uint32x4_t sign = {0x80000000u, 0, 0x80000000u, 0};
    for (size_t h = 0; h < head_count; h++, x += head_dim)
        for (size_t i = 0; i < rot_dim; i += STEP) {
            const size_t left = rot_dim - i;
            const size_t pairs = left / 2 < 2 ? left / 2 : 2;
            const float32x4_t c2 = vector_neon_load(cosines + i / 2, pairs);
            const float32x4_t s2 = vector_neon_load(sines + i / 2, pairs);
            const float32x4_t v = vector_neon_load(x + i, left);
            const float32x4_t crossed = vmulq_f32(vrev64q_f32(v), vzip1q_f32(s2, s2));
            const float32x4_t signed_crossed =
                vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(crossed), sign));
            vector_neon_store(x + i, left, vfmaq_f32(signed_crossed, v, vzip1q_f32(c2, c2)));
        }
}

/* ---------------------------------------------------------------- activations to int8 */

/* activation.h: quantizes `vectors` * 16 values to q and returns the scale. */
TEMPLATE float quantize_block(const float *x, size_t vectors, int8_t *q)
{
    const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
    uint32x4_t most = vdupq_n_u32(0);
    for (size_t i = 0; i < vectors * 16; i += STEP)
        most = vmaxq_u32(most, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), magnitude));
    const uint32_t bits = vmaxvq_u32(most);
    float amax = 0;
    memcpy(&amax, &bits, sizeof(amax));
    if (bits >= 0x7f800000u || amax < ACTIVATION_AMAX_MIN) {
        memset(q, 0, vectors * 16);
        return bits >= 0x7f800000u ? NAN : 0.0f;
    }
    const float inverse = 127.0f / amax;
    for (size_t v = 0; v < vectors; v++) {
        int32x4_t whole[4];
        UNROLL_FOR (size_t i = 0; i < 4; i++)
            whole[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + v * 16 + i * STEP), inverse));
        const int16x8_t low = vcombine_s16(vmovn_s32(whole[0]), vmovn_s32(whole[1]));
        const int16x8_t high = vcombine_s16(vmovn_s32(whole[2]), vmovn_s32(whole[3]));
        vst1q_s8(q + v * 16, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    }
    return amax / 127.0f;
}

/* The sum of 16 signed bytes. */
TEMPLATE int32_t sum_16(const int8_t *q)
{
    return vaddlvq_s8(vld1q_s8(q));
}

static void quantize_q8_32(const float *x, size_t columns, void *out)
{
    const struct activation_q8_32_out row = activation_q8_32_out(out, columns);
    const size_t blocks = columns / 32;
    memset(row.q + columns, 0, activation_q8_32_bytes(columns) - columns); /* ends of the planes */
    for (size_t b = 0; b < blocks; b++) {
        row.scale[b] = quantize_block(&x[b * 32], 2, &row.q[b * 32]);
        row.sum[b] = sum_16(&row.q[b * 32]) + sum_16(&row.q[b * 32 + 16]);
    }
}

static void quantize_q8_256(const float *x, size_t columns, void *out)
{
    const struct activation_q8_256_out row = activation_q8_256_out(out, columns);
    const size_t blocks = columns / 256;
    memset(row.scale, 0, activation_q8_256_bytes(columns) - columns);
    for (size_t b = 0; b < blocks; b++)
        row.scale[b] = quantize_block(&x[b * 256], 16, &row.q[b * 256]);
    for (size_t s = 0; s < columns / 16; s++)
        row.sum16[s] = (int16_t)sum_16(&row.q[s * 16]);
    for (size_t s = 0; s < columns / 32; s++)
        row.sum32[s] = (int16_t)(row.sum16[2 * s] + row.sum16[2 * s + 1]);
}

void vector_ops_neon_fill(struct kernel_table *table)
{
    table->add = add;
    table->mul = mul;
    table->swiglu = swiglu;
    table->exp_row = exp_row;
    table->exp_f64 = exact_exp_row;
    table->to_f16 = to_f16;
    table->rms_norm = rms_norm;
    table->softmax = softmax;
    table->rope_halves = rope_halves;
    table->rope_pairs = rope_pairs;
    table->quantize[KERNEL_ACTIVATION_Q8_32] = quantize_q8_32;
    table->quantize[KERNEL_ACTIVATION_Q8_256] = quantize_q8_256;
}
