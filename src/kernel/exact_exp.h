/*
 * exact_exp - the constants of exact_math_exp(), and the same function of many numbers, in vectors
 * of EXACT_EXP_LANES doubles.
 *
 * The same operations without a branch: the argument is cut to [LOW, HIGH], outside of which the
 * result is 0 or infinity anyway; powers of two are made of the last bits of a number to which
 * 1.5 * 2^52 was added. The scalar function halves n with a division and this one by rounding:
 * either way both factors are exact and the last product rounds once, so the bits are the same.
 *
 * Threads: any; pure. A file built for one instruction set defines EXACT_EXP_LANES and includes it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 1.5 * 2^52: adding and subtracting it rounds |x| < 2^51 to the nearest even integer. */
#define EXACT_EXP_ROUND    0x1.8p52
#define EXACT_EXP_HIGH     710.0
#define EXACT_EXP_LOW      (-746.0)
#define EXACT_EXP_INV_LN2  0x1.71547652b82fep+0
#define EXACT_EXP_LN2_HIGH 0x1.62e42fefa2p-1 /* 38 bits: exact times any exponent */
#define EXACT_EXP_LN2_LOW  0x1.9ef35793c7673p-41

enum { EXACT_EXP_TERMS = 12 };

static const double exact_exp_terms[EXACT_EXP_TERMS] = {/* 1/2!, 1/3!, ... 1/13! */
                                                        0x1p-1,
                                                        0x1.5555555555555p-3,
                                                        0x1.5555555555555p-5,
                                                        0x1.1111111111111p-7,
                                                        0x1.6c16c16c16c17p-10,
                                                        0x1.a01a01a01a01ap-13,
                                                        0x1.a01a01a01a01ap-16,
                                                        0x1.71de3a556c734p-19,
                                                        0x1.27e4fb7789f5cp-22,
                                                        0x1.ae64567f544e4p-26,
                                                        0x1.1eed8eff8d898p-29,
                                                        0x1.6124613a86d09p-33};

#ifdef EXACT_EXP_LANES

typedef double exact_exp_lanes __attribute__((vector_size(8 * EXACT_EXP_LANES)));
typedef int64_t exact_exp_words __attribute__((vector_size(8 * EXACT_EXP_LANES)));

static inline exact_exp_lanes exact_exp_choose(exact_exp_words chosen, exact_exp_lanes a,
                                               exact_exp_lanes b)
{
    return (exact_exp_lanes)((chosen & (exact_exp_words)a) | (~chosen & (exact_exp_words)b));
}

/* 2^n for -1022 <= n <= 1023. */
static inline exact_exp_lanes exact_exp_power(exact_exp_lanes n)
{
    return (exact_exp_lanes)((exact_exp_words)(n + (EXACT_EXP_ROUND + 1023)) << 52);
}

static inline exact_exp_lanes exact_exp(exact_exp_lanes x)
{
    const exact_exp_lanes zero = {0};
    x = exact_exp_choose(x > EXACT_EXP_HIGH, zero + EXACT_EXP_HIGH, x);
    x = exact_exp_choose(x < EXACT_EXP_LOW, zero + EXACT_EXP_LOW, x);
    const exact_exp_lanes n = (x * EXACT_EXP_INV_LN2 + EXACT_EXP_ROUND) - EXACT_EXP_ROUND;
    const exact_exp_lanes r = (x - n * EXACT_EXP_LN2_HIGH) - n * EXACT_EXP_LN2_LOW;
    exact_exp_lanes sum = zero + exact_exp_terms[EXACT_EXP_TERMS - 1];
    for (int i = EXACT_EXP_TERMS - 2; i >= 0; i--)
        sum = sum * r + exact_exp_terms[i];
    const exact_exp_lanes e = 1.0 + (r + r * r * sum);
    const exact_exp_lanes half = (n * 0.5 + EXACT_EXP_ROUND) - EXACT_EXP_ROUND;
    return e * exact_exp_power(half) * exact_exp_power(n - half);
}

static inline void exact_exp_row(const double *x, size_t n, double *out)
{
    exact_exp_lanes v;
    size_t i = 0;
    for (; i + EXACT_EXP_LANES <= n; i += EXACT_EXP_LANES) {
        memcpy(&v, x + i, sizeof(v));
        v = exact_exp(v);
        memcpy(out + i, &v, sizeof(v));
    }
    if (i == n)
        return;
    v = (exact_exp_lanes){0};
    memcpy(&v, x + i, (n - i) * sizeof(*x));
    v = exact_exp(v);
    memcpy(out + i, &v, (n - i) * sizeof(*x));
}

#endif
