#include "cli/bench_loops.h"

#include "os/cpu.h"

#ifdef __x86_64__
#    include <emmintrin.h>

enum { CHAINS = 8, PRODUCTS = 8 }; /* independent sums; products in one instruction */

static uint64_t read_all(const void *bytes, size_t size)
{
    const __m128i *at = bytes;
    const __m128i *end = at + size / sizeof(*at);
    __m128i sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm_setzero_si128();
    for (; at < end; at += CHAINS) {
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm_xor_si128(sums[i], _mm_load_si128(at + i));
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm_xor_si128(sums[0], sums[i]);
    return (uint64_t)_mm_cvtsi128_si64(sums[0]);
}

/* Without an int8 instruction the products are those of 16-bit values. */
static int32_t multiply(uint64_t count)
{
    __m128i sums[CHAINS];
    __m128i a = _mm_set1_epi16(3);
    const __m128i b = _mm_set1_epi16(5);
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm_setzero_si128();
    for (uint64_t n = 0; n < count; n++) {
        __asm__ volatile("" : "+x"(a)); /* not known to be the same every time */
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm_add_epi32(sums[i], _mm_madd_epi16(_mm_xor_si128(a, sums[i]), b));
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm_add_epi32(sums[0], sums[i]);
    return _mm_cvtsi128_si32(sums[0]);
}

const struct bench_loops bench_loops_baseline = {read_all, multiply, CHAINS *PRODUCTS};
#endif

const struct bench_loops *bench_loops_for(unsigned cpu_features)
{
    if (cpu_features & CPU_FEATURE_AVX512)
        return &bench_loops_avx512;
    return cpu_features & CPU_FEATURE_AVX2 ? &bench_loops_avx2 : &bench_loops_baseline;
}
