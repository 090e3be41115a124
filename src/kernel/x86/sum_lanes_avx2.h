/*
 * sum_lanes_avx2 - integer sums across the lanes of several vectors at once.
 *
 * Only for files built for AVX2. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"

#include <immintrin.h>

/* Dword j of 128-bit lane l of the result: sum of the four dwords of lane l of c[j]. */
TEMPLATE __m256i sum_quads(const __m256i c[4])
{
    const __m256i c01 =
        _mm256_add_epi32(_mm256_unpacklo_epi32(c[0], c[1]), _mm256_unpackhi_epi32(c[0], c[1]));
    const __m256i c23 =
        _mm256_add_epi32(_mm256_unpacklo_epi32(c[2], c[3]), _mm256_unpackhi_epi32(c[2], c[3]));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(c01, c23), _mm256_unpackhi_epi64(c01, c23));
}

/* Dword j of the result: sum of all dwords of c[j]. */
TEMPLATE __m256i sum_all_8(const __m256i c[8])
{
    const __m256i low = sum_quads(c);
    const __m256i high = sum_quads(c + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                            _mm256_permute2x128_si256(low, high, 0x31));
}

TEMPLATE __m128i sum_all_4(const __m256i c[4])
{
    const __m256i quads = sum_quads(c);
    return _mm_add_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
}
