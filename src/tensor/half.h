/*
 * half - IEEE 754 binary16 to and from float, in portable integer arithmetic.
 *
 * Exact in one direction, round to nearest even in the other, the same on every compiler and CPU;
 * equal bit for bit to the F16C instructions in their default rounding (NaNs keep the top of their
 * payload and become quiet).
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = half & 0x3ffu;
    uint32_t bits = 0;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | (mantissa ? 0x400000u | (mantissa << 13) : 0);
    } else if (exponent != 0) {
        bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
    } else { /* zero or subnormal: mantissa * 2^-24, exact in float */
        const float magnitude = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &magnitude, sizeof(bits));
        bits |= sign;
    }
    float value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint16_t half_from_float(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN: quiet, top payload bits kept */
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: subnormal, units of 2^-24 */
        if (magnitude < 0x33000000u)
            return sign;                                /* below 2^-25 */
        const uint32_t shift = 126 - (magnitude >> 23); /* 14..24 */
        const uint32_t mantissa = 0x800000u | (magnitude & 0x7fffffu);
        const uint32_t half_unit = 1u << (shift - 1);
        const uint32_t rest = mantissa & ((1u << shift) - 1);
        uint32_t units = mantissa >> shift;
        if (rest > half_unit || (rest == half_unit && (units & 1)))
            units++;
        return (uint16_t)(sign | units);
    }
    /* A carry out of the mantissa raises the exponent, which is right. */
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}
