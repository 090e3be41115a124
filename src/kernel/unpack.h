/*
 * unpack - quantized weights as whole numbers: what a type is, and all that differs between types.
 *
 * A type contributes one function that turns blocks of a row into int8 values and their scales, in
 * the order of the columns, and one row of UNPACK_TYPES. The products are made of that, by code
 * that only knows the shape: which scales there are. Each sum is one unit of the row's chain
 * (matmul_rows.h), and with a[i] the activations, da their scale:
 *
 *   32:            dot = sum q a;                      acc = fma(scale * da, dot, acc)
 *   32_MIN:        u = fma(min, sum a, scale * dot);   acc = fma(da, u, acc)
 *   32_TWO:        u = fma(scale1, dot1, scale0 * dot0) of its two halves; acc = fma(da, u, acc)
 *   256_BY_n:      isum = sum over sub-blocks of n values: sub_scale * dot;
 *                  u = scale * isum;                   acc = fma(da, u, acc)
 *   256_BY_n_MIN:  msum = sum of sub_min * (sum a);
 *                  u = fma(-min, msum, scale * isum);  acc = fma(da, u, acc)
 *
 * Sums of integers are exact and fit 32 bits: |sub_scale| <= 128 and |q sub_scale| <= 4096.
 *
 * Threads: any; unpacking has no state. Only types and declarations, so that files built for one
 * instruction set may include it. Used by: kernel/ only.
 */
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNPACK_COLUMNS = 1024 }; /* unpacked at once, at most */

enum unpack_shape {
    UNPACK_32,
    UNPACK_32_MIN,
    UNPACK_32_TWO,
    UNPACK_256_BY_32,
    UNPACK_256_BY_16,
    UNPACK_256_BY_32_MIN,
    UNPACK_256_BY_16_MIN,
    UNPACK_SHAPE_COUNT,
};

/* What is there depends on the shape; an unpack function writes only what its shape has. */
struct unpacked {
    alignas(64) int8_t q[UNPACK_COLUMNS];               /* _MIN: not negative */
    alignas(64) float scale[UNPACK_COLUMNS / 16];       /* of each 32, of each 16 (_TWO) or 256 */
    alignas(64) float min[UNPACK_COLUMNS / 32];         /* of each 32 or 256 */
    alignas(64) int16_t sub_scale[UNPACK_COLUMNS / 16]; /* 8 or 16 for each 256 */
    alignas(64) int16_t sub_min[UNPACK_COLUMNS / 16];
};

/* Unpacks `block_count` blocks, UNPACK_COLUMNS values at most. Reads not a byte beyond them. */
typedef void(unpack_fn)(const void *blocks, size_t block_count, struct unpacked *out);

struct unpack_format {
    size_t block_len;
    size_t block_bytes;
    enum unpack_shape shape;
    unpack_fn *unpack;
};

/* Columns behind one unit of the chain. */
static inline size_t unpack_unit_len(enum unpack_shape shape)
{
    return shape < UNPACK_256_BY_32 ? 32 : 256;
}

static inline bool unpack_is_by_16(enum unpack_shape shape)
{
    return shape == UNPACK_256_BY_16 || shape == UNPACK_256_BY_16_MIN;
}

static inline bool unpack_has_min(enum unpack_shape shape)
{
    return shape == UNPACK_32_MIN || shape >= UNPACK_256_BY_32_MIN;
}

/* clang-format off */
#define UNPACK_TYPES(X)                                   \
    /* type    name     values  shape */                   \
    X(Q4_0,    q4_0,      32,   UNPACK_32)            \
    X(Q4_1,    q4_1,      32,   UNPACK_32_MIN)        \
    X(Q5_0,    q5_0,      32,   UNPACK_32)            \
    X(Q5_1,    q5_1,      32,   UNPACK_32_MIN)        \
    X(Q8_0,    q8_0,      32,   UNPACK_32)            \
    X(IQ4_NL,  iq4_nl,    32,   UNPACK_32)            \
    X(MXFP4,   mxfp4,     32,   UNPACK_32)            \
    X(NVFP4,   nvfp4,     64,   UNPACK_32_TWO)        \
    X(Q1_0,    q1_0,     128,   UNPACK_32)            \
    X(Q2_0,    q2_0,      64,   UNPACK_32)            \
    X(Q2_K,    q2_k,     256,   UNPACK_256_BY_16_MIN) \
    X(Q3_K,    q3_k,     256,   UNPACK_256_BY_16)     \
    X(Q4_K,    q4_k,     256,   UNPACK_256_BY_32_MIN) \
    X(Q5_K,    q5_k,     256,   UNPACK_256_BY_32_MIN) \
    X(Q6_K,    q6_k,     256,   UNPACK_256_BY_16)     \
    X(IQ4_XS,  iq4_xs,   256,   UNPACK_256_BY_32)     \
    X(TQ1_0,   tq1_0,    256,   UNPACK_256_BY_32)     \
    X(TQ2_0,   tq2_0,    256,   UNPACK_256_BY_32)     \
    X(IQ2_XXS, iq2_xxs,  256,   UNPACK_256_BY_32)     \
    X(IQ2_XS,  iq2_xs,   256,   UNPACK_256_BY_16)     \
    X(IQ2_S,   iq2_s,    256,   UNPACK_256_BY_16)     \
    X(IQ3_XXS, iq3_xxs,  256,   UNPACK_256_BY_32)     \
    X(IQ3_S,   iq3_s,    256,   UNPACK_256_BY_32)     \
    X(IQ1_S,   iq1_s,    256,   UNPACK_256_BY_32)     \
    X(IQ1_M,   iq1_m,    256,   UNPACK_256_BY_16)
/* clang-format on */

/* unpack_ref_q4_0() and so on: the definition of each format. */
#define UNPACK_DECLARE_REF(type, name, len, shape) unpack_fn unpack_ref_##name;
UNPACK_TYPES(UNPACK_DECLARE_REF)
