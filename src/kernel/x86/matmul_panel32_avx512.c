/*
 * matmul_panel32_avx512 - products for many tokens with weights that have a scale for each 32
 * (Q8_0,
 * Q4_0), see matmul_panel.h.
 *
 * Weights are made unsigned by adding an offset (128, 8); the integer sum then begins at
 * -offset * (sum of the activations) instead of 0, so that the correction costs nothing.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/panel_avx512.h"
#include "tensor/block_formats.h"

#include <stdalign.h>

enum { BLOCK = 32, STEPS = 8, BLOCKS_MAX = MATMUL_PANEL_COLUMNS / BLOCK };

struct panel {
    alignas(64) uint8_t w[BLOCKS_MAX][STEPS][PANEL_GROUPS][PANEL_LANES][4];
    alignas(64) float scale[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    int shift; /* the offset as a power of two */
};

/* ---------------------------------------------------------------- one tile of tokens */

/* What a token brings to each block of the panel. */
struct token_numbers {
    int32_t start[PANEL_TILE][BLOCKS_MAX]; /* -offset * sum */
    float scale[PANEL_TILE][BLOCKS_MAX];
};

static void gather_numbers(const struct panel *panel, const struct panel_tile *tile,
                           struct token_numbers *out)
{
    for (size_t t = 0; t < tile->token_count; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
        for (size_t b = 0; b < tile->block_count; b++) {
            out->start[t][b] = -(a.sum[tile->block_begin + b] * (1 << panel->shift));
            out->scale[t][b] = a.scale[tile->block_begin + b];
        }
    }
}

TEMPLATE void multiply(const struct panel *panel, const struct panel_tile *tile, unsigned tokens,
                       unsigned groups)
{
    struct token_numbers numbers;
    gather_numbers(panel, tile, &numbers);
    const unsigned char *q[PANEL_TILE];
    __m512 sum[PANEL_TILE][PANEL_GROUPS];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        q[t] = panel_activation(tile, t) + tile->block_begin * BLOCK;
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            sum[t][g] = panel_load(tile, t, g, tile->block_begin == 0);
    }
    for (size_t b = 0; b < tile->block_count; b++) {
        __m512i c[PANEL_TILE][PANEL_GROUPS];
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                c[t][g] = _mm512_set1_epi32(numbers.start[t][b]);
        for (size_t step = 0; step < STEPS; step++) {
            __m512i w[PANEL_GROUPS];
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                w[g] = _mm512_load_si512(panel->w[b][step][g]);
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                const __m512i x = panel_broadcast(q[t] + b * BLOCK + step * 4);
                UNROLL_FOR (size_t g = 0; g < groups; g++)
                    c[t][g] = panel_dot(c[t][g], w[g], x);
            }
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m512 scale = _mm512_mul_ps(_mm512_load_ps(panel->scale[b][g]),
                                                   _mm512_set1_ps(numbers.scale[t][b]));
                sum[t][g] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(c[t][g]), sum[t][g]);
            }
    }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            panel_store(tile, t, g, sum[t][g]);
}

static void run_tile(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply, panel, tile);
}

/* ---------------------------------------------------------------- unpacking */

static void decode_q8_0(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    panel->shift = 7;
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q8_0);
            _mm512_store_ps(panel->scale[b][g], panel_halves(rows->row[g], offset));
            UNROLL_FOR (size_t part = 0; part < 2; part++) {
                __m512i w[4];
                panel_columns(rows->row[g], offset + offsetof(struct block_q8_0, q) + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    _mm512_store_si512(panel->w[b][4 * part + d][g], _mm512_xor_si512(w[d], flip));
            }
        }
}

static void decode_q4_0(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m512i nibble = _mm512_set1_epi8(15);
    panel->shift = 3;
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q4_0);
            _mm512_store_ps(panel->scale[b][g], panel_halves(rows->row[g], offset));
            __m512i w[4];
            panel_columns(rows->row[g], offset + offsetof(struct block_q4_0, q), w);
            UNROLL_FOR (size_t d = 0; d < 4; d++) {
                const __m512i high = _mm512_srli_epi16(w[d], 4);
                _mm512_store_si512(panel->w[b][d][g], _mm512_and_si512(w[d], nibble));
                _mm512_store_si512(panel->w[b][4 + d][g], _mm512_and_si512(high, nibble));
            }
        }
}

void matmul_panel32_avx512_q8_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {Q8_0_BLOCK_LEN, sizeof(struct block_q8_0),
                                               decode_q8_0, run_tile};
    struct panel panel;
    panel_run(args, &format, &panel);
}

void matmul_panel32_avx512_q4_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {Q4_0_BLOCK_LEN, sizeof(struct block_q4_0),
                                               decode_q4_0, run_tile};
    struct panel panel;
    panel_run(args, &format, &panel);
}
