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

/* ---------------------------------------------------------------- a scale for each 256 */

static void unpack_bytes_q4_k(const void *blocks, size_t block_count, struct unpacked *out)
{
    const struct block_q4_k *w = blocks;
    for (size_t b = 0; b < block_count; b++) {
        const struct q4_k_scales sub = q4_k_scales_unpack(w[b].sub_scales);
        out->scale[b] = bytes_half(w[b].scale);
        out->min[b] = bytes_half(w[b].min);
        for (size_t s = 0; s < 8; s++) {
            out->sub_scale[b * 8 + s] = sub.scale[s];
            out->sub_min[b * 8 + s] = sub.min[s];
        }
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
        for (size_t s = 0; s < 16; s++)
            out->sub_scale[b * 16 + s] = w[b].sub_scales[s];
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
