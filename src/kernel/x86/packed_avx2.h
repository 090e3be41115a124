/*
 * packed_avx2 - reads packed weights (packed.h) into vectors: the next four values of 8 of the 16
 * rows (a "half") as unsigned bytes, and their numbers, a row in each lane.
 *
 * vpmaddubsw adds two products in a word, so few products of large values fit: those of types of
 * eight bits are read as two "planes" of four, value = 16 * plane 1 + plane 0.
 *
 * The element type is a constant at every call. Only for files built for AVX2. Threads: any; no
 * state.
 */
#pragma once

#include "kernel/packed_layout.h"

#include <immintrin.h>

enum { PACKED_HALF = PACKED_VECTOR / 2 }; /* bytes of a step of 8 rows */

TEMPLATE unsigned packed_planes(enum dtype dtype)
{
    return packed_shift(dtype) == 7 ? 2 : 1;
}

/* Steps whose products with int8 add up to at most a word: 8 * 2 * 15 * 127 = 30480; 4 * 2 * 31 *
 * 127 = 31496; 2 * 2 * 63 * 127 = 32004. */
TEMPLATE int packed_word_steps(enum dtype dtype)
{
    switch ((int)dtype) {
    case DTYPE_Q5_0:
    case DTYPE_Q5_1:
    case DTYPE_Q5_K:
    case DTYPE_MXFP4: return 4;
    case DTYPE_Q6_K: return 2;
    default: return 8;
    }
}

TEMPLATE __m256i packed_load(const unsigned char *vector)
{
    return _mm256_loadu_si256((const __m256i *)vector);
}

TEMPLATE __m256i packed_low(__m256i v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

TEMPLATE __m256i packed_high(__m256i v)
{
    return packed_low(_mm256_srli_epi16(v, 4));
}

/* A plane of what the codes of IQ4_NL and IQ4_XS stand for with 128 added, or all of MXFP4 with 16
 * added, in each 16 bytes. */
TEMPLATE __m256i packed_book(enum dtype dtype, unsigned plane)
{
    const __m128i fp4 = _mm_setr_epi8(16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4);
    const __m128i iq4_low = _mm_setr_epi8(1, 8, 13, 15, 15, 13, 10, 6, 1, 13, 9, 6, 5, 5, 9, 1);
    const __m128i iq4_high = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 15);
    if (dtype == DTYPE_MXFP4)
        return _mm256_broadcastsi128_si256(fp4);
    return _mm256_broadcastsi128_si256(plane ? iq4_high : iq4_low);
}

/* The vector moved by `left` bits, -3 to 4, within words; negative: to the right. */
TEMPLATE __m256i packed_move(__m256i v, int left)
{
    switch (left) {
    case 4: return _mm256_slli_epi16(v, 4);
    case 3: return _mm256_slli_epi16(v, 3);
    case 2: return _mm256_slli_epi16(v, 2);
    case 1: return _mm256_slli_epi16(v, 1);
    case -1: return _mm256_srli_epi16(v, 1);
    case -2: return _mm256_srli_epi16(v, 2);
    case -3: return _mm256_srli_epi16(v, 3);
    default: return v;
    }
}

/* Steps 2j and 2j + 1 (j < 4) of the 32 values whose codes begin at `codes`, of a type with one
 * plane; `codes` points to the half. */
TEMPLATE void packed_steps(enum dtype dtype, const unsigned char *codes, int j, __m256i w[2])
{
    const size_t vectors = packed_vectors(dtype);
    const int before = vectors == 5 ? 1 : vectors == 6 ? 1 + j / 2 : 0; /* vectors of high bits */
    const __m256i v = packed_load(codes + (before + j) * PACKED_VECTOR);
    w[0] = packed_low(v);
    w[1] = packed_high(v);
    if (dtype == DTYPE_MXFP4) {
        w[0] = _mm256_shuffle_epi8(packed_book(dtype, 0), w[0]);
        w[1] = _mm256_shuffle_epi8(packed_book(dtype, 0), w[1]);
    } else if (vectors == 5) {
        const __m256i high = packed_load(codes);
        for (int s = 0; s < 2; s++)
            w[s] = _mm256_or_si256(
                w[s], _mm256_and_si256(packed_move(high, 4 - (2 * j + s)), _mm256_set1_epi8(16)));
    } else if (vectors == 6) {
        const __m256i high = packed_load(codes + j / 2 * 3 * PACKED_VECTOR);
        for (int s = 0; s < 2; s++)
            w[s] =
                _mm256_or_si256(w[s], _mm256_and_si256(packed_move(high, 4 - 2 * (j % 2 * 2 + s)),
                                                       _mm256_set1_epi8(0x30)));
    }
}

/* The same of a type with two planes: [plane][step]. */
TEMPLATE void packed_plane_steps(enum dtype dtype, const unsigned char *codes, int j,
                                 __m256i w[2][2])
{
    if (dtype == DTYPE_Q8_0) {
        const __m256i flip = _mm256_set1_epi8((char)0x80);
        for (int s = 0; s < 2; s++) {
            const __m256i v =
                _mm256_xor_si256(packed_load(codes + (2 * j + s) * PACKED_VECTOR), flip);
            w[0][s] = packed_low(v);
            w[1][s] = packed_high(v);
        }
        return;
    }
    const __m256i v = packed_load(codes + j * PACKED_VECTOR);
    for (unsigned plane = 0; plane < 2; plane++) {
        w[plane][0] = _mm256_shuffle_epi8(packed_book(dtype, plane), packed_low(v));
        w[plane][1] = _mm256_shuffle_epi8(packed_book(dtype, plane), packed_high(v));
    }
}

/* The same as signed bytes. */
TEMPLATE void packed_signed_steps(enum dtype dtype, const unsigned char *codes, int j, __m256i w[2])
{
    const __m256i iq4 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113));
    if (dtype == DTYPE_Q8_0) {
        for (int s = 0; s < 2; s++)
            w[s] = packed_load(codes + (2 * j + s) * PACKED_VECTOR);
        return;
    }
    const __m256i v = packed_load(codes + j * PACKED_VECTOR);
    w[0] = _mm256_shuffle_epi8(iq4, packed_low(v));
    w[1] = _mm256_shuffle_epi8(iq4, packed_high(v));
}

/* ---------------------------------------------------------------- numbers of a half */

TEMPLATE __m256 packed_halves(const unsigned char *halves, size_t half)
{
    return _mm256_cvtph_ps(
        _mm_loadu_si128((const __m128i *)(halves + half * PACKED_ROWS))); /* 8 of two bytes */
}

/* The scale of a block of a type of 32. MXFP4: 2^(exponent - 128), as float8_e8m0_half(). */
TEMPLATE __m256 packed_scale(enum dtype dtype, const unsigned char *block, size_t half)
{
    if (dtype != DTYPE_MXFP4)
        return packed_halves(block, half);
    const __m256i e =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(block + half * (PACKED_ROWS / 2))));
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, is_small));
}

TEMPLATE __m256i packed_k_word(const unsigned char *block, size_t half, size_t i)
{
    return packed_load(block + 2 * PACKED_HALVES + i * PACKED_VECTOR + half * PACKED_HALF);
}

/* Sub-scales 2i and 2i + 1 as two words in each lane. */
TEMPLATE __m256i packed_scale_pair(enum dtype dtype, const unsigned char *block, size_t half,
                                   size_t i)
{
    if (dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K) {
        const __m256i word = packed_k_word(block, half, i / 2);
        return _mm256_and_si256(i % 2 ? _mm256_srli_epi32(word, 6) : word,
                                _mm256_set1_epi32(0x003f003f));
    }
    const unsigned char *bytes = block + PACKED_HALVES + i * PACKED_HALVES + half * PACKED_ROWS;
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

/* One of the two words of a pair, twice. */
TEMPLATE __m256i packed_of_pair(__m256i pair, unsigned which)
{
    return which ? _mm256_blend_epi16(_mm256_srli_epi32(pair, 16), pair, 0xaa)
                 : _mm256_blend_epi16(pair, _mm256_slli_epi32(pair, 16), 0xaa);
}

/* Mins 2i and 2i + 1 of Q4_K and Q5_K as two words in each lane; see packed_k_scales. */
TEMPLATE __m256i packed_min_pair(const unsigned char *block, size_t half, size_t i)
{
    const __m256i six = _mm256_set1_epi32(0x003f003f);
    const __m256i four = _mm256_set1_epi32(0x000f000f);
    const __m256i two = _mm256_set1_epi32(0x00030003);
    const __m256i last = packed_k_word(block, half, 2);
    if (i < 2)
        return _mm256_and_si256(i ? _mm256_srli_epi32(last, 6) : last, six);
    const __m256i middle = _mm256_srli_epi32(packed_k_word(block, half, 1), 12);
    if (i == 2) {
        const __m256i low = _mm256_srli_epi32(packed_k_word(block, half, 0), 12);
        return _mm256_or_si256(_mm256_and_si256(low, four),
                               _mm256_slli_epi32(_mm256_and_si256(middle, two), 4));
    }
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(last, 12), four);
    return _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(middle, 2), two),
                           _mm256_slli_epi32(high, 2));
}

/* What a block of 256 has beside its values and scales: each sub-scale as a word, twice, and words
 * of neighbours: mins, or else sub-scales. [..][half] */
TEMPLATE void packed_read_numbers(enum dtype dtype, const unsigned char *block, size_t half,
                                  __m256i (*sub_scale)[2], __m256i (*pairs)[2])
{
    const size_t count = dtype == DTYPE_Q6_K ? 8 : 4;
    UNROLL_FOR (size_t i = 0; i < count; i++) {
        const __m256i pair = packed_scale_pair(dtype, block, half, i);
        sub_scale[2 * i][half] = packed_of_pair(pair, 0);
        sub_scale[2 * i + 1][half] = packed_of_pair(pair, 1);
        pairs[i][half] = packed_has_min(dtype) ? packed_min_pair(block, half, i) : pair;
    }
}
