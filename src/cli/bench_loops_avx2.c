/* The loops of bench_loops.h with AVX2. */
#include "cli/bench_loops.h"

#ifdef __AVX2__
#    include <immintrin.h>

enum { CHAINS = 8, PRODUCTS = 32 }; /* independent sums; products in one step of a chain */

static uint64_t read_all(const void *bytes, size_t size)
{
    const __m256i *at = bytes;
    const __m256i *end = at + size / sizeof(*at);
    __m256i sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_si256();
    for (; at < end; at += CHAINS) {
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm256_xor_si256(sums[i], _mm256_loadu_si256(at + i));
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm256_xor_si256(sums[0], sums[i]);
    return (uint64_t)_mm256_extract_epi64(sums[0], 0);
}

/* The int8 product of AVX2 takes three steps: pairs to 16 bits, pairs of those to 32, add. */
static int32_t multiply(uint64_t count)
{
    __m256i sums[CHAINS];
    __m256i a = _mm256_set1_epi8(3);
    const __m256i b = _mm256_set1_epi8(5);
    const __m256i ones = _mm256_set1_epi16(1);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_si256();
    for (uint64_t n = 0; n < count; n++) {
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+x"(a)); /* each product is made anew */
            const __m256i pairs = _mm256_maddubs_epi16(a, b);
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
        }
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm256_add_epi32(sums[0], sums[i]);
    return _mm256_extract_epi32(sums[0], 0);
}

const struct bench_loops bench_loops_avx2 = {read_all, multiply, CHAINS *PRODUCTS};
#endif
