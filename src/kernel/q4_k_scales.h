/*
 * q4_k_scales - the eight 6-bit scales and mins of a Q4_K block, unpacked (models.md 7.2).
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stdint.h>
#include <string.h>

struct q4_k_scales {
    uint8_t scale[8];
    uint8_t min[8];
};

/* Four at a time: the bytes of a word are independent, so masks and shifts do not mix them. */
static inline struct q4_k_scales q4_k_scales_unpack(const uint8_t packed[12])
{
    uint32_t word[3];
    memcpy(word, packed, sizeof(word));
    const uint32_t scale_low = word[0] & 0x3f3f3f3fu;
    const uint32_t min_low = word[1] & 0x3f3f3f3fu;
    const uint32_t scale_high = (word[2] & 0x0f0f0f0fu) | ((word[0] >> 2) & 0x30303030u);
    const uint32_t min_high = ((word[2] >> 4) & 0x0f0f0f0fu) | ((word[1] >> 2) & 0x30303030u);
    struct q4_k_scales out;
    memcpy(&out.scale[0], &scale_low, 4);
    memcpy(&out.scale[4], &scale_high, 4);
    memcpy(&out.min[0], &min_low, 4);
    memcpy(&out.min[4], &min_high, 4);
    return out;
}
