/*
 * bytes_avx2 - 32 bytes at once: what unpack_bytes.h is written with.
 *
 * Only for files built for AVX2. Threads: any; pure.
 */
#pragma once

#include "kernel/unroll.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m256i bytes;

TEMPLATE bytes bytes_load(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

TEMPLATE void bytes_store(void *to, bytes x)
{
    _mm256_storeu_si256((__m256i *)to, x);
}

/* The first 16 bytes. */
TEMPLATE void bytes_store_half(void *to, bytes x)
{
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(x));
}

/* 16 bytes, twice. */
TEMPLATE bytes bytes_twice(const uint8_t from[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)from));
}

/* Eight signed bytes of a number as words. */
TEMPLATE void bytes_widen(uint64_t eight, int16_t to[8])
{
    _mm_storeu_si128((__m128i *)to, _mm_cvtepi8_epi16(_mm_cvtsi64_si128((long long)eight)));
}

TEMPLATE bytes bytes_all(int value)
{
    return _mm256_set1_epi8((char)value);
}

TEMPLATE bytes bytes_and(bytes x, bytes y)
{
    return _mm256_and_si256(x, y);
}

TEMPLATE bytes bytes_or(bytes x, bytes y)
{
    return _mm256_or_si256(x, y);
}

TEMPLATE bytes bytes_xor(bytes x, bytes y)
{
    return _mm256_xor_si256(x, y);
}

TEMPLATE bytes bytes_add(bytes x, bytes y)
{
    return _mm256_add_epi8(x, y);
}

TEMPLATE bytes bytes_sub(bytes x, bytes y)
{
    return _mm256_sub_epi8(x, y);
}

/* All bits where an unsigned byte is at least `value`. */
TEMPLATE bytes bytes_at_least(bytes x, int value)
{
    return _mm256_cmpeq_epi8(_mm256_max_epu8(x, bytes_all(value)), x);
}

/* Bits [from, from + count) of each byte, from bit 0 on. */
TEMPLATE bytes bytes_field(bytes x, int from, int count)
{
    return _mm256_and_si256(_mm256_srli_epi16(x, from), bytes_all((1 << count) - 1));
}

/* Shifted left; no bit may leave its byte. */
TEMPLATE bytes bytes_left(bytes x, int count)
{
    return _mm256_slli_epi16(x, count);
}

/* 16 bytes: their low nibbles, then their high ones. */
TEMPLATE bytes bytes_nibbles(const uint8_t from[16])
{
    const __m128i packed = _mm_loadu_si128((const __m128i *)from);
    const __m256i both =
        _mm256_srlv_epi64(_mm256_broadcastsi128_si256(packed), _mm256_setr_epi64x(0, 0, 4, 4));
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* table[x[i]], x[i] < 16. */
TEMPLATE bytes bytes_lookup(const int8_t table[16], bytes x)
{
    const __m128i values = _mm_loadu_si128((const __m128i *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), x);
}

/* All bits of byte i where bit i is set. */
TEMPLATE bytes bytes_mask(uint32_t bits)
{
    const __m256i places =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), places);
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

/* Eights of bytes 0, 2, 1, 3. */
TEMPLATE bytes bytes_swap_middle(bytes x)
{
    return _mm256_permute4x64_epi64(x, 0xd8);
}

TEMPLATE float bytes_half(uint16_t half)
{
    return _cvtsh_ss(half);
}
