/*
 * speed_avx2 - loops that measure the machine: plain vector reads, and vpmaddubsw added up as
 * words, on registers.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"

#include <immintrin.h>
#include <string.h>

static uint64_t read_bytes(const void *bytes, size_t size)
{
    enum { VECTORS = 8, STEP = VECTORS * 32 };
    const unsigned char *at = bytes;
    __m256i sum[VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        sum[v] = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + STEP <= size; i += STEP)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            sum[v] =
                _mm256_add_epi64(sum[v], _mm256_loadu_si256((const __m256i *)(at + i + v * 32)));
    uint64_t total = 0;
    for (size_t v = 0; v < VECTORS; v++) {
        uint64_t words[4];
        _mm256_storeu_si256((__m256i *)words, sum[v]);
        total += words[0] + words[1] + words[2] + words[3];
    }
    for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at + i, sizeof(word));
        total += word;
    }
    for (; i < size; i++)
        total += at[i];
    return total;
}

static uint64_t int8_peak(uint64_t rounds, uint64_t *sink)
{
    enum { VECTORS = 8, BYTES = 32 };
    __m256i sum[VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        sum[v] = _mm256_set1_epi32((int)v);
    const __m256i a = _mm256_set1_epi8((char)(rounds & 3));
    const __m256i b = _mm256_set1_epi8(1);
    for (uint64_t round = 0; round < rounds; round++)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
            __m256i pairs;
            /* Not the intrinsics: gcc 12 keeps the sums in memory, and the loop waits for them. */
            __asm__("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0"
                    : "+x"(sum[v]), "=&x"(pairs)
                    : "x"(a), "x"(b));
        }
    UNROLL_FOR (size_t v = 1; v < VECTORS; v++)
        sum[0] = _mm256_xor_si256(sum[0], sum[v]);
    *sink += (uint64_t)(unsigned)_mm256_extract_epi32(sum[0], 0);
    return rounds * VECTORS * BYTES;
}

void speed_avx2_fill(struct kernel_table *table)
{
    table->read_bytes = read_bytes;
    table->int8_peak = int8_peak;
}
