/*
 * matmul_panel32_avx2 - products for many tokens with weights that have a scale for each 32, see
 * matmul_panel.h.
 *
 * Signed weights: the sign of a weight moves to its activation, as in matmul_rows32_avx2.c. Q4_0:
 * the words of all eight steps of a block add up to at most 8 * 2 * 15 * 127 = 30480, so they are
 * widened once.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/packed_avx2.h"
#include "kernel/x86/panel_avx2.h"
#include "tensor/block_formats.h"

#include <stdalign.h>

enum { BLOCK = 32, STEPS = 8, BLOCKS_MAX = MATMUL_PANEL_COLUMNS / BLOCK };

struct panel {
    alignas(64) uint8_t w[BLOCKS_MAX][STEPS][PANEL_GROUPS][PANEL_LANES][4];
    alignas(64) float scale[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    alignas(64) float min[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES]; /* _TWO: the second scale */
};

TEMPLATE __m256i load_weights(const void *w)
{
    return _mm256_load_si256((const __m256i *)w);
}

/* acc = fma(dw * da, dot, acc) */
TEMPLATE __m256 add_block(const struct panel *panel, const struct panel_tile *tile, size_t b,
                          size_t t, size_t g, __m256i dot, __m256 sum)
{
    const struct activation_q8_32 a =
        activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
    const __m256 a_scale = _mm256_set1_ps(a.scale[tile->block_begin + b]);
    const __m256 scale = _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]), a_scale);
    return _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot), sum);
}

TEMPLATE void load_sums(const struct panel_tile *tile, unsigned tokens, unsigned groups,
                        __m256 sum[PANEL_TILE][PANEL_GROUPS])
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t g = 0; g < groups; g++)
            sum[t][g] = panel_load(tile, t, g, tile->block_begin == 0);
}

TEMPLATE void store_sums(const struct panel_tile *tile, unsigned tokens, unsigned groups,
                         __m256 sum[PANEL_TILE][PANEL_GROUPS])
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t g = 0; g < groups; g++)
            panel_store(tile, t, g, sum[t][g]);
}

/* ---------------------------------------------------------------- signed weights */

/* The products of steps [from, to) of a block. */
TEMPLATE void add_steps(const struct panel *panel, size_t b, size_t from, size_t to,
                        const unsigned char *const q[PANEL_TILE],
                        __m256i c[PANEL_TILE][PANEL_GROUPS], unsigned tokens, unsigned groups)
{
    const __m256i ones = _mm256_set1_epi16(1);
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            c[t][g] = _mm256_setzero_si256();
    for (size_t step = from; step < to; step++)
        UNROLL_FOR (size_t g = 0; g < groups; g++) {
            const __m256i w = load_weights(panel->w[b][step][g]);
            const __m256i size = _mm256_abs_epi8(w);
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                const __m256i x = _mm256_sign_epi8(panel_broadcast(q[t] + step * 4), w);
                const __m256i pairs = _mm256_maddubs_epi16(size, x);
                c[t][g] = _mm256_add_epi32(c[t][g], _mm256_madd_epi16(pairs, ones));
            }
        }
}

/* acc = fma(da, fma(min, sum, scale * dot), acc) */
TEMPLATE __m256 add_block_min(const struct panel *panel, const struct panel_tile *tile, size_t b,
                              size_t t, size_t g, __m256i dot, __m256 sum)
{
    const struct activation_q8_32 a =
        activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
    const size_t block = tile->block_begin + b;
    const __m256 scaled =
        _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]), _mm256_cvtepi32_ps(dot));
    const __m256 u = _mm256_fmadd_ps(_mm256_load_ps(panel->min[b][g]),
                                     _mm256_set1_ps((float)a.sum[block]), scaled);
    return _mm256_fmadd_ps(_mm256_set1_ps(a.scale[block]), u, sum);
}

/* acc = fma(da, fma(scale1, dot1, scale0 * dot0), acc) */
TEMPLATE __m256 add_block_two(const struct panel *panel, const struct panel_tile *tile, size_t b,
                              size_t t, size_t g, __m256i dot0, __m256i dot1, __m256 sum)
{
    const struct activation_q8_32 a =
        activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
    const __m256 first =
        _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]), _mm256_cvtepi32_ps(dot0));
    const __m256 u =
        _mm256_fmadd_ps(_mm256_load_ps(panel->min[b][g]), _mm256_cvtepi32_ps(dot1), first);
    return _mm256_fmadd_ps(_mm256_set1_ps(a.scale[tile->block_begin + b]), u, sum);
}

TEMPLATE void multiply(const struct panel *panel, const struct panel_tile *tile,
                       enum unpack_shape shape, unsigned tokens, unsigned groups)
{
    __m256 sum[PANEL_TILE][PANEL_GROUPS];
    load_sums(tile, tokens, groups, sum);
    for (size_t b = 0; b < tile->block_count; b++) {
        __m256i c[PANEL_TILE][PANEL_GROUPS];
        __m256i first[PANEL_TILE][PANEL_GROUPS];
        const unsigned char *q[PANEL_TILE];
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            q[t] = panel_activation(tile, t) + (tile->block_begin + b) * BLOCK;
        if (shape == UNPACK_32_TWO)
            add_steps(panel, b, 0, STEPS / 2, q, first, tokens, groups);
        add_steps(panel, b, shape == UNPACK_32_TWO ? STEPS / 2 : 0, STEPS, q, c, tokens, groups);
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                if (shape == UNPACK_32)
                    sum[t][g] = add_block(panel, tile, b, t, g, c[t][g], sum[t][g]);
                else if (shape == UNPACK_32_MIN)
                    sum[t][g] = add_block_min(panel, tile, b, t, g, c[t][g], sum[t][g]);
                else
                    sum[t][g] =
                        add_block_two(panel, tile, b, t, g, first[t][g], c[t][g], sum[t][g]);
            }
    }
    store_sums(tile, tokens, groups, sum);
}

TEMPLATE void multiply_plain(const struct panel *panel, const struct panel_tile *tile,
                             unsigned tokens, unsigned groups)
{
    multiply(panel, tile, UNPACK_32, tokens, groups);
}

TEMPLATE void multiply_min(const struct panel *panel, const struct panel_tile *tile,
                           unsigned tokens, unsigned groups)
{
    multiply(panel, tile, UNPACK_32_MIN, tokens, groups);
}

TEMPLATE void multiply_two(const struct panel *panel, const struct panel_tile *tile,
                           unsigned tokens, unsigned groups)
{
    multiply(panel, tile, UNPACK_32_TWO, tokens, groups);
}

static void run_tile(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_plain, panel, tile);
}

static void run_tile_min(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_min, panel, tile);
}

static void run_tile_two(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_two, panel, tile);
}

static void decode_q8_0(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q8_0);
            _mm256_store_ps(panel->scale[b][g], panel_halves(rows->row[g], offset));
            UNROLL_FOR (size_t part = 0; part < 2; part++) {
                __m256i w[4];
                panel_columns(rows->row[g], offset + offsetof(struct block_q8_0, q) + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    _mm256_store_si256((__m256i *)panel->w[b][4 * part + d][g], w[d]);
            }
        }
}

void matmul_panel32_avx2_q8_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, Q8_0_BLOCK_LEN, sizeof(struct block_q8_0), decode_q8_0, run_tile, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* Floats of the unpacked rows from `offset` on, `step` of them for each block. */
TEMPLATE void turn_floats(const unsigned char *const row[PANEL_LANES], size_t offset, size_t step,
                          size_t block_count, size_t g, float (*out)[PANEL_GROUPS][PANEL_LANES])
{
    for (size_t b = 0; b < block_count; b += 4 / step) {
        __m256i w[4];
        panel_columns(row, offset + b * step * sizeof(float), w);
        UNROLL_FOR (size_t d = 0; d < 4; d += step)
            _mm256_store_si256((__m256i *)out[b + d / step][g], w[d]);
    }
}

static void decode_unpacked(void *memory, const struct panel_rows *rows, size_t block_begin,
                            size_t block_count)
{
    struct panel *panel = memory;
    struct unpacked unpacked[PANEL_LANES];
    const unsigned char *row[PANEL_LANES];
    const size_t scales = offsetof(struct unpacked, scale);
    for (size_t g = 0; g < rows->group_count; g++) {
        panel_unpack(rows, g, block_begin, block_count, unpacked, row);
        for (size_t b = 0; b < block_count; b++)
            UNROLL_FOR (size_t part = 0; part < 2; part++) {
                __m256i w[4];
                panel_columns(row, offsetof(struct unpacked, q) + b * BLOCK + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    _mm256_store_si256((__m256i *)panel->w[b][4 * part + d][g], w[d]);
            }
        if (rows->unpack->shape == UNPACK_32_TWO) {
            turn_floats(row, scales, 2, block_count, g, panel->scale);
            turn_floats(row, scales + sizeof(float), 2, block_count, g, panel->min);
            continue;
        }
        turn_floats(row, scales, 1, block_count, g, panel->scale);
        if (rows->unpack->shape == UNPACK_32_MIN)
            turn_floats(row, offsetof(struct unpacked, min), 1, block_count, g, panel->min);
    }
}

void matmul_panel32_avx2_unpacked(const struct kernel_matmul_args *args,
                                  const struct unpack_format *unpack)
{
    static panel_tile_fn *const tiles[] = {
        [UNPACK_32] = run_tile, [UNPACK_32_MIN] = run_tile_min, [UNPACK_32_TWO] = run_tile_two};
    const struct panel_format format = {BLOCK,
                                        unpack->block_len,
                                        unpack->block_bytes,
                                        decode_unpacked,
                                        tiles[unpack->shape],
                                        unpack,
                                        0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- Q4_0 */

/* Weights have 8 added: 8 * (sum of the activations) is subtracted. */
TEMPLATE void multiply_q4_0(const struct panel *panel, const struct panel_tile *tile,
                            unsigned tokens, unsigned groups)
{
    __m256 sum[PANEL_TILE][PANEL_GROUPS];
    load_sums(tile, tokens, groups, sum);
    for (size_t b = 0; b < tile->block_count; b++) {
        __m256i c[PANEL_TILE][PANEL_GROUPS]; /* words */
        const unsigned char *q[PANEL_TILE];
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            q[t] = panel_activation(tile, t) + (tile->block_begin + b) * BLOCK;
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                c[t][g] = _mm256_setzero_si256();
        }
        for (size_t step = 0; step < STEPS; step++) {
            __m256i w[PANEL_GROUPS];
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                w[g] = load_weights(panel->w[b][step][g]);
            UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                const __m256i x = panel_broadcast(q[t] + step * 4);
                UNROLL_FOR (size_t g = 0; g < groups; g++)
                    c[t][g] = panel_add_words(c[t][g], w[g], x);
            }
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const struct activation_q8_32 a =
                activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
            const __m256i offset = _mm256_set1_epi32(8 * a.sum[tile->block_begin + b]);
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m256i dot = _mm256_madd_epi16(c[t][g], _mm256_set1_epi16(1));
                sum[t][g] =
                    add_block(panel, tile, b, t, g, _mm256_sub_epi32(dot, offset), sum[t][g]);
            }
        }
    }
    store_sums(tile, tokens, groups, sum);
}

static void run_tile_q4_0(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_q4_0, panel, tile);
}

static void decode_q4_0(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m256i nibble = _mm256_set1_epi8(15);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q4_0);
            _mm256_store_ps(panel->scale[b][g], panel_halves(rows->row[g], offset));
            __m256i w[4];
            panel_columns(rows->row[g], offset + offsetof(struct block_q4_0, q), w);
            UNROLL_FOR (size_t d = 0; d < 4; d++) {
                const __m256i high = _mm256_srli_epi16(w[d], 4);
                _mm256_store_si256((__m256i *)panel->w[b][d][g], _mm256_and_si256(w[d], nibble));
                _mm256_store_si256((__m256i *)panel->w[b][4 + d][g],
                                   _mm256_and_si256(high, nibble));
            }
        }
}

void matmul_panel32_avx2_q4_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, Q4_0_BLOCK_LEN, sizeof(struct block_q4_0), decode_q4_0, run_tile_q4_0, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- packed */

TEMPLATE void decode_packed(enum dtype dtype, struct panel *panel, const struct panel_rows *rows,
                            size_t block_begin, size_t block_count)
{
    for (size_t b = 0; b < block_count; b++) {
        const unsigned char *block =
            rows->packed + (block_begin + b) * packed_block_bytes(dtype, BLOCK);
        for (size_t g = 0; g < rows->group_count; g++) {
            const unsigned char *codes = block + packed_number_bytes(dtype) + g * PACKED_HALF;
            _mm256_store_ps(panel->scale[b][g], packed_scale(dtype, block, g));
            UNROLL_FOR (int j = 0; j < 4; j++) {
                __m256i w[2];
                packed_signed_steps(dtype, codes, j, w);
                _mm256_store_si256((__m256i *)panel->w[b][2 * j][g], w[0]);
                _mm256_store_si256((__m256i *)panel->w[b][2 * j + 1][g], w[1]);
            }
        }
    }
}

MATMUL_PANEL_PACKED_RUN(avx2, q8_0, Q8_0, 32, run_tile)
MATMUL_PANEL_PACKED_RUN(avx2, iq4_nl, IQ4_NL, 32, run_tile)
