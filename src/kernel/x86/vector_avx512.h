/*
 * vector_avx512 - exp() and the tree sum on sixteen floats: the operations of vector_exp.h and
 * lanes.h, one for one.
 *
 * Only for files built for AVX-512. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"
#include "kernel/vector_exp.h"

#include <immintrin.h>

TEMPLATE __m512 vector_avx512_power(__m512i n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}

TEMPLATE __m512 vector_avx512_exp(__m512 value)
{
    const __m512 round = _mm512_set1_ps(VECTOR_EXP_ROUND);
    __m512 x = _mm512_min_ps(_mm512_set1_ps(VECTOR_EXP_HIGH), value);
    x = _mm512_max_ps(_mm512_set1_ps(VECTOR_EXP_LOW), x);
    const __m512 z = _mm512_fmadd_ps(x, _mm512_set1_ps(VECTOR_EXP_INV_LN2), round);
    const __m512 n = _mm512_sub_ps(z, round);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(VECTOR_EXP_LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(VECTOR_EXP_LN2_LOW), r);
    __m512 q = _mm512_set1_ps(VECTOR_EXP_C6);
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(VECTOR_EXP_C5));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(VECTOR_EXP_C4));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(VECTOR_EXP_C3));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(VECTOR_EXP_C2));
    const __m512 tail = _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r);
    const __m512 e = _mm512_add_ps(_mm512_set1_ps(1.0f), tail);
    const __m512i whole = _mm512_sub_epi32(_mm512_castps_si512(z), _mm512_castps_si512(round));
    const __m512i half = _mm512_srai_epi32(whole, 1);
    return _mm512_mul_ps(_mm512_mul_ps(e, vector_avx512_power(half)),
                         vector_avx512_power(_mm512_sub_epi32(whole, half)));
}

/* lanes.h: l + l8, then + 4, + 2, + 1. */
TEMPLATE float vector_avx512_sum(__m512 v)
{
    const __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    const __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));
    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

/* The first `count` lanes, at most 16. */
TEMPLATE __mmask16 vector_avx512_first(size_t count)
{
    const unsigned bits = count >= 16 ? 0xffffu : (1u << count) - 1;
    return (__mmask16)bits;
}
