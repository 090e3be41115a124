/*
 * kv_row - how one key or value lies in the cache when it is kept as q8: blocks of up to 32
 * numbers, each an IEEE half (the scale) and as many int8. Shared by the attention kernels of all
 * instruction sets.
 *
 * Number i is (float)q[i] * scale, rounded once.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    KV_ROW_Q8_BLOCK = 32, /* numbers that share a scale */
    KV_ROW_Q8_SCALE = 2,  /* bytes in front of them */
    KV_ROW_Q8_BLOCK_BYTES = KV_ROW_Q8_SCALE + KV_ROW_Q8_BLOCK,
};

/* Bytes of a row of n numbers. */
static inline size_t kv_row_q8_bytes(size_t n)
{
    return n + (n + KV_ROW_Q8_BLOCK - 1) / KV_ROW_Q8_BLOCK * KV_ROW_Q8_SCALE;
}

/* The block that number i of a row is in; the number is byte KV_ROW_Q8_SCALE + i % 32 of it. */
static inline const unsigned char *kv_row_q8_block(const unsigned char *row, size_t i)
{
    return row + i / KV_ROW_Q8_BLOCK * KV_ROW_Q8_BLOCK_BYTES;
}
