/*
 * unpack32_ref - the types with a float scale for each 32 (or 16) values; see unpack.h and
 * tensor/block_formats.h.
 *
 * Threads: any; no state.
 */
#include "kernel/code_books.h"
#include "kernel/unpack.h"
#include "tensor/block_formats.h"
#include "tensor/float8.h"
#include "tensor/half.h"

#include <string.h>

enum { HALF = 16 }; /* byte j has value j in its low nibble and j + 16 in the high one */

/* Bit `index` of the little endian number in `bytes`, as 16 or 0. */
static int fifth_bit(const uint8_t *bytes, int index)
{
    return bytes[index / 8] >> index % 8 & 1 ? 16 : 0;
}

void unpack_ref_q4_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = half_to_float(w[b].scale);
        for (int j = 0; j < HALF; j++) {
            q[j] = (int8_t)((w[b].q[j] & 15) - 8);
            q[j + HALF] = (int8_t)((w[b].q[j] >> 4) - 8);
        }
    }
}

void unpack_ref_q4_1(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_1 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = half_to_float(w[b].scale);
        out->min[b] = half_to_float(w[b].min);
        for (int j = 0; j < HALF; j++) {
            q[j] = (int8_t)(w[b].q[j] & 15);
            q[j + HALF] = (int8_t)(w[b].q[j] >> 4);
        }
    }
}

void unpack_ref_q5_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = half_to_float(w[b].scale);
        for (int j = 0; j < HALF; j++) {
            q[j] = (int8_t)(((w[b].q[j] & 15) | fifth_bit(w[b].high, j)) - 16);
            q[j + HALF] = (int8_t)((w[b].q[j] >> 4 | fifth_bit(w[b].high, j + HALF)) - 16);
        }
    }
}

void unpack_ref_q5_1(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q5_1 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = half_to_float(w[b].scale);
        out->min[b] = half_to_float(w[b].min);
        for (int j = 0; j < HALF; j++) {
            q[j] = (int8_t)((w[b].q[j] & 15) | fifth_bit(w[b].high, j));
            q[j + HALF] = (int8_t)(w[b].q[j] >> 4 | fifth_bit(w[b].high, j + HALF));
        }
    }
}

void unpack_ref_q8_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q8_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        out->scale[b] = half_to_float(w[b].scale);
        memcpy(&out->q[b * 32], w[b].q, 32);
    }
}

void unpack_ref_iq4_nl(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_iq4_nl *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = half_to_float(w[b].scale);
        for (int j = 0; j < HALF; j++) {
            q[j] = code_books_iq4[w[b].q[j] & 15];
            q[j + HALF] = code_books_iq4[w[b].q[j] >> 4];
        }
    }
}

void unpack_ref_mxfp4(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_mxfp4 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        int8_t *q = &out->q[b * 32];
        out->scale[b] = float8_e8m0_half(w[b].exponent);
        for (int j = 0; j < HALF; j++) {
            q[j] = code_books_fp4[w[b].q[j] & 15];
            q[j + HALF] = code_books_fp4[w[b].q[j] >> 4];
        }
    }
}

void unpack_ref_nvfp4(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_nvfp4 *w = blocks;
    for (size_t b = 0; b < block_count; b++)
        for (size_t s = 0; s < 4; s++) {
            int8_t *q = &out->q[b * 64 + s * 16];
            out->scale[b * 4 + s] = float8_ue4m3_half(w[b].scale[s]);
            for (int j = 0; j < 8; j++) {
                q[j] = code_books_fp4[w[b].q[s * 8 + (size_t)j] & 15];
                q[j + 8] = code_books_fp4[w[b].q[s * 8 + (size_t)j] >> 4];
            }
        }
}

/* ---------------------------------------------------------------- larger blocks, one scale */

void unpack_ref_q1_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q1_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        for (size_t s = 0; s < Q1_0_BLOCK_LEN / 32; s++)
            out->scale[b * (Q1_0_BLOCK_LEN / 32) + s] = half_to_float(w[b].scale);
        for (size_t i = 0; i < Q1_0_BLOCK_LEN; i++)
            out->q[b * Q1_0_BLOCK_LEN + i] = w[b].q[i / 8] >> i % 8 & 1 ? 1 : -1;
    }
}

void unpack_ref_q2_0(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q2_0 *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        for (size_t s = 0; s < Q2_0_BLOCK_LEN / 32; s++)
            out->scale[b * (Q2_0_BLOCK_LEN / 32) + s] = half_to_float(w[b].scale);
        for (size_t i = 0; i < Q2_0_BLOCK_LEN; i++)
            out->q[b * Q2_0_BLOCK_LEN + i] = (int8_t)((w[b].q[i / 4] >> i % 4 * 2 & 3) - 1);
    }
}
