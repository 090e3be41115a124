/*
 * dequantize_ref - rows of packed weights to f32: what a token embedding needs. Every
 * product is of these values; what they are is in unpack.h and the unpack functions.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unpack.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void dequantize_f32(const void *row, size_t columns, float *out)
{
    memcpy(out, row, columns * sizeof(float));
}

static void dequantize_f16(const void *row, size_t columns, float *out)
{
    const uint16_t *w = row;
    for (size_t i = 0; i < columns; i++)
        out[i] = half_to_float(w[i]);
}

static void dequantize_bf16(const void *row, size_t columns, float *out)
{
    const uint16_t *w = row;
    for (size_t i = 0; i < columns; i++)
        out[i] = bfloat16_to_float(w[i]);
}

/* ---------------------------------------------------------------- whole numbers */

static void value_32(const struct unpacked *w, enum unpack_shape shape, size_t i, float *out)
{
    const float q = (float)w->q[i];
    if (shape == UNPACK_32_MIN)
        *out = fmaf(w->scale[i / 32], q, w->min[i / 32]);
    else
        *out = w->scale[i / (shape == UNPACK_32_TWO ? 16 : 32)] * q;
}

static void value_256(const struct unpacked *w, enum unpack_shape shape, size_t i, float *out)
{
    const bool is_by_16 = unpack_is_by_16(shape);
    const size_t s = i / (is_by_16 ? 16 : 32);
    const float scale = w->scale[0] * (float)w->sub_scale[s];
    if (unpack_has_min(shape))
        *out = fmaf(scale, (float)w->q[i], -(w->min[0] * (float)w->sub_min[s]));
    else
        *out = scale * (float)w->q[i];
}

static void dequantize(const struct unpack_format *format, const void *row, size_t columns,
                       float *out)
{
    for (size_t b = 0; b < columns / format->block_len; b++) {
        struct unpacked w;
        format->unpack((const char *)row + b * format->block_bytes, 1, &w);
        for (size_t i = 0; i < format->block_len; i++)
            (unpack_unit_len(format->shape) == 32 ? value_32 : value_256)(&w, format->shape, i,
                                                                          out++);
    }
}

#define DEQUANTIZE(type, name, len, shape)                                                   \
    static void dequantize_##name(const void *row, size_t columns, float *out)               \
    {                                                                                        \
        static const struct unpack_format format = {len, sizeof(struct block_##name), shape, \
                                                    unpack_ref_##name};                      \
        dequantize(&format, row, columns, out);                                              \
    }
UNPACK_TYPES(DEQUANTIZE)

void dequantize_ref_fill(struct kernel_table *table)
{
    table->dequantize_row[DTYPE_F32] = dequantize_f32;
    table->dequantize_row[DTYPE_F16] = dequantize_f16;
    table->dequantize_row[DTYPE_BF16] = dequantize_bf16;
#define FILL(type, name, len, shape) table->dequantize_row[DTYPE_##type] = dequantize_##name;
    UNPACK_TYPES(FILL)
}
