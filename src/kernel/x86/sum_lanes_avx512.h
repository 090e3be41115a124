/*
 * sum_lanes_avx512 - integer sums across the lanes of several vectors at once.
 *
 * Only for files built for AVX-512. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"

#include <immintrin.h>

/* Dword j of 128-bit lane l of the result: sum of the four dwords of lane l of c<j>. */
TEMPLATE __m512i sum_quads(__m512i c0, __m512i c1, __m512i c2, __m512i c3)
{
    const __m512i c01 =
        _mm512_add_epi32(_mm512_unpacklo_epi32(c0, c1), _mm512_unpackhi_epi32(c0, c1));
    const __m512i c23 =
        _mm512_add_epi32(_mm512_unpacklo_epi32(c2, c3), _mm512_unpackhi_epi32(c2, c3));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(c01, c23), _mm512_unpackhi_epi64(c01, c23));
}

/* Dword 2i of the result: sum of the lower 8 dwords of c[i]; dword 2i + 1: of the upper 8. */
TEMPLATE __m512i sum_octets(const __m512i c[8])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    const __m512i low = sum_quads(c[0], c[1], c[2], c[3]);
    const __m512i high = sum_quads(c[4], c[5], c[6], c[7]);
    const __m512i sums = _mm512_add_epi32(_mm512_shuffle_i32x4(low, high, 0x88),
                                          _mm512_shuffle_i32x4(low, high, 0xdd));
    return _mm512_permutexvar_epi32(order, sums);
}

/* Dword j of the result: sum of all dwords of c[j]. */
TEMPLATE __m128i sum_all(const __m512i c[4])
{
    const __m512i quads = sum_quads(c[0], c[1], c[2], c[3]);
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(quads), _mm512_extracti64x4_epi64(quads, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}
