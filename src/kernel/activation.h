/*
 * activation - how a row of activations lies in memory once it is quantized for integer products.
 *
 * A row is self-contained: planes one after another, each beginning at a multiple of 64 bytes, the
 * rest of the last 64 bytes of a plane zero. All numbers are made from the row alone.
 *
 *   Q8_32:   q [n] int8 | scale [n / 32] f32 | sum [n / 32] int32, of the 32 q of a block
 *   Q8_256:  q [n] int8 | scale [n / 256] f32 | sum32 [n / 32] int16 | sum16 [n / 16] int16
 *
 * A block: amax = largest |x|; scale = amax / 127; q = x * (127 / amax) rounded to nearest even,
 * so |q| <= 127. amax below ACTIVATION_AMAX_MIN counts as 0: scale 0, all q 0. A NaN or infinity
 * in a block: scale NaN, all q 0. (Source: kernels.md section 2.)
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ACTIVATION_PLANE_ALIGN = 64 };

/* 127 / amax must be finite, and scales this small are of no use: 2^-100. */
#define ACTIVATION_AMAX_MIN 0x1p-100f

/* Adding and subtracting it rounds |x| < 2^22 to the nearest even integer: 1.5 * 2^23. */
#define ACTIVATION_ROUND 12582912.0f

static inline size_t activation_plane(size_t bytes)
{
    return (bytes + ACTIVATION_PLANE_ALIGN - 1) / ACTIVATION_PLANE_ALIGN * ACTIVATION_PLANE_ALIGN;
}

struct activation_q8_32 {
    const int8_t *q;
    const float *scale;
    const int32_t *sum;
};

/* The same planes, to be written. */
struct activation_q8_32_out {
    int8_t *q;
    float *scale;
    int32_t *sum;
};

struct activation_q8_256 {
    const int8_t *q;
    const float *scale;
    const int16_t *sum32;
    const int16_t *sum16;
};

struct activation_q8_256_out {
    int8_t *q;
    float *scale;
    int16_t *sum32;
    int16_t *sum16;
};

static inline size_t activation_q8_32_bytes(size_t columns)
{
    return activation_plane(columns) + 2 * activation_plane(columns / 32 * sizeof(float));
}

static inline size_t activation_q8_256_bytes(size_t columns)
{
    return activation_plane(columns) + activation_plane(columns / 256 * sizeof(float)) +
           activation_plane(columns / 32 * sizeof(int16_t)) +
           activation_plane(columns / 16 * sizeof(int16_t));
}

static inline struct activation_q8_32_out activation_q8_32_out(void *row, size_t columns)
{
    char *q = row;
    char *scale = q + activation_plane(columns);
    char *sum = scale + activation_plane(columns / 32 * sizeof(float));
    return (struct activation_q8_32_out){(int8_t *)q, (float *)(void *)scale,
                                         (int32_t *)(void *)sum};
}

static inline struct activation_q8_32 activation_q8_32_view(const void *row, size_t columns)
{
    const char *q = row;
    const char *scale = q + activation_plane(columns);
    const char *sum = scale + activation_plane(columns / 32 * sizeof(float));
    return (struct activation_q8_32){(const int8_t *)q, (const float *)(const void *)scale,
                                     (const int32_t *)(const void *)sum};
}

static inline struct activation_q8_256_out activation_q8_256_out(void *row, size_t columns)
{
    char *q = row;
    char *scale = q + activation_plane(columns);
    char *sum32 = scale + activation_plane(columns / 256 * sizeof(float));
    char *sum16 = sum32 + activation_plane(columns / 32 * sizeof(int16_t));
    return (struct activation_q8_256_out){(int8_t *)q, (float *)(void *)scale,
                                          (int16_t *)(void *)sum32, (int16_t *)(void *)sum16};
}

static inline struct activation_q8_256 activation_q8_256_view(const void *row, size_t columns)
{
    const char *q = row;
    const char *scale = q + activation_plane(columns);
    const char *sum32 = scale + activation_plane(columns / 256 * sizeof(float));
    const char *sum16 = sum32 + activation_plane(columns / 32 * sizeof(int16_t));
    return (struct activation_q8_256){(const int8_t *)q, (const float *)(const void *)scale,
                                      (const int16_t *)(const void *)sum32,
                                      (const int16_t *)(const void *)sum16};
}
