/*
 * code_rotate - the rotation of keys, values and queries before they are coded: signs by chance,
 * the same for all, then Hadamard's matrix divided by its root, piece by piece (kv_code.h).
 *
 * Sums and differences are made at distance dim / 2 first, then dim / 4, down to 1, then the factor
 * 1 / sqrt(dim) once. The way back is the same with the signs last. One source for all instruction
 * sets: every result is one sum or one product of two numbers, so the bits are the same.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include "kernel/kv_code.h"
#include "kernel/unroll.h"

#include <math.h>

/* Bit i of a stream of chance: splitmix64 of its words. */
static inline uint64_t code_rotate_signs(size_t word)
{
    uint64_t z = (word + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void code_rotate_flip(float *x, size_t dim)
{
    for (size_t i = 0; i < dim; i += 16) {
        const uint64_t bits = code_rotate_signs(i / 64) >> (i % 64);
        for (size_t j = 0; j < 16; j++)
            x[i + j] = (bits >> j & 1) ? -x[i + j] : x[i + j];
    }
}

/* The stages 8, 4, 2, 1 of sixteen numbers. */
TEMPLATE void code_rotate_sixteen(float *x)
{
    UNROLL_FOR (size_t step = 8; step > 0; step /= 2) {
        float y[16];
        UNROLL_FOR (size_t j = 0; j < 16; j++)
            y[j] = (j & step) ? x[j - step] - x[j] : x[j] + x[j + step];
        UNROLL_FOR (size_t j = 0; j < 16; j++)
            x[j] = y[j];
    }
}

static inline void code_rotate_piece(float *x, size_t dim, bool is_back)
{
    if (!is_back)
        code_rotate_flip(x, dim);
    for (size_t step = dim / 2; step >= 16; step /= 2)
        for (size_t i = 0; i < dim; i += 2 * step)
            for (size_t j = i; j < i + step; j += 16)
                for (size_t k = j; k < j + 16; k++) {
                    const float a = x[k];
                    const float b = x[k + step];
                    x[k] = a + b;
                    x[k + step] = a - b;
                }
    const float factor = 1.0f / sqrtf((float)dim);
    for (size_t i = 0; i < dim; i += 16) {
        code_rotate_sixteen(x + i);
        for (size_t j = 0; j < 16; j++)
            x[i + j] *= factor;
    }
    if (is_back)
        code_rotate_flip(x, dim);
}

static inline void code_rotate_row(float *x, size_t n, size_t cut, bool is_back)
{
    size_t piece = 0;
    for (size_t at = 0; at < n; at += piece) {
        piece = kv_code_piece(n, cut, at);
        code_rotate_piece(x + at, piece, is_back);
    }
}
