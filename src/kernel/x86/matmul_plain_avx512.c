/*
 * matmul_plain_avx512 - products with F32, F16 and BF16 weights: the sixteen lanes of the
 * definition
 * (lanes.h) are the sixteen lanes of a vector.
 *
 * Threads: any; no state.
 */
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx512.h"

#include <immintrin.h>

enum { LANES = 16, ROWS = 4, TOKENS = 4 };

/* Sixteen weights from element `i` of a row on; only those in `there`, the others zero. */
typedef __m512(load_fn)(const unsigned char *row, size_t i, __mmask16 there);

static inline __m512 load_f32(const unsigned char *row, size_t i, __mmask16 there)
{
    return _mm512_maskz_loadu_ps(there, row + i * sizeof(float));
}

static inline __m512 load_f16(const unsigned char *row, size_t i, __mmask16 there)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(there, row + i * sizeof(uint16_t)));
}

static inline __m512 load_bf16(const unsigned char *row, size_t i, __mmask16 there)
{
    const __m256i half = _mm256_maskz_loadu_epi16(there, row + i * sizeof(uint16_t));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Outputs of `rows` rows from `row` on and `tokens` tokens from `token` on. */
TEMPLATE void tile(const struct kernel_matmul_args *args, size_t element_bytes, load_fn *load,
                   size_t row, size_t token, size_t rows, size_t tokens)
{
    const unsigned char *w[ROWS];
    const unsigned char *x[TOKENS];
    __m512 sum[ROWS][TOKENS];
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        w[r] = (const unsigned char *)args->weights + (row + r) * args->columns * element_bytes;
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        x[t] = (const unsigned char *)args->activations + (token + t) * args->activation_stride;
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            sum[r][t] = _mm512_setzero_ps();

    size_t i = 0;
    for (; i + LANES <= args->columns; i += LANES) {
        __m512 weight[ROWS];
        UNROLL_FOR (size_t r = 0; r < rows; r++)
            weight[r] = load(w[r], i, 0xffff);
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m512 value = _mm512_loadu_ps(x[t] + i * sizeof(float));
            UNROLL_FOR (size_t r = 0; r < rows; r++)
                sum[r][t] = _mm512_fmadd_ps(weight[r], value, sum[r][t]);
        }
    }
    if (i < args->columns) { /* lanes without an element keep their sum: not even -0 changes */
        const __mmask16 there = (__mmask16)((1u << (args->columns - i)) - 1);
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m512 value = _mm512_maskz_loadu_ps(there, x[t] + i * sizeof(float));
            UNROLL_FOR (size_t r = 0; r < rows; r++)
                sum[r][t] = _mm512_mask3_fmadd_ps(load(w[r], i, there), value, sum[r][t], there);
        }
    }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t r = 0; r < rows; r++)
            args->out[(token + t) * args->out_stride + row + r] = vector_avx512_sum(sum[r][t]);
}

TEMPLATE void tokens_of_rows(const struct kernel_matmul_args *args, size_t element_bytes,
                             load_fn *load, size_t row, size_t rows)
{
    size_t token = 0;
    for (; token + TOKENS <= args->token_count; token += TOKENS)
        tile(args, element_bytes, load, row, token, rows, TOKENS);
    switch (args->token_count - token) {
    case 1: tile(args, element_bytes, load, row, token, rows, 1); break;
    case 2: tile(args, element_bytes, load, row, token, rows, 2); break;
    case 3: tile(args, element_bytes, load, row, token, rows, 3); break;
    default: break;
    }
}

TEMPLATE void run(const struct kernel_matmul_args *args, size_t element_bytes, load_fn *load)
{
    size_t row = args->row_begin;
    for (; row + ROWS <= args->row_end; row += ROWS)
        tokens_of_rows(args, element_bytes, load, row, ROWS);
    for (; row < args->row_end; row++)
        tokens_of_rows(args, element_bytes, load, row, 1);
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

void matmul_plain_avx512_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_F32].run = run_f32;
    table->matmul[DTYPE_F16].run = run_f16;
    table->matmul[DTYPE_BF16].run = run_bf16;
}
