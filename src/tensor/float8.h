/*
 * float8 - the 8-bit scales of microscaling formats, to float; exact.
 *
 * Both come halved, because the 4-bit floats that they scale are stored as their doubles
 * (kernel/code_books.h).
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stdint.h>
#include <string.h>

/* E8M0: 2^(value - 127) / 2, subnormal for the two smallest. */
static inline float float8_e8m0_half(uint8_t value)
{
    const uint32_t bits = value < 2 ? UINT32_C(0x200000) << value : (uint32_t)(value - 1) << 23;
    float wide = 0;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

/* UE4M3, half of it: four bits of exponent (bias 7), three of mantissa; the top bit says nothing,
 * 0x7f is zero. As the exponent and top mantissa bits of a float it is 2^119 times too small, and
 * subnormal where it is meant to be. */
static inline float float8_ue4m3_half(uint8_t value)
{
    const uint32_t bits = value == 0x7f ? 0 : (uint32_t)(value & 0x7f) << 20;
    float tiny = 0;
    memcpy(&tiny, &bits, sizeof(tiny));
    return tiny * 0x1p119f;
}
