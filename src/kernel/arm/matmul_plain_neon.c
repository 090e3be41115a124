/*
 * matmul_plain_neon - products with F32, F16 and BF16 weights: the sixteen lanes of the definition
 * (lanes.h) are four vectors.
 *
 * Threads: any; no state.
 */
#include "kernel/arm/kernel_arm.h"
#include "kernel/arm/vector_neon.h"
#include "kernel/lanes.h"

enum { TOKENS = 4, VECTORS = VECTOR_NEON_VECTORS };

/* Four weights from element `i` of a row on; the first `count` of them, the others zero. */
typedef float32x4_t(load_fn)(const unsigned char *row, size_t i, size_t count);

/* Elements of two bytes. */
TEMPLATE uint16x4_t load_words(const unsigned char *row, size_t i, size_t count)
{
    uint16_t part[4] = {0};
    memcpy(part, row + i * sizeof(part[0]), (count < 4 ? count : 4) * sizeof(part[0]));
    return vld1_u16(part);
}

static inline float32x4_t load_f32(const unsigned char *row, size_t i, size_t count)
{
    float part[4] = {0};
    memcpy(part, row + i * sizeof(part[0]), (count < 4 ? count : 4) * sizeof(part[0]));
    return vld1q_f32(part);
}

static inline float32x4_t load_f16(const unsigned char *row, size_t i, size_t count)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(load_words(row, i, count)));
}

static inline float32x4_t load_bf16(const unsigned char *row, size_t i, size_t count)
{
    return vreinterpretq_f32_u32(vshll_n_u16(load_words(row, i, count), 16));
}

/* The sum of the lanes and of the elements from `begin` on, fewer than 16: lanes without an element
 * keep their sum, not even -0 changes. */
TEMPLATE float finish(const float32x4_t sum[VECTORS], load_fn *load, const unsigned char *w,
                      const float *x, size_t begin, size_t columns)
{
    if (begin == columns)
        return vector_neon_sum(sum);
    float lane[LANES];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        vst1q_f32(&lane[4 * v], sum[v]);
    for (size_t i = begin; i < columns; i++) {
        const float weight = vgetq_lane_f32(load(w, i, 1), 0);
        lane[i - begin] = fmaf(weight, x[i], lane[i - begin]);
    }
    return lanes_sum(lane);
}

/* One row with `tokens` tokens from `token` on. */
TEMPLATE void tile(const struct kernel_matmul_args *args, size_t element_bytes, load_fn *load,
                   size_t row, size_t token, size_t tokens)
{
    const unsigned char *w =
        (const unsigned char *)args->weights + row * args->columns * element_bytes;
    const float *x[TOKENS];
    float32x4_t sum[TOKENS][VECTORS];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        x[t] = (const float *)(const void *)((const char *)args->activations +
                                             (token + t) * args->activation_stride);
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            sum[t][v] = vdupq_n_f32(0.0f);
    }
    size_t i = 0;
    for (; i + LANES <= args->columns; i += LANES)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
            const float32x4_t weight = load(w, i + 4 * v, 4);
            UNROLL_FOR (size_t t = 0; t < tokens; t++)
                sum[t][v] = vfmaq_f32(sum[t][v], weight, vld1q_f32(x[t] + i + 4 * v));
        }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        args->out[(token + t) * args->out_stride + row] =
            finish(sum[t], load, w, x[t], i, args->columns);
}

TEMPLATE void run(const struct kernel_matmul_args *args, size_t element_bytes, load_fn *load)
{
    for (size_t row = args->row_begin; row < args->row_end; row++) {
        size_t token = 0;
        for (; token + TOKENS <= args->token_count; token += TOKENS)
            tile(args, element_bytes, load, row, token, TOKENS);
        for (; token < args->token_count; token++)
            tile(args, element_bytes, load, row, token, 1);
    }
}

static void run_f32(const struct kernel_matmul_args *args)
{
    run(args, sizeof(float), load_f32);
}

static void run_f16(const struct kernel_matmul_args *args)
{
    run(args, sizeof(uint16_t), load_f16);
}

static void run_bf16(const struct kernel_matmul_args *args)
{
    run(args, sizeof(uint16_t), load_bf16);
}

void matmul_plain_neon_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_F32].run = run_f32;
    table->matmul[DTYPE_F16].run = run_f16;
    table->matmul[DTYPE_BF16].run = run_bf16;
}
