/*
 * matmul_rows - how the kernels for few tokens walk a matrix that lies as in the file: one row
 * after another, so that memory sees one ascending stream, each row multiplied with up to four
 * tokens.
 *
 * What differs by format and instruction set is one function: it turns a stretch of one row into
 * two numbers per unit (a block, or a part of one) and token, `factor` and `value`. What is left is
 * the definition of the result, acc = fma(factor, value, acc) in ascending order; a chain of
 * dependent operations, so eight of them (rows times tokens) run side by side.
 *
 * Only for files built for AVX2 or above. Threads: any; no state.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/unpack.h"
#include "kernel/unroll.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

enum {
    MATMUL_ROWS_TOKENS = 2, /* tokens that share one pass over a row */
    MATMUL_ROWS_CHAINS = 8,
    MATMUL_ROWS_BLOCKS = 128, /* units of a row between two runs of the chains */
    MATMUL_ROWS_PADDING = 16, /* kernels may write this many numbers too many */
};

/* A stretch of one row, and the activations it meets. */
struct matmul_rows_part {
    const void *blocks; /* the first block of the stretch */
    size_t block_begin; /* its first unit in the row */
    size_t block_count; /* of units */
    size_t columns;     /* of the whole row: where the activation's planes are */
    const void *activations[MATMUL_ROWS_TOKENS];
    const struct unpack_format *unpack; /* NULL where `run` reads the blocks itself */
};

/* One for each (row, token). */
struct matmul_rows_chain {
    const float *factor; /* [block_count]; the kernel may point it elsewhere than factor_memory */
    float factor_memory[MATMUL_ROWS_BLOCKS + MATMUL_ROWS_PADDING];
    float value[MATMUL_ROWS_BLOCKS + MATMUL_ROWS_PADDING];
};

/* Fills chain[t] for each token t. */
typedef void(matmul_rows_fn)(const struct matmul_rows_part *part, struct matmul_rows_chain *chain);

struct matmul_rows_format {
    size_t unit_len;
    size_t block_len; /* one unit or several */
    size_t block_bytes;
    matmul_rows_fn *run[MATMUL_ROWS_TOKENS]; /* for 1, 2 tokens */
    const struct unpack_format *unpack;
};

/* Turns eight rows of eight numbers around: element j of out[i] is element i of rows[j]. */
TEMPLATE void matmul_rows_turn(const float *const rows[8], size_t at, __m256 out[8])
{
    __m256 four[8]; /* rows j and j + 4: elements 0..3, then 4..7, of both */
    UNROLL_FOR (size_t j = 0; j < 4; j++) {
        const __m256 a = _mm256_loadu_ps(rows[j] + at);
        const __m256 b = _mm256_loadu_ps(rows[j + 4] + at);
        four[j] = _mm256_permute2f128_ps(a, b, 0x20);
        four[j + 4] = _mm256_permute2f128_ps(a, b, 0x31);
    }
    UNROLL_FOR (size_t half = 0; half < 8; half += 4) {
        const __m256 low01 = _mm256_unpacklo_ps(four[half], four[half + 1]);
        const __m256 low23 = _mm256_unpacklo_ps(four[half + 2], four[half + 3]);
        const __m256 high01 = _mm256_unpackhi_ps(four[half], four[half + 1]);
        const __m256 high23 = _mm256_unpackhi_ps(four[half + 2], four[half + 3]);
        out[half] = _mm256_shuffle_ps(low01, low23, 0x44);
        out[half + 1] = _mm256_shuffle_ps(low01, low23, 0xee);
        out[half + 2] = _mm256_shuffle_ps(high01, high23, 0x44);
        out[half + 3] = _mm256_shuffle_ps(high01, high23, 0xee);
    }
}

/* Eight chains at once, a lane each; returns how many blocks are done: a multiple of 8. */
static inline size_t matmul_rows_chains_8(const struct matmul_rows_chain *chain, size_t block_count,
                                          float *sums)
{
    const float *factors[8];
    const float *values[8];
    for (size_t i = 0; i < 8; i++) {
        factors[i] = chain[i].factor;
        values[i] = chain[i].value;
    }
    __m256 sum = _mm256_loadu_ps(sums);
    size_t b = 0;
    for (; b + 8 <= block_count; b += 8) {
        __m256 factor[8];
        __m256 value[8];
        matmul_rows_turn(factors, b, factor);
        matmul_rows_turn(values, b, value);
        UNROLL_FOR (size_t i = 0; i < 8; i++)
            sum = _mm256_fmadd_ps(factor[i], value[i], sum);
    }
    _mm256_storeu_ps(sums, sum);
    return b;
}

static inline void matmul_rows_chains(const struct matmul_rows_chain *chain, size_t chain_count,
                                      size_t block_count, float *sums)
{
    size_t begin = 0;
    if (chain_count == MATMUL_ROWS_CHAINS)
        begin = matmul_rows_chains_8(chain, block_count, sums);
    for (size_t b = begin; b < block_count; b++)
        for (size_t i = 0; i < chain_count; i++)
            sums[i] = fmaf(chain[i].factor[b], chain[i].value[b], sums[i]);
}

/* Number of blocks that `units` units fill. */
static inline size_t matmul_rows_blocks(const struct unpack_format *unpack, size_t units)
{
    return units * unpack_unit_len(unpack->shape) / unpack->block_len;
}

/* Unpacks units [at, at + units) of the stretch: whole blocks. */
static inline void matmul_rows_unpack(const struct matmul_rows_part *part, size_t at, size_t units,
                                      struct unpacked *out)
{
    const struct unpack_format *unpack = part->unpack;
    const size_t first = matmul_rows_blocks(unpack, at) * unpack->block_bytes;
    unpack->unpack((const char *)part->blocks + first, matmul_rows_blocks(unpack, units), out);
}

/* Rows [row, row + row_count) with tokens [token, token + token_count); row_count * token_count is
 * at most MATMUL_ROWS_CHAINS. */
static inline void matmul_rows_tile(const struct kernel_matmul_args *args,
                                    const struct matmul_rows_format *format, size_t row,
                                    size_t row_count, size_t token, size_t token_count)
{
    const size_t blocks = args->columns / format->unit_len;
    const size_t row_bytes = args->columns / format->block_len * format->block_bytes;
    struct matmul_rows_chain chain[MATMUL_ROWS_CHAINS];
    float sums[MATMUL_ROWS_CHAINS] = {0};
    struct matmul_rows_part part = {.columns = args->columns, .unpack = format->unpack};
    for (size_t t = 0; t < token_count; t++)
        part.activations[t] =
            (const char *)args->activations + (token + t) * args->activation_stride;

    for (size_t b = 0; b < blocks; b += MATMUL_ROWS_BLOCKS) {
        const size_t offset = b * format->unit_len / format->block_len * format->block_bytes;
        const size_t left = blocks - b;
        part.block_begin = b;
        part.block_count = left < MATMUL_ROWS_BLOCKS ? left : MATMUL_ROWS_BLOCKS;
        for (size_t r = 0; r < row_count; r++) {
            part.blocks = (const char *)args->weights + (row + r) * row_bytes + offset;
            format->run[token_count - 1](&part, &chain[r * token_count]);
        }
        matmul_rows_chains(chain, row_count * token_count, part.block_count, sums);
    }
    for (size_t r = 0; r < row_count; r++)
        for (size_t t = 0; t < token_count; t++)
            args->out[(token + t) * args->out_stride + row + r] = sums[r * token_count + t];
}

/* All rows and tokens of `args`: tokens in tiles of as equal size as can be, at most two. */
static inline void matmul_rows_run(const struct kernel_matmul_args *args,
                                   const struct matmul_rows_format *format)
{
    const size_t tiles = (args->token_count + MATMUL_ROWS_TOKENS - 1) / MATMUL_ROWS_TOKENS;
    if (tiles == 0)
        return;
    const size_t token_step = (args->token_count + tiles - 1) / tiles;
    const size_t row_step = MATMUL_ROWS_CHAINS / token_step;
    for (size_t row = args->row_begin; row < args->row_end; row += row_step) {
        const size_t rows_left = args->row_end - row;
        const size_t row_count = rows_left < row_step ? rows_left : row_step;
        for (size_t token = 0; token < args->token_count; token += token_step) {
            const size_t tokens_left = args->token_count - token;
            const size_t token_count = tokens_left < token_step ? tokens_left : token_step;
            matmul_rows_tile(args, format, row, row_count, token, token_count);
        }
    }
}
