/*
 * speed_ref - loops that measure the machine, in portable C.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/ref/kernel_ref.h"

#include <string.h>

static uint64_t read_bytes(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t sum[4] = {0};
    size_t i = 0;
    for (; i + sizeof(sum) <= size; i += sizeof(sum)) {
        uint64_t words[4];
        memcpy(words, at + i, sizeof(words));
        for (size_t j = 0; j < 4; j++)
            sum[j] += words[j];
    }
    for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at + i, sizeof(word));
        sum[0] += word;
    }
    for (; i < size; i++)
        sum[0] += at[i];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static uint64_t int8_peak(uint64_t rounds, uint64_t *sink)
{
    enum { VALUES = 32, SETS = 8 };
    int8_t a[VALUES];
    int32_t sums[SETS] = {0};
    for (size_t i = 0; i < VALUES; i++)
        a[i] = (int8_t)(i + (rounds & 1));
    for (uint64_t round = 0; round < rounds; round++)
        for (size_t set = 0; set < SETS; set++) {
            int32_t dot = 0;
            for (size_t i = 0; i < VALUES; i++)
                dot += a[i] * a[VALUES - 1 - i];
            sums[set] = (int32_t)((uint32_t)sums[set] + (uint32_t)dot);
            a[set] = (int8_t)(sums[set] & 15);
        }
    for (size_t set = 0; set < SETS; set++)
        *sink += (uint64_t)(uint32_t)sums[set];
    return rounds * SETS * VALUES;
}

void speed_ref_fill(struct kernel_table *table)
{
    table->read_bytes = read_bytes;
    table->int8_peak = int8_peak;
}
