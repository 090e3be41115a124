/* The loops of bench_loops.h with AVX-512 and its int8 instruction. */
#include "cli/bench_loops.h"

#ifdef __AVX512VNNI__
#    include <immintrin.h>

enum { LOADS = 4, CHAINS = 16, PRODUCTS = 64 }; /* of one step; independent sums; one instruction */

static uint64_t read_all(const void *bytes, size_t size)
{
    const __m512i *at = bytes;
    const __m512i *end = at + size / sizeof(*at);
    __m512i sums[LOADS];
    for (int i = 0; i < LOADS; i++)
        sums[i] = _mm512_setzero_si512();
    for (; at < end; at += LOADS) {
        for (int i = 0; i < LOADS; i++)
            sums[i] = _mm512_xor_si512(sums[i], _mm512_loadu_si512(at + i));
    }
    for (int i = 1; i < LOADS; i++)
        sums[0] = _mm512_xor_si512(sums[0], sums[i]);
    return (uint64_t)_mm512_reduce_add_epi64(sums[0]);
}

static int32_t multiply(uint64_t count)
{
    __m512i sums[CHAINS];
    const __m512i a = _mm512_set1_epi8(3);
    const __m512i b = _mm512_set1_epi8(5);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_setzero_si512();
    for (uint64_t n = 0; n < count; n++) {
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm512_add_epi32(sums[0], sums[i]);
    return _mm512_reduce_add_epi32(sums[0]);
}

const struct bench_loops bench_loops_avx512 = {read_all, multiply, CHAINS *PRODUCTS};
#endif
