/*
 * unpack256_ref - the types with whole-number scales of sub-blocks and a float scale for each 256
 * values; see unpack.h and tensor/block_formats.h.
 *
 * Threads: any; no state.
 */
#include "kernel/code_books.h"
#include "kernel/q4_k_scales.h"
#include "kernel/unpack.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <string.h>

enum { LEN = QK_BLOCK_LEN };

void unpack_ref_q4_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const struct q4_k_scales sub = q4_k_scales_unpack(w[b].sub_scales);
        out->scale[b] = half_to_float(w[b].scale);
        out->min[b] = half_to_float(w[b].min);
        for (size_t s = 0; s < 8; s++) {
            out->sub_scale[b * 8 + s] = sub.scale[s];
            out->sub_min[b * 8 + s] = sub.min[s];
            for (size_t i = 0; i < 32; i++)
                out->q[b * LEN + s * 32 + i] =
                    (int8_t)(w[b].q[s / 2 * 32 + i] >> (s % 2 ? 4 : 0) & 15);
        }
    }
}

void unpack_ref_q6_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q6_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        for (size_t s = 0; s < 16; s++)
            out->sub_scale[b * 16 + s] = w[b].sub_scales[s];
        for (size_t i = 0; i < LEN; i++) {
            const size_t half = i / 128;
            const size_t quarter = i / 32 % 4;
            const uint8_t low = w[b].q_low[64 * half + 32 * (quarter % 2) + i % 32];
            const uint8_t high = w[b].q_high[32 * half + i % 32];
            const int bits = (low >> (quarter < 2 ? 0 : 4) & 15) | (high >> 2 * quarter & 3) << 4;
            out->q[b * LEN + i] = (int8_t)(bits - 32);
        }
    }
}

/* ---------------------------------------------------------------- two bits and more */

/* Bits of value i as Q2_K has them. */
static int two_bits(const uint8_t *q, size_t i)
{
    return q[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3;
}

void unpack_ref_q2_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q2_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        out->min[b] = half_to_float(w[b].min);
        for (size_t s = 0; s < 16; s++) {
            out->sub_scale[b * 16 + s] = w[b].sub_scales[s] & 15;
            out->sub_min[b * 16 + s] = w[b].sub_scales[s] >> 4;
        }
        for (size_t i = 0; i < LEN; i++)
            out->q[b * LEN + i] = (int8_t)two_bits(w[b].q, i);
    }
}

void unpack_ref_q3_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q3_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const uint8_t *packed = w[b].sub_scales;
        out->scale[b] = half_to_float(w[b].scale);
        for (size_t s = 0; s < 16; s++) {
            const int low = s < 8 ? packed[s] & 15 : packed[s - 8] >> 4;
            const int high = packed[8 + s % 4] >> s / 4 * 2 & 3;
            out->sub_scale[b * 16 + s] = (int16_t)((low | high << 4) - 32);
        }
        for (size_t i = 0; i < LEN; i++) {
            const int high = w[b].high[i % 32] >> i / 32 & 1;
            out->q[b * LEN + i] = (int8_t)(two_bits(w[b].q, i) + 4 * high - 4);
        }
    }
}

void unpack_ref_q5_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const struct q4_k_scales sub = q4_k_scales_unpack(w[b].sub_scales);
        out->scale[b] = half_to_float(w[b].scale);
        out->min[b] = half_to_float(w[b].min);
        for (size_t s = 0; s < 8; s++) {
            out->sub_scale[b * 8 + s] = sub.scale[s];
            out->sub_min[b * 8 + s] = sub.min[s];
            for (size_t i = 0; i < 32; i++) {
                const int low = w[b].q[s / 2 * 32 + i] >> (s % 2 ? 4 : 0) & 15;
                const int high = w[b].high[i] >> s & 1;
                out->q[b * LEN + s * 32 + i] = (int8_t)(low | high << 4);
            }
        }
    }
}

void unpack_ref_iq4_xs(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq4_xs *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        for (size_t s = 0; s < 8; s++) {
            const int low = w[b].scales_low[s / 2] >> s % 2 * 4 & 15;
            const int high = w[b].scales_high >> s * 2 & 3;
            out->sub_scale[b * 8 + s] = (int16_t)((low | high << 4) - 32);
            for (size_t i = 0; i < 32; i++) {
                const uint8_t byte = w[b].q[s * 16 + i % 16];
                out->q[b * LEN + s * 32 + i] = code_books_iq4[i < 16 ? byte & 15 : byte >> 4];
            }
        }
    }
}

/* ---------------------------------------------------------------- ternary */

static void set_sub_scales_to_one(int16_t *sub_scale)
{
    for (size_t s = 0; s < 8; s++)
        sub_scale[s] = 1;
}

/* Digit n of a byte, base 3, as -1, 0 or 1. */
static int8_t digit(uint8_t byte, size_t n)
{
    static const uint8_t powers[] = {1, 3, 9, 27, 81};
    const uint8_t shifted = (uint8_t)(byte * powers[n]);
    return (int8_t)((shifted * 3 >> 8) - 1);
}

void unpack_ref_tq1_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_tq1_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * LEN];
        out->scale[b] = half_to_float(w[b].scale);
        set_sub_scales_to_one(&out->sub_scale[b * 8]);
        for (size_t i = 0; i < 160; i++)
            q[i] = digit(w[b].q[i % 32], i / 32);
        for (size_t i = 0; i < 80; i++)
            q[160 + i] = digit(w[b].q[32 + i % 16], i / 16);
        for (size_t i = 0; i < 16; i++)
            q[240 + i] = digit(w[b].rest[i % 4], i / 4);
    }
}

void unpack_ref_tq2_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_tq2_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        set_sub_scales_to_one(&out->sub_scale[b * 8]);
        for (size_t i = 0; i < LEN; i++)
            out->q[b * LEN + i] = (int8_t)(two_bits(w[b].q, i) - 1);
    }
}
