/*
 * unpack_bytes - the unpack function of every type, 32 bytes at once.
 *
 * Written once for all instruction sets: a file that includes one of the bytes_*.h and then this
 * gets them all as static functions, and hands them out as a table. kernel/ref/ has the same by
 * other means, value by value.
 *
 * Threads: any; no state.
 */
#pragma once

#include "kernel/code_books.h"
#include "kernel/q4_k_scales.h"
#include "kernel/unpack.h"
#include "tensor/block_formats.h"
#include "tensor/float8.h"

#include <string.h>

#define UNPACK_BYTES_LOW4 UINT64_C(0x0f0f0f0f0f0f0f0f)
#define UNPACK_BYTES_ONES UINT64_C(0x0101010101010101)

/* ---------------------------------------------------------------- a scale for each 32 */

static void unpack_bytes_q4_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        bytes_store(&out->q[b * 32], bytes_sub(bytes_nibbles(w[b].q), bytes_all(8)));
    }
}

static void unpack_bytes_q4_1(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_1 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        bytes_store(&out->q[b * 32], bytes_nibbles(w[b].q));
    }
}

/* Nibbles with a fifth bit. */
TEMPLATE bytes unpack_bytes_five(const uint8_t nibbles[16], const uint8_t high[4])
{
    uint32_t bits = 0;
    memcpy(&bits, high, sizeof(bits));
    return bytes_or(bytes_nibbles(nibbles), bytes_and(bytes_mask(bits), bytes_all(16)));
}

static void unpack_bytes_q5_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const bytes five = unpack_bytes_five(w[b].q, w[b].high);
        out->scale[b] = bytes_half(w[b].scale);
        bytes_store(&out->q[b * 32], bytes_sub(five, bytes_all(16)));
    }
}

static void unpack_bytes_q5_1(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_1 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        bytes_store(&out->q[b * 32], unpack_bytes_five(w[b].q, w[b].high));
    }
}

static void unpack_bytes_q8_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q8_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        bytes_store(&out->q[b * 32], bytes_load(w[b].q));
    }
}

static void unpack_bytes_iq4_nl(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq4_nl *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        bytes_store(&out->q[b * 32], bytes_lookup(code_books_iq4, bytes_nibbles(w[b].q)));
    }
}

static void unpack_bytes_mxfp4(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_mxfp4 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = float8_e8m0_half(w[b].exponent);
        bytes_store(&out->q[b * 32], bytes_lookup(code_books_fp4, bytes_nibbles(w[b].q)));
    }
}

static void unpack_bytes_nvfp4(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_nvfp4 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        for (size_t s = 0; s < 4; s++)
            out->scale[b * 4 + s] = float8_ue4m3_half(w[b].scale[s]);
        for (size_t two = 0; two < 2; two++) {
            const bytes nibbles = bytes_swap_middle(bytes_nibbles(&w[b].q[two * 16]));
            bytes_store(&out->q[b * 64 + two * 32], bytes_lookup(code_books_fp4, nibbles));
        }
    }
}

static void unpack_bytes_q1_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q1_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++)
        for (size_t s = 0; s < 4; s++) {
            uint32_t bits = 0;
            memcpy(&bits, &w[b].q[s * 4], sizeof(bits));
            const bytes mask = bytes_mask(bits); /* 0 or -1 */
            out->scale[b * 4 + s] = bytes_half(w[b].scale);
            bytes_store(&out->q[b * 128 + s * 32], bytes_sub(bytes_all(-1), bytes_add(mask, mask)));
        }
}

/* Eight pairs of bits apart, to a byte each. */
TEMPLATE uint64_t unpack_bytes_pairs(uint16_t packed)
{
    uint64_t pairs = packed;
    pairs = (pairs | pairs << 24) & 0x000000ff000000ff;
    pairs = (pairs | pairs << 12) & 0x000f000f000f000f;
    return (pairs | pairs << 6) & 0x0303030303030303;
}

static void unpack_bytes_q2_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q2_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++)
        for (size_t s = 0; s < 2; s++) {
            uint16_t packed[4];
            uint64_t eights[4];
            memcpy(packed, &w[b].q[s * 8], sizeof(packed));
            for (size_t i = 0; i < 4; i++)
                eights[i] = unpack_bytes_pairs(packed[i]);
            out->scale[b * 2 + s] = bytes_half(w[b].scale);
            bytes_store(&out->q[b * 64 + s * 32], bytes_sub(bytes_load(eights), bytes_all(1)));
        }
}

/* ---------------------------------------------------------------- a scale for each 256 */

TEMPLATE void unpack_bytes_q4_k_scales(const uint8_t packed[12], struct unpacked *out, size_t b)
{
    const struct q4_k_scales sub = q4_k_scales_unpack(packed);
    uint64_t scale = 0;
    uint64_t min = 0;
    memcpy(&scale, sub.scale, sizeof(scale));
    memcpy(&min, sub.min, sizeof(min));
    bytes_widen(scale, &out->sub_scale[b * 8]);
    bytes_widen(min, &out->sub_min[b * 8]);
}

static void unpack_bytes_q4_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        unpack_bytes_q4_k_scales(w[b].sub_scales, out, b);
        int8_t *q = &out->q[b * 256];
        UNROLL_FOR (size_t c = 0; c < 4; c++) {
            const bytes packed = bytes_load(&w[b].q[32 * c]);
            bytes_store(q + 64 * c, bytes_field(packed, 0, 4));
            bytes_store(q + 64 * c + 32, bytes_field(packed, 4, 4));
        }
    }
}

static void unpack_bytes_q6_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q6_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        UNROLL_FOR (size_t eight = 0; eight < 16; eight += 8) {
            uint64_t scales = 0;
            memcpy(&scales, &w[b].sub_scales[eight], sizeof(scales));
            bytes_widen(scales, &out->sub_scale[b * 16 + eight]);
        }
        UNROLL_FOR (int quarter = 0; quarter < 8; quarter++) {
            const int half = quarter / 4;
            const bytes low = bytes_load(&w[b].q_low[64 * half + 32 * (quarter % 2)]);
            const bytes high = bytes_load(&w[b].q_high[32 * half]);
            const bytes top = bytes_field(high, 2 * (quarter % 4), 2);
            const bytes bottom = bytes_field(low, quarter % 4 < 2 ? 0 : 4, 4);
            const bytes six = bytes_or(bottom, bytes_left(top, 4));
            bytes_store(&out->q[b * 256 + 32 * (size_t)quarter], bytes_sub(six, bytes_all(32)));
        }
    }
}

static void unpack_bytes_q2_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q2_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        UNROLL_FOR (size_t eight = 0; eight < 16; eight += 8) {
            uint64_t packed = 0;
            memcpy(&packed, &w[b].sub_scales[eight], sizeof(packed));
            bytes_widen(packed & UNPACK_BYTES_LOW4, &out->sub_scale[b * 16 + eight]);
            bytes_widen(packed >> 4 & UNPACK_BYTES_LOW4, &out->sub_min[b * 16 + eight]);
        }
        UNROLL_FOR (int part = 0; part < 8; part++) {
            const bytes packed = bytes_load(&w[b].q[32 * (part / 4)]);
            bytes_store(&out->q[b * 256 + 32 * (size_t)part],
                        bytes_field(packed, 2 * (part % 4), 2));
        }
    }
}

/* The sixteen 6-bit numbers of a Q3_K block, four at a time: bytes of a word do not mix. */
TEMPLATE void unpack_bytes_q3_k_scales(const uint8_t packed[12], int16_t out[16])
{
    uint32_t word[3];
    memcpy(word, packed, sizeof(word));
    UNROLL_FOR (int half = 0; half < 2; half++) {
        const int low = 4 * half; /* sub-blocks 8 half + 0..3, then + 4..7 */
        const uint32_t first = (word[0] >> low & 0x0f0f0f0f) | (word[2] >> low & 0x03030303) << 4;
        const uint32_t second = (word[1] >> low & 0x0f0f0f0f) | (word[2] >> (low + 2) & 0x03030303)
                                                                    << 4;
        bytes_widen(first | (uint64_t)second << 32, &out[8 * half]);
    }
    for (int s = 0; s < 16; s++)
        out[s] = (int16_t)(out[s] - 32);
}

static void unpack_bytes_q3_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q3_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const bytes high = bytes_load(w[b].high);
        out->scale[b] = bytes_half(w[b].scale);
        unpack_bytes_q3_k_scales(w[b].sub_scales, &out->sub_scale[b * 16]);
        UNROLL_FOR (int part = 0; part < 8; part++) {
            const bytes packed = bytes_load(&w[b].q[32 * (part / 4)]);
            const bytes low = bytes_field(packed, 2 * (part % 4), 2);
            const bytes three = bytes_or(low, bytes_left(bytes_field(high, part, 1), 2));
            bytes_store(&out->q[b * 256 + 32 * (size_t)part], bytes_sub(three, bytes_all(4)));
        }
    }
}

static void unpack_bytes_q5_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const bytes high = bytes_load(w[b].high);
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        unpack_bytes_q4_k_scales(w[b].sub_scales, out, b);
        UNROLL_FOR (int part = 0; part < 8; part++) {
            const bytes packed = bytes_load(&w[b].q[32 * (part / 2)]);
            const bytes low = bytes_field(packed, part % 2 * 4, 4);
            const bytes five = bytes_or(low, bytes_left(bytes_field(high, part, 1), 4));
            bytes_store(&out->q[b * 256 + 32 * (size_t)part], five);
        }
    }
}

static void unpack_bytes_iq4_xs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq4_xs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        uint32_t packed = 0;
        memcpy(&packed, w[b].scales_low, sizeof(packed));
        uint64_t low = packed; /* nibbles apart, to a byte each */
        low = (low | low << 16) & 0x0000ffff0000ffff;
        low = (low | low << 8) & 0x00ff00ff00ff00ff;
        low = (low | low << 4) & UNPACK_BYTES_LOW4;
        const uint64_t high = unpack_bytes_pairs(w[b].scales_high);
        int16_t *sub_scale = &out->sub_scale[b * 8];
        bytes_widen(low | high << 4, sub_scale);
        for (int s = 0; s < 8; s++)
            sub_scale[s] = (int16_t)(sub_scale[s] - 32);
        UNROLL_FOR (size_t s = 0; s < 8; s++)
            bytes_store(&out->q[b * 256 + 32 * s],
                        bytes_lookup(code_books_iq4, bytes_nibbles(&w[b].q[16 * s])));
    }
}

/* ---------------------------------------------------------------- ternary */

/* The highest digit base 3 of bytes below 1, less one: whether they reach 1/3 and 2/3 of 256. */
TEMPLATE bytes unpack_bytes_digit(bytes x)
{
    const bytes reached = bytes_add(bytes_at_least(x, 86), bytes_at_least(x, 171));
    return bytes_sub(bytes_all(-1), reached); /* a mask is -1 */
}

TEMPLATE bytes unpack_bytes_thrice(bytes x)
{
    return bytes_add(x, bytes_add(x, x));
}

static void unpack_bytes_tq1_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_tq1_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 256];
        out->scale[b] = bytes_half(w[b].scale);
        bytes_widen(UNPACK_BYTES_ONES, &out->sub_scale[b * 8]);
        bytes x = bytes_load(w[b].q);
        bytes y = bytes_twice(w[b].q + 32);
        UNROLL_FOR (size_t n = 0; n < 5; n++) {
            bytes_store(q + 32 * n, unpack_bytes_digit(x));
            bytes_store_half(q + 160 + 16 * n, unpack_bytes_digit(y));
            x = unpack_bytes_thrice(x);
            y = unpack_bytes_thrice(y);
        }
        uint8_t rest[16];
        memcpy(rest, w[b].rest, 4);
        for (size_t i = 4; i < 16; i++)
            rest[i] = (uint8_t)(rest[i - 4] * 3);
        bytes_store_half(q + 240, unpack_bytes_digit(bytes_twice(rest)));
    }
}

static void unpack_bytes_tq2_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_tq2_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        bytes_widen(UNPACK_BYTES_ONES, &out->sub_scale[b * 8]);
        UNROLL_FOR (int part = 0; part < 8; part++) {
            const bytes packed = bytes_load(&w[b].q[32 * (part / 4)]);
            bytes_store(&out->q[b * 256 + 32 * (size_t)part],
                        bytes_sub(bytes_field(packed, 2 * (part % 4), 2), bytes_all(1)));
        }
    }
}

/* ---------------------------------------------------------------- code books */

/* Four entries of 8 bytes, negative where their bit of `signs` is set, at `q`. */
TEMPLATE void unpack_bytes_put(int8_t *q, const uint64_t entries[4], uint32_t signs)
{
    const bytes mask = bytes_mask(signs);
    bytes_store(q, bytes_sub(bytes_xor(bytes_load(entries), mask), mask));
}

/* Four sign indices of 7 bits, a byte each, to sign bytes: the top bit makes the number even. */
TEMPLATE uint32_t unpack_bytes_signs(uint32_t indices)
{
    uint32_t parity = indices ^ (indices >> 4 & 0x0f0f0f0f);
    parity ^= parity >> 2 & 0x03030303;
    parity ^= parity >> 1 & 0x01010101;
    return indices | (parity & 0x01010101) << 7;
}

/* Four numbers of 7 bits, one after another, to a byte each. */
TEMPLATE uint32_t unpack_bytes_sevens(uint32_t packed)
{
    return (packed & 0x7f) | (packed << 1 & 0x7f00) | (packed << 2 & 0x7f0000) |
           (packed << 3 & 0x7f000000);
}

TEMPLATE uint32_t unpack_bytes_u32(const void *from)
{
    uint32_t word = 0;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* 2 n + 1 of `count` nibbles n. */
TEMPLATE void unpack_bytes_odd(const uint8_t *packed, size_t count, int16_t *out)
{
    for (size_t s = 0; s < count; s += 2) {
        out[s] = (int16_t)((packed[s / 2] & 15) * 2 + 1);
        out[s + 1] = (int16_t)((packed[s / 2] >> 4) * 2 + 1);
    }
}

static void unpack_bytes_iq2_xxs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_xxs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale) * 0.125f;
        for (size_t s = 0; s < 8; s++) {
            const uint8_t *index = &w[b].q[s * 8];
            const uint32_t rest = unpack_bytes_u32(index + 4);
            uint64_t entries[4];
            for (size_t k = 0; k < 4; k++)
                entries[k] = code_books_iq2_xxs[index[k]];
            unpack_bytes_put(&out->q[b * 256 + s * 32], entries,
                             unpack_bytes_signs(unpack_bytes_sevens(rest)));
            out->sub_scale[b * 8 + s] = (int16_t)((rest >> 28) * 2 + 1);
        }
    }
}

static void unpack_bytes_iq2_xs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_xs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale) * 0.125f;
        unpack_bytes_odd(w[b].sub_scales, 16, &out->sub_scale[b * 16]);
        for (size_t part = 0; part < 8; part++) {
            uint64_t entries[4];
            uint32_t signs = 0;
            for (size_t k = 0; k < 4; k++) {
                const uint32_t word = w[b].q[part * 4 + k];
                entries[k] = code_books_iq2_xs[word & 511];
                signs |= word >> 9 << 8 * k;
            }
            unpack_bytes_put(&out->q[b * 256 + part * 32], entries, unpack_bytes_signs(signs));
        }
    }
}

static void unpack_bytes_iq2_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq2_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale) * 0.125f;
        unpack_bytes_odd(w[b].sub_scales, 16, &out->sub_scale[b * 16]);
        for (size_t part = 0; part < 8; part++) {
            const uint32_t high = w[b].high[part];
            uint64_t entries[4];
            for (size_t k = 0; k < 4; k++)
                entries[k] = code_books_iq2_s[w[b].q[part * 4 + k] | (high << (8 - 2 * k) & 0x300)];
            unpack_bytes_put(&out->q[b * 256 + part * 32], entries,
                             unpack_bytes_u32(&w[b].signs[part * 4]));
        }
    }
}

static void unpack_bytes_iq3_xxs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq3_xxs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale) * 0.25f;
        for (size_t s = 0; s < 8; s++) {
            const uint8_t *index = &w[b].q[s * 8];
            const uint32_t rest = unpack_bytes_u32(&w[b].signs_scales[s * 4]);
            uint64_t entries[4];
            for (size_t k = 0; k < 4; k++)
                entries[k] = code_books_iq3_xxs[index[2 * k]] |
                             (uint64_t)code_books_iq3_xxs[index[2 * k + 1]] << 32;
            unpack_bytes_put(&out->q[b * 256 + s * 32], entries,
                             unpack_bytes_signs(unpack_bytes_sevens(rest)));
            out->sub_scale[b * 8 + s] = (int16_t)((rest >> 28) * 2 + 1);
        }
    }
}

static void unpack_bytes_iq3_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq3_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale);
        unpack_bytes_odd(w[b].sub_scales, 8, &out->sub_scale[b * 8]);
        for (size_t s = 0; s < 8; s++) {
            const uint8_t *index = &w[b].q[s * 8];
            const uint32_t high = w[b].high[s];
            uint64_t entries[4];
            for (size_t k = 0; k < 4; k++) {
                const uint64_t first =
                    code_books_iq3_s[index[2 * k] | (high << (8 - 2 * k) & 0x100)];
                const uint64_t second =
                    code_books_iq3_s[index[2 * k + 1] | (high << (7 - 2 * k) & 0x100)];
                entries[k] = first | second << 32;
            }
            unpack_bytes_put(&out->q[b * 256 + s * 32], entries,
                             unpack_bytes_u32(&w[b].signs[s * 4]));
        }
    }
}

/* Eighths: four entries of -1, 0, 1, and `delta` of 1 or -1 in each byte. */
TEMPLATE void unpack_bytes_eighths(int8_t *q, const uint64_t entries[4], bytes delta)
{
    bytes x = bytes_load(entries);
    x = bytes_add(x, x);
    x = bytes_add(x, x);
    bytes_store(q, bytes_add(bytes_add(x, x), delta));
}

static void unpack_bytes_iq1_s(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq1_s *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = bytes_half(w[b].scale) * 0.125f;
        for (size_t s = 0; s < 8; s++) {
            const uint32_t high = w[b].high[s];
            uint64_t entries[4];
            for (size_t k = 0; k < 4; k++)
                entries[k] = code_books_iq1[w[b].q[s * 4 + k] | (high >> 3 * k & 7) << 8];
            unpack_bytes_eighths(&out->q[b * 256 + s * 32], entries,
                                 bytes_all(high >> 15 ? -1 : 1));
            out->sub_scale[b * 8 + s] = (int16_t)((high >> 12 & 7) * 2 + 1);
        }
    }
}

static void unpack_bytes_iq1_m(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq1_m *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        uint32_t scale = 0;
        for (size_t word = 0; word < 4; word++)
            scale |= (w[b].scales[word] & 0xf000u) >> (12 - 4 * word);
        out->scale[b] = bytes_half((uint16_t)scale) * 0.125f;
        for (size_t s = 0; s < 16; s++)
            out->sub_scale[b * 16 + s] = (int16_t)((w[b].scales[s / 4] >> s % 4 * 3 & 7) * 2 + 1);
        for (size_t part = 0; part < 8; part++) {
            const uint32_t high = (uint32_t)(w[b].high[2 * part] | w[b].high[2 * part + 1] << 8);
            uint64_t entries[4];
            uint64_t deltas[4];
            for (size_t k = 0; k < 4; k++) {
                const uint32_t nibble = high >> 4 * k;
                entries[k] = code_books_iq1[w[b].q[part * 4 + k] | (nibble & 7) << 8];
                deltas[k] = nibble & 8 ? ~UINT64_C(0) : UNPACK_BYTES_ONES;
            }
            unpack_bytes_eighths(&out->q[b * 256 + part * 32], entries, bytes_load(deltas));
        }
    }
}
