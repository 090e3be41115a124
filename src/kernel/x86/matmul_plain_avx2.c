/*
 * matmul_plain_avx2 - products with F32, F16 and BF16 weights: the sixteen lanes of the definition
 * (lanes.h) are two vectors.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"
#include "tensor/bfloat16.h"
#include "tensor/half.h"

enum { ROWS = 2, TOKENS = 2 };

/* Eight weights, or one, from element `i` of a row on. */
typedef __m256(load_fn)(const unsigned char *row, size_t i);
typedef float(load_one_fn)(const unsigned char *row, size_t i);

static inline __m256 load_f32(const unsigned char *row, size_t i)
{
    return _mm256_loadu_ps((const float *)(const void *)row + i);
}

static inline __m256 load_f16(const unsigned char *row, size_t i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(row + i * sizeof(uint16_t))));
}

static inline __m256 load_bf16(const unsigned char *row, size_t i)
{
    const __m128i half = _mm_loadu_si128((const __m128i *)(row + i * sizeof(uint16_t)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

static inline float load_one_f32(const unsigned char *row, size_t i)
{
    float value = 0;
    memcpy(&value, row + i * sizeof(value), sizeof(value));
    return value;
}

static inline float load_one_f16(const unsigned char *row, size_t i)
{
    uint16_t half = 0;
    memcpy(&half, row + i * sizeof(half), sizeof(half));
    return half_to_float(half);
}

static inline float load_one_bf16(const unsigned char *row, size_t i)
{
    uint16_t half = 0;
    memcpy(&half, row + i * sizeof(half), sizeof(half));
    return bfloat16_to_float(half);
}

/* What differs between the types, constant at every use. */
struct type {
    size_t element_bytes;
    load_fn *load;
    load_one_fn *load_one;
};

/* The sum of two vectors of lanes and of the elements from `begin` on, fewer than 16. */
TEMPLATE float finish(const __m256 sum[2], struct type type, const unsigned char *w, const float *x,
                      size_t begin, size_t columns)
{
    if (begin == columns)
        return vector_avx2_sum(sum[0], sum[1]);
    float lane[LANES];
    _mm256_storeu_ps(&lane[0], sum[0]);
    _mm256_storeu_ps(&lane[8], sum[1]);
    for (size_t i = begin; i < columns; i++)
        lane[i - begin] = fmaf(type.load_one(w, i), x[i], lane[i - begin]);
    return lanes_sum(lane);
}

/* Outputs of `rows` rows from `row` on and `tokens` tokens from `token` on. */
TEMPLATE void tile(const struct kernel_matmul_args *args, struct type type, size_t row,
                   size_t token, size_t rows, size_t tokens)
{
    const unsigned char *w[ROWS];
    const float *x[TOKENS];
    __m256 sum[ROWS][TOKENS][2];
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        w[r] =
            (const unsigned char *)args->weights + (row + r) * args->columns * type.element_bytes;
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        x[t] = (const float *)(const void *)((const char *)args->activations +
                                             (token + t) * args->activation_stride);
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            sum[r][t][0] = sum[r][t][1] = _mm256_setzero_ps();

    size_t i = 0;
    for (; i + LANES <= args->columns; i += LANES)
        UNROLL_FOR (size_t half = 0; half < 2; half++) {
            __m256 weight[ROWS];
            UNROLL_FOR (size_t r = 0; r < rows; r++)
                weight[r] = type.load(w[r], i + 8 * half);
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                const __m256 value = _mm256_loadu_ps(x[t] + i + 8 * half);
                UNROLL_FOR (size_t r = 0; r < rows; r++)
                    sum[r][t][half] = _mm256_fmadd_ps(weight[r], value, sum[r][t][half]);
            }
        }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t r = 0; r < rows; r++)
            args->out[(token + t) * args->out_stride + row + r] =
                finish(sum[r][t], type, w[r], x[t], i, args->columns);
}

TEMPLATE void tokens_of_rows(const struct kernel_matmul_args *args, struct type type, size_t row,
                             size_t rows)
{
    size_t token = 0;
    for (; token + TOKENS <= args->token_count; token += TOKENS)
        tile(args, type, row, token, rows, TOKENS);
    if (token < args->token_count)
        tile(args, type, row, token, rows, 1);
}

TEMPLATE void run(const struct kernel_matmul_args *args, struct type type)
{
    size_t row = args->row_begin;
    for (; row + ROWS <= args->row_end; row += ROWS)
        tokens_of_rows(args, type, row, ROWS);
    if (row < args->row_end)
        tokens_of_rows(args, type, row, 1);
}

static void run_f32(const struct kernel_matmul_args *args)
{
    run(args, (struct type){sizeof(float), load_f32, load_one_f32});
}

static void run_f16(const struct kernel_matmul_args *args)
{
    run(args, (struct type){sizeof(uint16_t), load_f16, load_one_f16});
}

static void run_bf16(const struct kernel_matmul_args *args)
{
    run(args, (struct type){sizeof(uint16_t), load_bf16, load_one_bf16});
}

void matmul_plain_avx2_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_F32].run = run_f32;
    table->matmul[DTYPE_F16].run = run_f16;
    table->matmul[DTYPE_BF16].run = run_bf16;
}
