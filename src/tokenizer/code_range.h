/*
 * code_range - sets of code points as sorted ranges.
 *
 * Threads: any. For the files of tokenizer/ only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_range {
    uint32_t first;
    uint32_t last;
};

/* True if one of the ranges, ascending and without overlap, holds `code_point`. */
static inline bool code_range_has(const struct code_range *ranges, size_t count,
                                  uint32_t code_point)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && code_point >= ranges[low].first;
}
