/*
 * lanes - the one order in which sums are made that are not over quantized blocks.
 *
 * Element i goes to lane i mod 16, in ascending order; then one tree over the lanes.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

enum { LANES = 16 };

/* lane[j] + lane[j + 8], then + 4, + 2, + 1. Changes the array. */
static inline float lanes_sum(float lane[LANES])
{
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++)
            lane[j] += lane[j + width];
    return lane[0];
}

static inline double lanes_sum_double(double lane[LANES])
{
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++)
            lane[j] += lane[j + width];
    return lane[0];
}
