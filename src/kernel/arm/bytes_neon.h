/*
 * bytes_neon - 32 bytes at once: what unpack_bytes.h is written with.
 *
 * Only for files built for NEON. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef uint8x16x2_t bytes;

TEMPLATE bytes bytes_load(const void *from)
{
    const uint8_t *at = from;
    return (bytes){{vld1q_u8(at), vld1q_u8(at + 16)}};
}

TEMPLATE void bytes_store(void *to, bytes x)
{
    uint8_t *at = to;
    vst1q_u8(at, x.val[0]);
    vst1q_u8(at + 16, x.val[1]);
}

/* The first 16 bytes. */
TEMPLATE void bytes_store_half(void *to, bytes x)
{
    vst1q_u8(to, x.val[0]);
}

/* 16 bytes, twice. */
TEMPLATE bytes bytes_twice(const uint8_t from[16])
{
    const uint8x16_t half = vld1q_u8(from);
    return (bytes){{half, half}};
}

/* Eight signed bytes of a number as words. */
TEMPLATE void bytes_widen(uint64_t eight, int16_t to[8])
{
    vst1q_s16(to, vmovl_s8(vcreate_s8(eight)));
}

TEMPLATE bytes bytes_all(int value)
{
    const uint8x16_t half = vdupq_n_u8((uint8_t)value);
    return (bytes){{half, half}};
}

TEMPLATE bytes bytes_and(bytes x, bytes y)
{
    return (bytes){{vandq_u8(x.val[0], y.val[0]), vandq_u8(x.val[1], y.val[1])}};
}

TEMPLATE bytes bytes_or(bytes x, bytes y)
{
    return (bytes){{vorrq_u8(x.val[0], y.val[0]), vorrq_u8(x.val[1], y.val[1])}};
}

TEMPLATE bytes bytes_xor(bytes x, bytes y)
{
    return (bytes){{veorq_u8(x.val[0], y.val[0]), veorq_u8(x.val[1], y.val[1])}};
}

TEMPLATE bytes bytes_add(bytes x, bytes y)
{
    return (bytes){{vaddq_u8(x.val[0], y.val[0]), vaddq_u8(x.val[1], y.val[1])}};
}

TEMPLATE bytes bytes_sub(bytes x, bytes y)
{
    return (bytes){{vsubq_u8(x.val[0], y.val[0]), vsubq_u8(x.val[1], y.val[1])}};
}

/* All bits where an unsigned byte is at least `value`. */
TEMPLATE bytes bytes_at_least(bytes x, int value)
{
    const uint8x16_t least = vdupq_n_u8((uint8_t)value);
    return (bytes){{vcgeq_u8(x.val[0], least), vcgeq_u8(x.val[1], least)}};
}

/* Shifted left; no bit may leave its byte. */
TEMPLATE bytes bytes_left(bytes x, int count)
{
    const int8x16_t shift = vdupq_n_s8((int8_t)count);
    return (bytes){{vshlq_u8(x.val[0], shift), vshlq_u8(x.val[1], shift)}};
}

/* Bits [from, from + count) of each byte, from bit 0 on. */
TEMPLATE bytes bytes_field(bytes x, int from, int count)
{
    return bytes_and(bytes_left(x, -from), bytes_all((1 << count) - 1));
}

/* 16 bytes: their low nibbles, then their high ones. */
TEMPLATE bytes bytes_nibbles(const uint8_t from[16])
{
    const uint8x16_t packed = vld1q_u8(from);
    return (bytes){{vandq_u8(packed, vdupq_n_u8(15)), vshrq_n_u8(packed, 4)}};
}

/* table[x[i]], x[i] < 16. */
TEMPLATE bytes bytes_lookup(const int8_t table[16], bytes x)
{
    const uint8x16_t values = vreinterpretq_u8_s8(vld1q_s8(table));
    return (bytes){{vqtbl1q_u8(values, x.val[0]), vqtbl1q_u8(values, x.val[1])}};
}

/* All bits of byte i where bit i is set. */
TEMPLATE bytes bytes_mask(uint32_t bits)
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    const uint8x16_t four = vreinterpretq_u8_u32(vdupq_n_u32(bits));
    const uint8x16_t first = vcombine_u8(vdup_n_u8(0), vdup_n_u8(1));
    const uint8x16_t second = vcombine_u8(vdup_n_u8(2), vdup_n_u8(3));
    return (bytes){
        {vtstq_u8(vqtbl1q_u8(four, first), bit), vtstq_u8(vqtbl1q_u8(four, second), bit)}};
}

/* Eights of bytes 0, 2, 1, 3. */
TEMPLATE bytes bytes_swap_middle(bytes x)
{
    const uint64x2_t low = vreinterpretq_u64_u8(x.val[0]);
    const uint64x2_t high = vreinterpretq_u64_u8(x.val[1]);
    return (bytes){
        {vreinterpretq_u8_u64(vzip1q_u64(low, high)), vreinterpretq_u8_u64(vzip2q_u64(low, high))}};
}

TEMPLATE float bytes_half(uint16_t half)
{
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}
