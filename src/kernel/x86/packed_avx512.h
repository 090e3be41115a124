/*
 * packed_avx512 - reads packed weights (packed.h) into vectors: the next four values of 16 rows as
 * unsigned bytes, and their numbers, a row in each lane.
 *
 * The element type is a constant at every call. Only for files built for AVX-512. Threads: any; no
 * state.
 */
#pragma once

#include "kernel/packed_layout.h"
#include "kernel/x86/panel_avx512.h"

/* What the codes of IQ4_NL, IQ4_XS and MXFP4 stand for, 2^shift added, in each 16 bytes. */
TEMPLATE __m512i packed_book(enum dtype dtype)
{
    const __m128i iq4 =
        _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39, -15);
    const __m128i fp4 = _mm_setr_epi8(16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4);
    return _mm512_broadcast_i32x4(dtype == DTYPE_MXFP4 ? fp4 : iq4);
}

/* The vector moved by `left` bits, -3 to 4, within words; negative: to the right. (A literal for
 * each: gcc and clang want counts of different types.) */
TEMPLATE __m512i packed_move(__m512i v, int left)
{
    switch (left) {
    case 4: return _mm512_slli_epi16(v, 4);
    case 3: return _mm512_slli_epi16(v, 3);
    case 2: return _mm512_slli_epi16(v, 2);
    case 1: return _mm512_slli_epi16(v, 1);
    case -1: return _mm512_srli_epi16(v, 1);
    case -2: return _mm512_srli_epi16(v, 2);
    case -3: return _mm512_srli_epi16(v, 3);
    default: return v;
    }
}

/* Steps 2j and 2j + 1 (j < 4) of the 32 values whose codes begin at `codes`. */
TEMPLATE void packed_steps(enum dtype dtype, const unsigned char *codes, int j, __m512i w[2])
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const size_t vectors = packed_vectors(dtype);
    if (vectors == 8) {
        const __m512i flip = _mm512_set1_epi8((char)0x80);
        for (int s = 0; s < 2; s++)
            w[s] = _mm512_xor_si512(_mm512_loadu_si512(codes + (2 * j + s) * PACKED_VECTOR), flip);
        return;
    }
    const int before = vectors == 5 ? 1 : vectors == 6 ? 1 + j / 2 : 0; /* vectors of high bits */
    const __m512i v = _mm512_loadu_si512(codes + (before + j) * PACKED_VECTOR);
    w[0] = _mm512_and_si512(v, nibble);
    w[1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    if (dtype == DTYPE_IQ4_NL || dtype == DTYPE_IQ4_XS || dtype == DTYPE_MXFP4) {
        w[0] = _mm512_shuffle_epi8(packed_book(dtype), w[0]);
        w[1] = _mm512_shuffle_epi8(packed_book(dtype), w[1]);
    } else if (vectors == 5) {
        const __m512i high = _mm512_loadu_si512(codes);
        const __m512i bit = _mm512_set1_epi8(16);
        for (int s = 0; s < 2; s++) /* (moved & bit) | w */
            w[s] = _mm512_ternarylogic_epi32(packed_move(high, 4 - (2 * j + s)), bit, w[s], 0xea);
    } else if (vectors == 6) {
        const __m512i high = _mm512_loadu_si512(codes + j / 2 * 3 * PACKED_VECTOR);
        const __m512i bits = _mm512_set1_epi8(0x30);
        for (int s = 0; s < 2; s++)
            w[s] = _mm512_ternarylogic_epi32(packed_move(high, 4 - 2 * (j % 2 * 2 + s)), bits, w[s],
                                             0xea);
    }
}

/* Asks memory for `size` bytes at `at`, which are wanted when this panel has been used up. */
TEMPLATE void packed_ask(const unsigned char *at, size_t size)
{
    for (size_t i = 0; i < size; i += PACKED_VECTOR)
        _mm_prefetch((const char *)at + i, _MM_HINT_T1);
}

/* ---------------------------------------------------------------- numbers */

TEMPLATE __m512 packed_halves(const unsigned char *halves)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}

/* The scale of a block of a type of 32. MXFP4: 2^(exponent - 128), as float8_e8m0_half(). */
TEMPLATE __m512 packed_scale(enum dtype dtype, const unsigned char *block)
{
    if (dtype != DTYPE_MXFP4)
        return packed_halves(block);
    const __m512i e = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)block));
    const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
    const __m512i small = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
    const __mmask16 is_small = _mm512_cmplt_epu32_mask(e, _mm512_set1_epi32(2));
    return _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, is_small, small));
}

TEMPLATE __m512i packed_k_word(const unsigned char *block, size_t i)
{
    return _mm512_loadu_si512(block + 2 * PACKED_HALVES + i * PACKED_VECTOR);
}

/* Sub-scales 2i and 2i + 1 as two words in each lane. */
TEMPLATE __m512i packed_scale_pair(enum dtype dtype, const unsigned char *block, size_t i)
{
    if (dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K) {
        const __m512i word = packed_k_word(block, i / 2);
        return _mm512_and_si512(i % 2 ? _mm512_srli_epi32(word, 6) : word,
                                _mm512_set1_epi32(0x003f003f));
    }
    const unsigned char *bytes = block + PACKED_HALVES + i * PACKED_HALVES;
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)bytes));
}

/* One of the two words of a pair, as a number of 32 bits. */
TEMPLATE __m512i packed_of_pair(__m512i pair, unsigned which)
{
    return _mm512_srai_epi32(which ? pair : _mm512_slli_epi32(pair, 16), 16);
}

/* Mins 2i and 2i + 1 of Q4_K and Q5_K as two words in each lane; see packed_k_scales. */
TEMPLATE __m512i packed_min_pair(const unsigned char *block, size_t i)
{
    const __m512i six = _mm512_set1_epi32(0x003f003f);
    const __m512i four = _mm512_set1_epi32(0x000f000f);
    const __m512i two = _mm512_set1_epi32(0x00030003);
    const __m512i last = packed_k_word(block, 2);
    if (i < 2)
        return _mm512_and_si512(i ? _mm512_srli_epi32(last, 6) : last, six);
    const __m512i middle = _mm512_srli_epi32(packed_k_word(block, 1), 12);
    if (i == 2) {
        const __m512i low = _mm512_srli_epi32(packed_k_word(block, 0), 12);
        return _mm512_or_si512(_mm512_and_si512(low, four),
                               _mm512_slli_epi32(_mm512_and_si512(middle, two), 4));
    }
    const __m512i high = _mm512_and_si512(_mm512_srli_epi32(last, 12), four);
    return _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(middle, 2), two),
                           _mm512_slli_epi32(high, 2));
}
