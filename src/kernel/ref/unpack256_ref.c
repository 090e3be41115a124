/*
 * unpack256_ref - the types with whole-number scales of sub-blocks and a float scale for each 256
 * values; see unpack.h and tensor/block_formats.h.
 *
 * Threads: any; no state.
 */
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
