/*
 * vector_avx2 - exp(), the tree sum and parts of vectors on eight floats: the operations of
 * vector_exp.h and lanes.h, one for one. Sixteen lanes are two vectors.
 *
 * Only for files built for AVX2. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"
#include "kernel/vector_exp.h"

#include <immintrin.h>
#include <stddef.h>

TEMPLATE __m256 vector_avx2_power(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

TEMPLATE __m256 vector_avx2_exp(__m256 value)
{
    const __m256 round = _mm256_set1_ps(VECTOR_EXP_ROUND);
    __m256 x = _mm256_min_ps(_mm256_set1_ps(VECTOR_EXP_HIGH), value);
    x = _mm256_max_ps(_mm256_set1_ps(VECTOR_EXP_LOW), x);
    const __m256 z = _mm256_fmadd_ps(x, _mm256_set1_ps(VECTOR_EXP_INV_LN2), round);
    const __m256 n = _mm256_sub_ps(z, round);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(VECTOR_EXP_LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(VECTOR_EXP_LN2_LOW), r);
    __m256 q = _mm256_set1_ps(VECTOR_EXP_C6);
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(VECTOR_EXP_C5));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(VECTOR_EXP_C4));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(VECTOR_EXP_C3));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(VECTOR_EXP_C2));
    const __m256 tail = _mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r);
    const __m256 e = _mm256_add_ps(_mm256_set1_ps(1.0f), tail);
    const __m256i whole = _mm256_sub_epi32(_mm256_castps_si256(z), _mm256_castps_si256(round));
    const __m256i half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(e, vector_avx2_power(half)),
                         vector_avx2_power(_mm256_sub_epi32(whole, half)));
}

/* lanes.h for lanes 0..7 and 8..15: l + l8, then + 4, + 2, + 1. */
TEMPLATE float vector_avx2_sum(__m256 low, __m256 high)
{
    const __m256 s8 = _mm256_add_ps(low, high);
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

TEMPLATE float vector_avx2_max(__m256 v)
{
    const __m128 m4 = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 m2 = _mm_max_ps(m4, _mm_movehl_ps(m4, m4));
    return _mm_cvtss_f32(_mm_max_ss(m2, _mm_movehdup_ps(m2)));
}

/* All bits in the first `count` lanes, at most 8. */
TEMPLATE __m256i vector_avx2_first(size_t count)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? (int)count : 8), lanes);
}

/* The first `count` of eight floats; the others are zero, and their memory is not touched. */
TEMPLATE __m256 vector_avx2_load(const float *x, size_t count)
{
    return count >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, vector_avx2_first(count));
}

TEMPLATE void vector_avx2_store(float *x, size_t count, __m256 value)
{
    if (count >= 8)
        _mm256_storeu_ps(x, value);
    else
        _mm256_maskstore_ps(x, vector_avx2_first(count), value);
}
