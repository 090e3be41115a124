/*
 * exact_math - see exact_math.h. Polynomials are Taylor series cut where the next term is below
 * 2^-56 of the result on the reduced range; reductions subtract multiples of a constant kept in
 * several parts, each short enough that its products with the multiple are exact.
 *
 * Threads: any; pure.
 */
#include "kernel/exact_math.h"

#include "kernel/exact_exp.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static double power_of_two(int64_t n) /* -1022 <= n <= 1023 */
{
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power = 0;
    memcpy(&power, &bits, sizeof(power));
    return power;
}

/* c[0] + c[1] x + ... + c[count - 1] x^(count - 1) */
static double polynomial(const double *c, int count, double x)
{
    double sum = c[count - 1];
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* ---------------------------------------------------------------- exp, log, pow */

double exact_math_exp(double x)
{
    if (isnan(x))
        return x;
    if (x > EXACT_EXP_HIGH)
        return (double)INFINITY;
    if (x < EXACT_EXP_LOW)
        return 0.0;
    const double n = (x * EXACT_EXP_INV_LN2 + EXACT_EXP_ROUND) - EXACT_EXP_ROUND;
    const double r = (x - n * EXACT_EXP_LN2_HIGH) - n * EXACT_EXP_LN2_LOW;
    const double e = 1.0 + (r + r * r * polynomial(exact_exp_terms, EXACT_EXP_TERMS, r));
    const int64_t whole = (int64_t)n;
    const int64_t half = whole / 2;
    return e * power_of_two(half) * power_of_two(whole - half);
}

double exact_math_log(double x)
{
    static const double c[] = {
        /* 2/3, 2/5, ... 2/21: log((1 + s) / (1 - s)) = 2s + s^3 c[0] + ... */
        0x1.5555555555555p-1, 0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3,
        0x1.745d1745d1746p-3, 0x1.3b13b13b13b14p-3, 0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4,
        0x1.af286bca1af28p-4, 0x1.8618618618618p-4};
    if (isnan(x) || x < 0)
        return (double)NAN;
    if (x == 0)
        return -(double)INFINITY;
    if (isinf(x))
        return x;
    int exponent = 0;
    double m = frexp(x, &exponent); /* x = m * 2^exponent, m in [1/2, 1) */
    if (m < 0x1.6a09e667f3bcdp-1) { /* keep m in [sqrt(1/2), sqrt(2)) */
        m *= 2;
        exponent--;
    }
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double half_square = 0.5 * f * f;
    const double r = z * polynomial(c, (int)(sizeof(c) / sizeof(c[0])), z);
    const double n = exponent;
    /* log(1 + f) = f - (f^2/2 - s (f^2/2 + r)), small terms first. */
    return n * EXACT_EXP_LN2_HIGH -
           ((half_square - (s * (half_square + r) + n * EXACT_EXP_LN2_LOW)) - f);
}

double exact_math_pow(double base, double y)
{
    return exact_math_exp(y * exact_math_log(base));
}

/* ---------------------------------------------------------------- sin, cos */

static double sin_reduced(double r) /* |r| <= pi/4 */
{
    static const double c[] = {/* -1/3!, 1/5!, ... 1/17! */
                               -0x1.5555555555555p-3,  0x1.1111111111111p-7,
                               -0x1.a01a01a01a01ap-13, 0x1.71de3a556c734p-19,
                               -0x1.ae64567f544e4p-26, 0x1.6124613a86d09p-33,
                               -0x1.ae7f3e733b81fp-41, 0x1.952c77030ad4ap-49};
    const double z = r * r;
    return r + r * (z * polynomial(c, (int)(sizeof(c) / sizeof(c[0])), z));
}

static double cos_reduced(double r) /* |r| <= pi/4 */
{
    static const double c[] = {/* 1/4!, -1/6!, ... 1/16!, -1/18! */
                               0x1.5555555555555p-5,  -0x1.6c16c16c16c17p-10,
                               0x1.a01a01a01a01ap-16, -0x1.27e4fb7789f5cp-22,
                               0x1.1eed8eff8d898p-29, -0x1.93974a8c07c9dp-37,
                               0x1.ae7f3e733b81fp-45, -0x1.6827863b97d97p-53};
    const double z = r * r;
    const double half = 0.5 * z;
    const double one_minus_half = 1.0 - half;
    const double lost = (1.0 - one_minus_half) - half;
    return one_minus_half + (lost + z * z * polynomial(c, (int)(sizeof(c) / sizeof(c[0])), z));
}

/* x = r + quadrant * pi/2, |r| <= pi/4; false where the argument is too large to say. */
static bool reduce(double x, double *out_r, unsigned *out_quadrant)
{
    if (!(fabs(x) <= EXACT_MATH_ANGLE_MAX))
        return false;
    const double n = (x * 0x1.45f306dc9c883p-1 + EXACT_EXP_ROUND) - EXACT_EXP_ROUND;
    double r = x - n * 0x1.921fb5p+0; /* pi/2 in parts of 26 bits */
    r -= n * 0x1.110b46p-26;
    r -= n * 0x1.1a6262p-54;
    r -= n * 0x1.3145c06e0e689p-78;
    *out_r = r;
    *out_quadrant = (unsigned)(int64_t)n & 3u;
    return true;
}

double exact_math_sin(double x)
{
    double r = 0;
    unsigned quadrant = 0;
    if (!reduce(x, &r, &quadrant))
        return (double)NAN;
    const double value = quadrant & 1 ? cos_reduced(r) : sin_reduced(r);
    return quadrant & 2 ? -value : value;
}

double exact_math_cos(double x)
{
    double r = 0;
    unsigned quadrant = 0;
    if (!reduce(x, &r, &quadrant))
        return (double)NAN;
    const double value = quadrant & 1 ? sin_reduced(r) : cos_reduced(r);
    return quadrant == 1 || quadrant == 2 ? -value : value;
}
