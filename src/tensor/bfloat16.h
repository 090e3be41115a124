/*
 * bfloat16 - the upper half of a float: exact to float, round to nearest even from it.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float bfloat16_to_float(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float wide = 0;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

static inline uint16_t bfloat16_from_float(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* NaN: rounding could make it infinity */
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}
