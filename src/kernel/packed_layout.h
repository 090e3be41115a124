/*
 * packed_layout - the numbers of packed blocks (packed.h) as constants: the element type is one at
 * every call, so that each kernel is compiled for its own.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include "kernel/packed.h"
#include "kernel/unroll.h"

#include <stdbool.h>

/* Values have 2^shift added, so that none is negative; types with a min have none added. */
TEMPLATE unsigned packed_shift(enum dtype dtype)
{
    switch ((int)dtype) {
    case DTYPE_Q4_0: return 3;
    case DTYPE_Q5_0:
    case DTYPE_MXFP4: return 4;
    case DTYPE_Q6_K: return 5;
    case DTYPE_Q8_0:
    case DTYPE_IQ4_NL:
    case DTYPE_IQ4_XS: return 7;
    default: return 0;
    }
}

TEMPLATE bool packed_has_min(enum dtype dtype)
{
    return dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1 || dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K;
}

/* Bytes of a packed block in front of its codes. */
TEMPLATE size_t packed_number_bytes(enum dtype dtype)
{
    switch ((int)dtype) {
    case DTYPE_MXFP4: return PACKED_ROWS;
    case DTYPE_Q4_1:
    case DTYPE_Q5_1: return 2 * PACKED_HALVES;
    case DTYPE_Q4_K:
    case DTYPE_Q5_K: return PACKED_K_NUMBERS;
    case DTYPE_Q6_K: return 9 * PACKED_HALVES;
    case DTYPE_IQ4_XS: return 5 * PACKED_HALVES;
    default: return PACKED_HALVES;
    }
}

/* Vectors of the codes of 32 values. */
TEMPLATE size_t packed_vectors(enum dtype dtype)
{
    switch ((int)dtype) {
    case DTYPE_Q5_0:
    case DTYPE_Q5_1:
    case DTYPE_Q5_K: return 5;
    case DTYPE_Q6_K: return 6;
    case DTYPE_Q8_0: return 8;
    default: return 4;
    }
}

TEMPLATE size_t packed_block_bytes(enum dtype dtype, size_t block_len)
{
    return packed_number_bytes(dtype) + block_len / 32 * packed_vectors(dtype) * PACKED_VECTOR;
}
