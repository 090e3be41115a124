/*
 * vector_neon - exp(), the tree sum and parts of vectors on four floats: the operations of
 * vector_exp.h and lanes.h, one for one. Sixteen lanes are four vectors.
 *
 * Only for files built for NEON. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"
#include "kernel/vector_exp.h"

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

enum { VECTOR_NEON_LANES = 4, VECTOR_NEON_VECTORS = 4 };

TEMPLATE float32x4_t vector_neon_power(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

TEMPLATE float32x4_t vector_neon_exp(float32x4_t value)
{
    const float32x4_t round = vdupq_n_f32(VECTOR_EXP_ROUND);
    float32x4_t x = vminq_f32(value, vdupq_n_f32(VECTOR_EXP_HIGH)); /* a NaN stays one */
    x = vmaxq_f32(x, vdupq_n_f32(VECTOR_EXP_LOW));
    const float32x4_t z = vfmaq_f32(round, x, vdupq_n_f32(VECTOR_EXP_INV_LN2));
    const float32x4_t n = vsubq_f32(z, round);
    float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(VECTOR_EXP_LN2_HIGH));
    r = vfmsq_f32(r, n, vdupq_n_f32(VECTOR_EXP_LN2_LOW));
    float32x4_t q = vdupq_n_f32(VECTOR_EXP_C6);
    q = vfmaq_f32(vdupq_n_f32(VECTOR_EXP_C5), q, r);
    q = vfmaq_f32(vdupq_n_f32(VECTOR_EXP_C4), q, r);
    q = vfmaq_f32(vdupq_n_f32(VECTOR_EXP_C3), q, r);
    q = vfmaq_f32(vdupq_n_f32(VECTOR_EXP_C2), q, r);
    const float32x4_t tail = vfmaq_f32(r, vmulq_f32(r, r), q);
    const float32x4_t e = vaddq_f32(vdupq_n_f32(1.0f), tail);
    const int32x4_t whole = vsubq_s32(vreinterpretq_s32_f32(z), vreinterpretq_s32_f32(round));
    const int32x4_t half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(e, vector_neon_power(half)),
                     vector_neon_power(vsubq_s32(whole, half)));
}

/* lanes.h: l + l8, then + 4, + 2, + 1. */
TEMPLATE float vector_neon_sum(const float32x4_t lanes[VECTOR_NEON_VECTORS])
{
    const float32x4_t s4 = vaddq_f32(vaddq_f32(lanes[0], lanes[2]), vaddq_f32(lanes[1], lanes[3]));
    const float32x2_t s2 = vadd_f32(vget_low_f32(s4), vget_high_f32(s4));
    return vget_lane_f32(s2, 0) + vget_lane_f32(s2, 1);
}

/* The first `count` of four floats; the others are zero, and their memory is not touched. */
TEMPLATE float32x4_t vector_neon_load(const float *x, size_t count)
{
    float part[VECTOR_NEON_LANES] = {0};
    if (count >= VECTOR_NEON_LANES)
        return vld1q_f32(x);
    memcpy(part, x, count * sizeof(float));
    return vld1q_f32(part);
}

TEMPLATE void vector_neon_store(float *x, size_t count, float32x4_t value)
{
    float part[VECTOR_NEON_LANES];
    if (count >= VECTOR_NEON_LANES) {
        vst1q_f32(x, value);
        return;
    }
    vst1q_f32(part, value);
    memcpy(x, part, count * sizeof(float));
}

/* Four halves as floats. */
TEMPLATE float32x4_t vector_neon_halves(const uint16_t *x)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x)));
}
