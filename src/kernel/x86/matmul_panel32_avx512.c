/*
 * matmul_panel32_avx512 - products for many tokens with weights that have a scale for each 32,
 * see matmul_panel.h.
 *
 * Weights are made unsigned by adding an offset (128, 8); the integer sum then begins at
 * -offset * (sum of the activations) instead of 0, so that the correction costs nothing.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/packed_avx512.h"
#include "tensor/block_formats.h"

#include <stdalign.h>

enum { BLOCK = 32, STEPS = 8, BLOCKS_MAX = MATMUL_PANEL_COLUMNS / BLOCK };

struct panel {
    alignas(64) uint8_t w[BLOCKS_MAX][STEPS][PANEL_GROUPS][PANEL_LANES][4];
    alignas(64) float scale[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    alignas(64) float min[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES]; /* _TWO: the second scale */
    int offset;                                                   /* added to the weights */
};

/* ---------------------------------------------------------------- one tile of tokens */

/* What a token brings to each block of the panel. */
struct token_numbers {
    alignas(64) int32_t start[PANEL_TILE][2][BLOCKS_MAX]; /* -offset * sum; _TWO: of the halves */
    alignas(64) float sum[PANEL_TILE][BLOCKS_MAX];        /* _MIN */
    alignas(64) float scale[PANEL_TILE][BLOCKS_MAX];
};

/* The sum of 16 bytes. */
TEMPLATE int32_t sum_16(const int8_t *q)
{
    const __m128i positive =
        _mm_xor_si128(_mm_loadu_si128((const __m128i *)q), _mm_set1_epi8(-128));
    const __m128i sums = _mm_sad_epu8(positive, _mm_setzero_si128());
    return _mm_cvtsi128_si32(sums) + _mm_extract_epi32(sums, 2) - 16 * 128;
}

/* Loads may reach past the row's last block, but not past its planes. */
TEMPLATE void gather_numbers(const struct panel *panel, const struct panel_tile *tile,
                             enum unpack_shape shape, struct token_numbers *out, unsigned tokens)
{
    static_assert(BLOCKS_MAX * sizeof(int32_t) == ACTIVATION_PLANE_ALIGN, "a panel is one vector");
    const __m512i offset = _mm512_set1_epi32(-panel->offset);
    for (size_t t = 0; t < tokens; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(panel_activation(tile, t), tile->args->columns);
        const __m512i sums = _mm512_load_si512(a.sum + tile->block_begin);
        _mm512_store_ps(out->scale[t], _mm512_load_ps(a.scale + tile->block_begin));
        _mm512_store_ps(out->sum[t], _mm512_cvtepi32_ps(sums));
        _mm512_store_si512(out->start[t][0], _mm512_mullo_epi32(sums, offset));
        for (size_t b = 0; shape == UNPACK_32_TWO && b < tile->block_count; b++) {
            const size_t block = tile->block_begin + b;
            const int32_t first = sum_16(a.q + block * BLOCK);
            out->start[t][0][b] = -first * panel->offset;
            out->start[t][1][b] = -(a.sum[block] - first) * panel->offset;
        }
    }
}

/* Starts each sum of products with the token's correction, then adds steps [from, to). */
TEMPLATE void add_steps(const struct panel *panel, size_t b, size_t from, size_t to,
                        const struct token_numbers *numbers, int half,
                        const unsigned char *const q[PANEL_TILE],
                        __m512i c[PANEL_TILE][PANEL_GROUPS], unsigned tokens, unsigned groups)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            c[t][g] = _mm512_set1_epi32(numbers->start[t][half][b]);
    UNROLL_FOR (size_t step = from; step < to; step++) {
        /* Two variables: gcc 12 loads the elements of an array again for each token. */
        const __m512i first = _mm512_load_si512(panel->w[b][step][0]);
        const __m512i second = groups == 2 ? _mm512_load_si512(panel->w[b][step][1]) : first;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m512i x = panel_broadcast(q[t] + b * BLOCK + step * 4);
            c[t][0] = panel_dot(c[t][0], first, x);
            if (groups == 2)
                c[t][1] = panel_dot(c[t][1], second, x);
        }
    }
}

TEMPLATE void multiply(const struct panel *panel, const struct panel_tile *tile,
                       enum unpack_shape shape, unsigned tokens, unsigned groups)
{
    struct token_numbers numbers;
    gather_numbers(panel, tile, shape, &numbers, tokens);
    const unsigned char *q[PANEL_TILE];
    __m512 sum[PANEL_TILE][PANEL_GROUPS];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        q[t] = panel_activation(tile, t) + tile->block_begin * BLOCK;
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            sum[t][g] = panel_load(tile, t, g, tile->block_begin == 0);
    }
    for (size_t b = 0; b < tile->block_count; b++) {
        __m512i c[PANEL_TILE][PANEL_GROUPS];
        __m512 u[PANEL_TILE][PANEL_GROUPS];
        if (shape == UNPACK_32_TWO) {
            add_steps(panel, b, 0, STEPS / 2, &numbers, 0, q, c, tokens, groups);
            UNROLL_FOR (size_t t = 0; t < tokens; t++)
                UNROLL_FOR (size_t g = 0; g < groups; g++)
                    u[t][g] = _mm512_mul_ps(_mm512_load_ps(panel->scale[b][g]),
                                            _mm512_cvtepi32_ps(c[t][g]));
            add_steps(panel, b, STEPS / 2, STEPS, &numbers, 1, q, c, tokens, groups);
        } else {
            add_steps(panel, b, 0, STEPS, &numbers, 0, q, c, tokens, groups);
        }
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m512 dot = _mm512_cvtepi32_ps(c[t][g]);
                const __m512 scale = _mm512_load_ps(panel->scale[b][g]);
                const __m512 a_scale = _mm512_set1_ps(numbers.scale[t][b]);
                if (shape == UNPACK_32) {
                    sum[t][g] = _mm512_fmadd_ps(_mm512_mul_ps(scale, a_scale), dot, sum[t][g]);
                    continue;
                }
                const __m512 min = _mm512_load_ps(panel->min[b][g]);
                u[t][g] = shape == UNPACK_32_TWO
                              ? _mm512_fmadd_ps(min, dot, u[t][g])
                              : _mm512_fmadd_ps(min, _mm512_set1_ps(numbers.sum[t][b]),
                                                _mm512_mul_ps(scale, dot));
                sum[t][g] = _mm512_fmadd_ps(a_scale, u[t][g], sum[t][g]);
            }
    }
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            panel_store(tile, t, g, sum[t][g]);
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

/* ---------------------------------------------------------------- unpacking */

static void decode_q8_0(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    panel->offset = 128;
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
    panel->offset = 8;
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

/* Floats of the unpacked rows from `offset` on, `step` of them for each block. */
TEMPLATE void turn_floats(const unsigned char *const row[PANEL_LANES], size_t offset, size_t step,
                          size_t block_count, size_t g, float (*out)[PANEL_GROUPS][PANEL_LANES])
{
    for (size_t b = 0; b < block_count; b += 4 / step) {
        __m512i w[4];
        panel_columns(row, offset + b * step * sizeof(float), w);
        UNROLL_FOR (size_t d = 0; d < 4; d += step)
            _mm512_store_si512(out[b + d / step][g], w[d]);
    }
}

static void decode_unpacked(void *memory, const struct panel_rows *rows, size_t block_begin,
                            size_t block_count)
{
    struct panel *panel = memory;
    struct unpacked unpacked[PANEL_LANES];
    const unsigned char *row[PANEL_LANES];
    const size_t scales = offsetof(struct unpacked, scale);
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    panel->offset = 128;
    for (size_t g = 0; g < rows->group_count; g++) {
        panel_unpack(rows, g, block_begin, block_count, unpacked, row);
        for (size_t b = 0; b < block_count; b++)
            UNROLL_FOR (size_t part = 0; part < 2; part++) {
                __m512i w[4];
                panel_columns(row, offsetof(struct unpacked, q) + b * BLOCK + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    _mm512_store_si512(panel->w[b][4 * part + d][g], _mm512_xor_si512(w[d], flip));
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

void matmul_panel32_avx512_q8_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, Q8_0_BLOCK_LEN, sizeof(struct block_q8_0), decode_q8_0, run_tile, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

void matmul_panel32_avx512_q4_0(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, Q4_0_BLOCK_LEN, sizeof(struct block_q4_0), decode_q4_0, run_tile, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

void matmul_panel32_avx512_unpacked(const struct kernel_matmul_args *args,
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

/* ---------------------------------------------------------------- packed */

TEMPLATE void decode_packed(enum dtype dtype, struct panel *panel, const struct panel_rows *rows,
                            size_t block_begin, size_t block_count)
{
    panel->offset = packed_has_min(dtype) ? 0 : 1 << packed_shift(dtype);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const unsigned char *block =
                rows->packed[g] + (block_begin + b) * packed_block_bytes(dtype, BLOCK);
            packed_ask(block + PANEL_GROUPS * rows->packed_stride,
                       packed_block_bytes(dtype, BLOCK));
            _mm512_store_ps(panel->scale[b][g], packed_scale(dtype, block));
            if (packed_has_min(dtype))
                _mm512_store_ps(panel->min[b][g], packed_halves(block + PACKED_HALVES));
            UNROLL_FOR (int j = 0; j < 4; j++) {
                __m512i w[2];
                packed_steps(dtype, block + packed_number_bytes(dtype), j, w);
                _mm512_store_si512(panel->w[b][2 * j][g], w[0]);
                _mm512_store_si512(panel->w[b][2 * j + 1][g], w[1]);
            }
        }
}

MATMUL_PANEL_PACKED_RUN(avx512, q4_0, Q4_0, 32, run_tile)
MATMUL_PANEL_PACKED_RUN(avx512, q4_1, Q4_1, 32, run_tile_min)
MATMUL_PANEL_PACKED_RUN(avx512, q5_0, Q5_0, 32, run_tile)
MATMUL_PANEL_PACKED_RUN(avx512, q5_1, Q5_1, 32, run_tile_min)
MATMUL_PANEL_PACKED_RUN(avx512, q8_0, Q8_0, 32, run_tile)
MATMUL_PANEL_PACKED_RUN(avx512, iq4_nl, IQ4_NL, 32, run_tile)
MATMUL_PANEL_PACKED_RUN(avx512, mxfp4, MXFP4, 32, run_tile)
