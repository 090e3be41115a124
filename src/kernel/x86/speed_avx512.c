/*
 * speed_avx512 - loops that measure the machine: plain vector reads, and vpdpbusd on registers.
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
    enum { VECTORS = 8, STEP = VECTORS * 64 };
    const unsigned char *at = bytes;
    __m512i sum[VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        sum[v] = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + STEP <= size; i += STEP)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            sum[v] = _mm512_add_epi64(sum[v], _mm512_loadu_si512(at + i + v * 64));
    uint64_t total = 0;
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        total += (uint64_t)_mm512_reduce_add_epi64(sum[v]);
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
    enum { VECTORS = 16, BYTES = 64 };
    __m512i sum[VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        sum[v] = _mm512_set1_epi32((int)v);
    const __m512i a = _mm512_set1_epi8((char)(rounds & 3));
    const __m512i b = _mm512_set1_epi8(1);
    for (uint64_t round = 0; round < rounds; round++)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            /* Not the intrinsic: gcc 12 copies every sum to another register and back. */
            __asm__("vpdpbusd %2, %1, %0" : "+v"(sum[v]) : "v"(a), "v"(b));
    UNROLL_FOR (size_t v = 1; v < VECTORS; v++)
        sum[0] = _mm512_xor_si512(sum[0], sum[v]);
    *sink += (uint64_t)(unsigned)_mm512_reduce_add_epi32(sum[0]);
    return rounds * VECTORS * BYTES;
}

void speed_avx512_fill(struct kernel_table *table)
{
    table->read_bytes = read_bytes;
    table->int8_peak = int8_peak;
}
