/*
 * matmul_rows - how the kernels for few tokens walk a matrix that lies as in the file: one row
 * after
 * another, so that memory sees one ascending stream, each row multiplied with up to four tokens.
 *
 * What differs by format and instruction set is one function: it turns a stretch of one row into
 * two numbers per block and token, `factor` and `value`. What is left is the definition of the
 * result, acc = fma(factor, value, acc) in ascending block order; a chain of dependent operations,
 * so eight of them (rows times tokens) run side by side.
 *
 * Threads: any. Only static inline functions: files built for one instruction set include it.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/x86/unroll.h"

#include <math.h>
#include <string.h>

enum {
    MATMUL_ROWS_TOKENS = 4, /* tokens that share one pass over a row */
    MATMUL_ROWS_CHAINS = 8,
    MATMUL_ROWS_BLOCKS = 128, /* blocks of a row between two runs of the chains */
    MATMUL_ROWS_PADDING = 16, /* kernels may write this many numbers too many */
};

/* A stretch of one row, and the activations it meets. */
struct matmul_rows_part {
    const void *blocks; /* the first block of the stretch */
    size_t block_begin; /* its index in the row */
    size_t block_count;
    size_t columns; /* of the whole row: where the activation's planes are */
    const void *activations[MATMUL_ROWS_TOKENS];
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
    size_t block_len;
    size_t block_bytes;
    matmul_rows_fn *run[MATMUL_ROWS_TOKENS]; /* for 1, 2, 3, 4 tokens */
};

/* `count` chains from `first` on, side by side. */
TEMPLATE void matmul_rows_chains_of(const struct matmul_rows_chain *chain, size_t first,
                                    size_t count, size_t block_count, float *sums)
{
    float sum[MATMUL_ROWS_CHAINS];
    UNROLL_FOR (size_t i = 0; i < count; i++)
        sum[i] = sums[first + i];
    for (size_t b = 0; b < block_count; b++)
        UNROLL_FOR (size_t i = 0; i < count; i++)
            sum[i] = fmaf(chain[first + i].factor[b], chain[first + i].value[b], sum[i]);
    UNROLL_FOR (size_t i = 0; i < count; i++)
        sums[first + i] = sum[i];
}

static inline void matmul_rows_chains(const struct matmul_rows_chain *chain, size_t chain_count,
                                      size_t block_count, float *sums)
{
    size_t first = 0;
    for (; first + 8 <= chain_count; first += 8)
        matmul_rows_chains_of(chain, first, 8, block_count, sums);
    for (; first + 3 <= chain_count; first += 3)
        matmul_rows_chains_of(chain, first, 3, block_count, sums);
    for (; first < chain_count; first++)
        matmul_rows_chains_of(chain, first, 1, block_count, sums);
}

/* Rows [row, row + row_count) with tokens [token, token + token_count); row_count * token_count is
 * at most MATMUL_ROWS_CHAINS. */
static inline void matmul_rows_tile(const struct kernel_matmul_args *args,
                                    const struct matmul_rows_format *format, size_t row,
                                    size_t row_count, size_t token, size_t token_count)
{
    const size_t blocks = args->columns / format->block_len;
    const size_t row_bytes = blocks * format->block_bytes;
    struct matmul_rows_chain chain[MATMUL_ROWS_CHAINS];
    float sums[MATMUL_ROWS_CHAINS] = {0};
    struct matmul_rows_part part = {.columns = args->columns};
    for (size_t t = 0; t < token_count; t++)
        part.activations[t] =
            (const char *)args->activations + (token + t) * args->activation_stride;

    for (size_t b = 0; b < blocks; b += MATMUL_ROWS_BLOCKS) {
        const size_t left = blocks - b;
        part.block_begin = b;
        part.block_count = left < MATMUL_ROWS_BLOCKS ? left : MATMUL_ROWS_BLOCKS;
        for (size_t r = 0; r < row_count; r++) {
            part.blocks =
                (const char *)args->weights + (row + r) * row_bytes + b * format->block_bytes;
            format->run[token_count - 1](&part, &chain[r * token_count]);
        }
        matmul_rows_chains(chain, row_count * token_count, part.block_count, sums);
    }
    for (size_t r = 0; r < row_count; r++)
        for (size_t t = 0; t < token_count; t++)
            args->out[(token + t) * args->out_stride + row + r] = sums[r * token_count + t];
}

/* All rows and tokens of `args`: tokens in tiles of as equal size as can be, at most four. */
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
