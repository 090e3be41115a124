/*
 * matmul_ref - products of weight rows with activations: one dot product per output.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unpack.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/half.h"

#include <math.h>

typedef float(dot_fn)(const void *weights, const void *activations, size_t columns);

/* ---------------------------------------------------------------- plain weights */

static float dot_f32(const void *weights, const void *activations, size_t columns)
{
    const float *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(w[i], x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float dot_f16(const void *weights, const void *activations, size_t columns)
{
    const uint16_t *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(half_to_float(w[i]), x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float dot_bf16(const void *weights, const void *activations, size_t columns)
{
    const uint16_t *w = weights;
    const float *x = activations;
    float lane[LANES] = {0};
    for (size_t i = 0; i < columns; i++)
        lane[i % LANES] = fmaf(bfloat16_to_float(w[i]), x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

/* ---------------------------------------------------------------- whole numbers */

/* Sum of q a of `n` values. At most 256 * 128 * 127: it fits. */
static int32_t integer_dot(const int8_t *q, const int8_t *a, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += q[i] * a[i];
    return sum;
}

/* Adds unit `unit` of `w`, which is unit `index` of the row. */
static float add_32(const struct unpacked *w, enum unpack_shape shape, size_t unit,
                    const struct activation_q8_32 *a, size_t index, float sum)
{
    const int8_t *q = &w->q[unit * 32];
    const int8_t *x = &a->q[index * 32];
    const float a_scale = a->scale[index];
    if (shape == UNPACK_32) /* the sum is at most 32 * 128 * 127 < 2^19: exact in a float */
        return fmaf(w->scale[unit] * a_scale, (float)integer_dot(q, x, 32), sum);
    if (shape == UNPACK_32_TWO) {
        const float first = w->scale[unit * 2] * (float)integer_dot(q, x, 16);
        const float second = (float)integer_dot(q + 16, x + 16, 16);
        return fmaf(a_scale, fmaf(w->scale[unit * 2 + 1], second, first), sum);
    }
    const float u = w->scale[unit] * (float)integer_dot(q, x, 32);
    return fmaf(a_scale, fmaf(w->min[unit], (float)a->sum[index], u), sum);
}

static float add_256(const struct unpacked *w, enum unpack_shape shape, size_t unit,
                     const struct activation_q8_256 *a, size_t index, float sum)
{
    const bool is_by_16 = unpack_is_by_16(shape);
    const size_t sub_len = is_by_16 ? 16 : 32;
    const size_t sub_count = 256 / sub_len;
    const int16_t *sums = is_by_16 ? a->sum16 : a->sum32;
    int32_t isum = 0; /* of sub_scale * q * a */
    int32_t msum = 0; /* of sub_min * a */
    for (size_t s = 0; s < sub_count; s++) {
        const size_t at = s * sub_len;
        isum += w->sub_scale[unit * sub_count + s] *
                integer_dot(&w->q[unit * 256 + at], &a->q[index * 256 + at], sub_len);
        if (unpack_has_min(shape))
            msum += w->sub_min[unit * sub_count + s] * sums[index * sub_count + s];
    }
    float u = w->scale[unit] * (float)isum;
    if (unpack_has_min(shape))
        u = fmaf(-w->min[unit], (float)msum, u);
    return fmaf(a->scale[index], u, sum);
}

/* Block by block, so that each is unpacked once; the sums so far are in the output. */
static void run_unpacked(const struct kernel_matmul_args *args, const struct unpack_format *format)
{
    const size_t block_count = args->columns / format->block_len;
    const size_t unit_len = unpack_unit_len(format->shape);
    const size_t units = format->block_len / unit_len; /* of a block */
    for (size_t row = args->row_begin; row < args->row_end; row++)
        for (size_t b = 0; b < block_count; b++) {
            struct unpacked w;
            const size_t at = (row * block_count + b) * format->block_bytes;
            format->unpack((const char *)args->weights + at, 1, &w);
            for (size_t token = 0; token < args->token_count; token++) {
                const void *activations =
                    (const char *)args->activations + token * args->activation_stride;
                const struct activation_q8_32 a32 =
                    activation_q8_32_view(activations, args->columns);
                const struct activation_q8_256 a256 =
                    activation_q8_256_view(activations, args->columns);
                float *out = &args->out[token * args->out_stride + row];
                float sum = b == 0 ? 0.0f : *out;
                for (size_t u = 0; u < units; u++)
                    sum = unit_len == 32 ? add_32(&w, format->shape, u, &a32, b * units + u, sum)
                                         : add_256(&w, format->shape, u, &a256, b, sum);
                *out = sum;
            }
        }
}

#define RUN_UNPACKED(type, name, len, shape)                                                 \
    static void matmul_##name(const struct kernel_matmul_args *args)                         \
    {                                                                                        \
        static const struct unpack_format format = {len, sizeof(struct block_##name), shape, \
                                                    unpack_ref_##name};                      \
        run_unpacked(args, &format);                                                         \
    }
UNPACK_TYPES(RUN_UNPACKED)

/* ---------------------------------------------------------------- rows and tokens */

static void run(const struct kernel_matmul_args *args, dot_fn *dot, size_t row_bytes)
{
    for (size_t row = args->row_begin; row < args->row_end; row++) {
        const unsigned char *weights = (const unsigned char *)args->weights + row * row_bytes;
        for (size_t token = 0; token < args->token_count; token++) {
            const unsigned char *activations =
                (const unsigned char *)args->activations + token * args->activation_stride;
            args->out[token * args->out_stride + row] = dot(weights, activations, args->columns);
        }
    }
}

static void matmul_f32(const struct kernel_matmul_args *args)
{
    run(args, dot_f32, args->columns * sizeof(float));
}

static void matmul_f16(const struct kernel_matmul_args *args)
{
    run(args, dot_f16, args->columns * sizeof(uint16_t));
}

static void matmul_bf16(const struct kernel_matmul_args *args)
{
    run(args, dot_bf16, args->columns * sizeof(uint16_t));
}

void matmul_ref_fill(struct kernel_table *table)
{
    struct kernel_matmul *matmul = table->matmul;
    matmul[DTYPE_F32].run = matmul_f32;
    matmul[DTYPE_F16].run = matmul_f16;
    matmul[DTYPE_BF16].run = matmul_bf16;
#define FILL(type, name, len, shape)          \
    matmul[DTYPE_##type].run = matmul_##name; \
    matmul[DTYPE_##type].activation =         \
        unpack_unit_len(shape) == 32 ? KERNEL_ACTIVATION_Q8_32 : KERNEL_ACTIVATION_Q8_256;
    UNPACK_TYPES(FILL)
}
