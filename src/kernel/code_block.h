/*
 * code_block - what surrounds the choice of symbols when a piece of 64 vectors is coded: the mean,
 * the integer targets, the scales. One source for all instruction sets; the file that includes it
 * defines code_block_load() before, and chooses the symbols.
 *
 *   mean    m[i] = (x[0][i] + x[1][i] + ... in order of tokens) / 64, kept as int8 of the largest
 *           magnitude / 127; r = fma(-int8, mean_scale, x); without a mean r = x
 *   target  v = r * (G * sqrt(dim / |r|^2)) cut to [-127, 127], to the nearest even integer,
 *           G = 127 / format.deviations; all 0 where |r|^2 < 1e-30
 *   scale   with a mean |r|^2 / <r, table values> (0 if that is not above 0), without one
 *           sqrt(|r|^2 / dim) / G; as half of KV_CODE_SCALE times that, at most 65504
 *
 * Sums over a vector put number i into lane i mod 16 by fma, then the tree of lanes.h. A block with
 * a NaN or infinity has only zero symbols and the scales NaN.
 *
 * Threads: any.
 */
#pragma once

#include "kernel/kv_code.h"
#include "kernel/lanes.h"
#include "tensor/half.h"

#include <math.h>
#include <string.h>

#define CODE_BLOCK_SMALLEST 1e-30f

/* One piece of 64 vectors on its way. */
struct code_block {
    const struct kv_code_format *format;
    const uint16_t *rows; /* [64], row_stride halfs apart */
    size_t row_stride;
    size_t dim;
    bool is_value;
    unsigned char *chains;
    struct kv_code_tail tail;
    float squares[KV_CODE_TOKENS]; /* |r|^2 */
    float mean[KV_CODE_PIECE_MAX]; /* int8 numbers */
    float mean_scale;
    int8_t v[KV_CODE_TOKENS * KV_CODE_PIECE_MAX]; /* [64][dim]: targets, then table values */
};

static inline float code_block_product(const float *a, const float *b, size_t n)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] = fmaf(a[i + j], b[i + j], lane[j]);
    return lanes_sum(lane);
}

/* To the nearest even integer, |x| < 2^22. */
static inline int code_block_round(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23 */
    const float z = x + magic;
    int32_t bits = 0;
    memcpy(&bits, &z, sizeof(bits));
    return bits - 0x4b400000;
}

static inline bool code_block_is_finite(const struct code_block *b)
{
    unsigned broken = 0;
    for (size_t t = 0; t < KV_CODE_TOKENS; t++)
        for (size_t i = 0; i < b->dim; i++)
            broken |= (b->rows[t * b->row_stride + i] & 0x7c00u) == 0x7c00u;
    return broken == 0;
}

static inline void code_block_find_mean(struct code_block *b)
{
    float row[KV_CODE_PIECE_MAX];
    float largest = 0;
    memset(b->mean, 0, b->dim * sizeof(float));
    b->mean_scale = 0;
    if (!b->format->has_mean)
        return;
    for (size_t t = 0; t < KV_CODE_TOKENS; t++) {
        code_block_load(b->rows + t * b->row_stride, b->dim, row);
        for (size_t i = 0; i < b->dim; i++)
            b->mean[i] += row[i];
    }
    for (size_t i = 0; i < b->dim; i++) {
        b->mean[i] *= 1.0f / KV_CODE_TOKENS;
        largest = fabsf(b->mean[i]) > largest ? fabsf(b->mean[i]) : largest;
    }
    b->mean_scale = largest / 127.0f;
    const float factor = b->mean_scale > CODE_BLOCK_SMALLEST ? 127.0f / largest : 0.0f;
    for (size_t i = 0; i < b->dim; i++) {
        const int q = code_block_round(b->mean[i] * factor);
        b->mean[i] = (float)q;
        b->tail.mean[i] = (unsigned char)(int8_t)q;
    }
    memcpy(b->tail.mean_scale, &b->mean_scale, sizeof(float));
}

static inline void code_block_residual(const struct code_block *b, size_t token, float *r)
{
    code_block_load(b->rows + token * b->row_stride, b->dim, r);
    if (b->format->has_mean)
        for (size_t i = 0; i < b->dim; i++)
            r[i] = fmaf(-b->mean[i], b->mean_scale, r[i]);
}

static inline float code_block_gain(const struct code_block *b)
{
    return 127.0f / b->format->deviations;
}

static inline void code_block_find_targets(struct code_block *b)
{
    float r[KV_CODE_PIECE_MAX];
    for (size_t t = 0; t < KV_CODE_TOKENS; t++) {
        int8_t *v = b->v + t * b->dim;
        code_block_residual(b, t, r);
        b->squares[t] = code_block_product(r, r, b->dim);
        const float factor = b->squares[t] < CODE_BLOCK_SMALLEST
                                 ? 0.0f
                                 : code_block_gain(b) * sqrtf((float)b->dim / b->squares[t]);
        for (size_t i = 0; i < b->dim; i++) {
            float x = r[i] * factor;
            x = x < 127.0f ? x : 127.0f;
            x = x > -127.0f ? x : -127.0f;
            v[i] = (int8_t)code_block_round(x);
        }
    }
}

/* After the symbols: b->v has the table values. */
static inline void code_block_find_scales(struct code_block *b)
{
    float r[KV_CODE_PIECE_MAX];
    float chosen[KV_CODE_PIECE_MAX];
    for (size_t t = 0; t < KV_CODE_TOKENS; t++) {
        float scale = 0;
        if (b->squares[t] >= CODE_BLOCK_SMALLEST && b->format->has_mean) {
            code_block_residual(b, t, r);
            for (size_t i = 0; i < b->dim; i++)
                chosen[i] = (float)b->v[t * b->dim + i];
            const float product = code_block_product(r, chosen, b->dim);
            scale = product > 0 ? b->squares[t] / product : 0.0f;
        } else if (b->squares[t] >= CODE_BLOCK_SMALLEST) {
            scale = sqrtf(b->squares[t] / (float)b->dim) / code_block_gain(b);
        }
        scale *= KV_CODE_SCALE;
        const uint16_t half = half_from_float(scale < 65504.0f ? scale : 65504.0f);
        memcpy(b->tail.scales + t * sizeof(half), &half, sizeof(half));
    }
}

static inline void code_block_write_broken(struct code_block *b, size_t chain_bytes)
{
    const uint16_t no_number = 0x7e00;
    const float mean_scale = NAN;
    memset(b->chains, 0, 4 * b->dim * chain_bytes);
    for (size_t t = 0; t < KV_CODE_TOKENS; t++)
        memcpy(b->tail.scales + t * sizeof(no_number), &no_number, sizeof(no_number));
    if (!b->format->has_mean)
        return;
    memset(b->tail.mean, 0, b->dim);
    memcpy(b->tail.mean_scale, &mean_scale, sizeof(mean_scale));
}

/* Writes a chain of symbols of `bits` each, the first one lowest. */
static inline void code_block_put_chain(const struct code_block *b, size_t chain,
                                        const uint8_t symbols[KV_CODE_CHAIN])
{
    const unsigned bits = b->format->bits;
    uint64_t word = 0;
    for (size_t p = 0; p < KV_CODE_CHAIN; p++)
        word |= (uint64_t)symbols[p] << (bits * p);
    memcpy(b->chains + chain * 2 * bits, &word, (size_t)2 * bits); /* little endian */
}

/* The nearest level of a format without trellis, the lower of two equally near. */
static inline void code_block_choose_nearest(struct code_block *b)
{
    const unsigned levels = 1u << b->format->bits;
    const unsigned step = KV_CODE_WINDOWS / levels;
    int twice_middle[16];
    for (unsigned k = 0; k + 1 < levels; k++)
        twice_middle[k] = b->format->table[k * step] + b->format->table[(k + 1) * step];
    memset(b->chains, 0, 4 * b->dim * 2 * b->format->bits);
    for (size_t t = 0; t < KV_CODE_TOKENS; t++)
        for (size_t i = 0; i < b->dim; i++) {
            const int v = 2 * b->v[t * b->dim + i];
            unsigned symbol = 0;
            for (unsigned k = 0; k + 1 < levels; k++)
                symbol += v > twice_middle[k];
            const struct kv_code_place place = kv_code_place_of(b->is_value, b->dim, t, i);
            const size_t bit = b->format->bits * place.symbol;
            unsigned char *at = b->chains + place.chain * 2 * b->format->bits + bit / 8;
            const unsigned shifted = symbol << (bit % 8);
            at[0] |= (unsigned char)shifted;
            if (shifted >> 8)
                at[1] |= (unsigned char)(shifted >> 8);
        }
}
