/*
 * vector_exp - the constants and the order of operations of exp() in f32.
 *
 *   z = fma(x, 1/ln2, ROUND); n = z - ROUND            n is x / ln2 rounded to nearest
 *   r = fma(-n, LN2_HIGH, x); r = fma(-n, LN2_LOW, r)   |r| <= ln2 / 2
 *   q = C2 + r (C3 + r (C4 + r (C5 + r C6)))            by fma, innermost first
 *   e = 1 + fma(r * r, q, r)
 *   exp(x) = (e * 2^(n >> 1)) * 2^(n - (n >> 1))        so that subnormal results round once
 *
 * with x first cut to [LOW, HIGH]; a NaN passes. C2..C6 minimise the relative error of the
 * polynomial, 2^-28.3; the whole is within 1 unit in the last place (tests/unit/kernel/).
 * Every instruction set does exactly these operations.
 *
 * Threads: any; pure.
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_EXP_HIGH     89.0f   /* above: infinity */
#define VECTOR_EXP_LOW      -104.0f /* below: 0 */
#define VECTOR_EXP_INV_LN2  0x1.715476p+0f
#define VECTOR_EXP_LN2_HIGH 0x1.62e4p-1f
#define VECTOR_EXP_LN2_LOW  0x1.7f7d1cp-20f
#define VECTOR_EXP_ROUND    12582912.0f /* 1.5 * 2^23: its last mantissa bit counts ones */
#define VECTOR_EXP_C2       0x1.fffffcp-2f
#define VECTOR_EXP_C3       0x1.555492p-3f
#define VECTOR_EXP_C4       0x1.5558f2p-5f
#define VECTOR_EXP_C5       0x1.1239e2p-7f
#define VECTOR_EXP_C6       0x1.6a2434p-10f

/* 2^n for -126 <= n <= 127, n given as a two's complement number. */
static inline float vector_exp_power(uint32_t n)
{
    const uint32_t bits = (n + 127) << 23;
    float power = 0;
    memcpy(&power, &bits, sizeof(power));
    return power;
}

static inline float vector_exp(float value)
{
    /* Written like minps and maxps, which return the second operand when one is a NaN. */
    float x = VECTOR_EXP_HIGH < value ? VECTOR_EXP_HIGH : value;
    x = VECTOR_EXP_LOW > x ? VECTOR_EXP_LOW : x;

    const float round = VECTOR_EXP_ROUND;
    const float z = fmaf(x, VECTOR_EXP_INV_LN2, round);
    const float n = z - round;
    float r = fmaf(-n, VECTOR_EXP_LN2_HIGH, x);
    r = fmaf(-n, VECTOR_EXP_LN2_LOW, r);

    float q = fmaf(VECTOR_EXP_C6, r, VECTOR_EXP_C5);
    q = fmaf(q, r, VECTOR_EXP_C4);
    q = fmaf(q, r, VECTOR_EXP_C3);
    q = fmaf(q, r, VECTOR_EXP_C2);
    const float e = 1.0f + fmaf(r * r, q, r);

    uint32_t z_bits = 0;
    uint32_t round_bits = 0;
    memcpy(&z_bits, &z, sizeof(z_bits));
    memcpy(&round_bits, &round, sizeof(round_bits));
    const uint32_t whole = z_bits - round_bits;
    const uint32_t half = (whole >> 1) | (whole & 0x80000000u); /* arithmetic shift */
    return e * vector_exp_power(half) * vector_exp_power(whole - half);
}
