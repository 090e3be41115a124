/*
 * matmul_panel256_avx512 - products for many tokens with weights in blocks of 256, see
 * matmul_panel.h.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/packed_avx512.h"
#include "tensor/block_formats.h"

#include <stdalign.h>

enum { BLOCK = 256, STEPS = BLOCK / 4, BLOCKS_MAX = MATMUL_PANEL_COLUMNS / BLOCK };

/* Sub-blocks: 8 of 32 weights (Q4_K) or 16 of 16 (Q6_K). */
struct panel {
    alignas(64) uint8_t w[BLOCKS_MAX][STEPS][PANEL_GROUPS][PANEL_LANES][4];
    alignas(64) int32_t sub_scale[BLOCKS_MAX][16][PANEL_GROUPS][PANEL_LANES];
    alignas(64) int32_t min_pair[BLOCKS_MAX][8][PANEL_GROUPS][PANEL_LANES]; /* two words */
    alignas(64) float scale[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    alignas(64) float min[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    unsigned shift; /* without mins: weights have 2^shift added */
};

/* Where the numbers of each token of a tile are. */
struct token {
    const unsigned char *q; /* of the panel's first column */
    const float *scale;     /* of the row's first block, as the sums */
    const int16_t *sums;
    float *out;
};

TEMPLATE void find_tokens(const struct panel_tile *tile, size_t subs,
                          struct token token[PANEL_TILE], unsigned tokens)
{
    const struct kernel_matmul_args *args = tile->args;
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        const struct activation_q8_256 a =
            activation_q8_256_view(panel_activation(tile, t), args->columns);
        token[t] = (struct token){
            .q = (const unsigned char *)a.q + tile->block_begin * BLOCK,
            .scale = a.scale + tile->block_begin,
            .sums = (subs == 16 ? a.sum16 : a.sum32) + tile->block_begin * subs,
            .out = args->out + (tile->token + t) * args->out_stride + tile->rows->first,
        };
    }
}

/* c = start + the dot products of `steps` steps from `step` on. */
TEMPLATE void add_products(const uint8_t (*w)[PANEL_GROUPS][PANEL_LANES][4], size_t steps,
                           const struct token token[PANEL_TILE], size_t column,
                           __m512i c[PANEL_TILE][PANEL_GROUPS], unsigned tokens, unsigned groups)
{
    UNROLL_FOR (size_t s = 0; s < steps; s++) {
        /* Two variables: gcc 12 loads the elements of an array again for each token. */
        const __m512i first = _mm512_load_si512(w[s][0]);
        const __m512i second = groups == 2 ? _mm512_load_si512(w[s][1]) : first;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m512i x = panel_broadcast(token[t].q + column + s * 4);
            c[t][0] = panel_dot(c[t][0], first, x);
            if (groups == 2)
                c[t][1] = panel_dot(c[t][1], second, x);
        }
    }
}

/* ---------------------------------------------------------------- one tile of tokens */

/* The sums of sub_scale * (sum of weight * activation); a sub-block's inner sum begins at
 * `start`. */
TEMPLATE void add_sub_blocks(const struct panel *panel, size_t b, size_t subs,
                             int32_t start[PANEL_TILE][16], const struct token token[PANEL_TILE],
                             __m512i isum[PANEL_TILE][PANEL_GROUPS], unsigned tokens,
                             unsigned groups)
{
    const size_t steps = STEPS / subs;
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            isum[t][g] = _mm512_setzero_si512();
    for (size_t sub = 0; sub < subs; sub++) {
        __m512i c[PANEL_TILE][PANEL_GROUPS];
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                c[t][g] = start ? _mm512_set1_epi32(start[t][sub]) : _mm512_setzero_si512();
        add_products(&panel->w[b][sub * steps], steps, token, b * BLOCK + sub * steps * 4, c,
                     tokens, groups);
        UNROLL_FOR (size_t g = 0; g < groups; g++) {
            const __m512i scale = _mm512_load_si512(panel->sub_scale[b][sub][g]);
            UNROLL_FOR (size_t t = 0; t < tokens; t++)
                isum[t][g] = _mm512_add_epi32(isum[t][g], _mm512_mullo_epi32(c[t][g], scale));
        }
    }
}

/* out = fma(da, u, out); `is_first`: the columns before are none. */
TEMPLATE void add_block(const struct token *token, const struct panel_tile *tile, size_t b,
                        __m512 u[PANEL_GROUPS], unsigned groups)
{
    const __m512 a_scale = _mm512_set1_ps(token->scale[b]);
    const bool is_first = tile->block_begin + b == 0;
    UNROLL_FOR (size_t g = 0; g < groups; g++) {
        float *out = token->out + g * PANEL_LANES;
        const __mmask16 there = tile->rows->there[g];
        const __m512 sum = is_first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(there, out);
        _mm512_mask_storeu_ps(out, there, _mm512_fmadd_ps(a_scale, u[g], sum));
    }
}

/* acc = fma(da, fma(-dmin, msum, d * isum), acc), in the output array. */
TEMPLATE void add_min(const struct panel *panel, const struct panel_tile *tile, size_t b,
                      size_t subs, const struct token token[PANEL_TILE],
                      __m512i isum[PANEL_TILE][PANEL_GROUPS], unsigned tokens, unsigned groups)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        __m512i msum[PANEL_GROUPS];
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            msum[g] = _mm512_setzero_si512();
        UNROLL_FOR (size_t pair = 0; pair < subs / 2; pair++) {
            const __m512i two = panel_broadcast(token[t].sums + b * subs + 2 * pair);
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                msum[g] = _mm512_dpwssd_epi32(msum[g],
                                              _mm512_load_si512(panel->min_pair[b][pair][g]), two);
        }
        __m512 u[PANEL_GROUPS];
        UNROLL_FOR (size_t g = 0; g < groups; g++) {
            u[g] =
                _mm512_mul_ps(_mm512_load_ps(panel->scale[b][g]), _mm512_cvtepi32_ps(isum[t][g]));
            u[g] = _mm512_fnmadd_ps(_mm512_load_ps(panel->min[b][g]), _mm512_cvtepi32_ps(msum[g]),
                                    u[g]);
        }
        add_block(&token[t], tile, b, u, groups);
    }
}

/* Unsigned weights with mins. */
TEMPLATE void multiply_min(const struct panel *panel, const struct panel_tile *tile, size_t subs,
                           unsigned tokens, unsigned groups)
{
    struct token token[PANEL_TILE];
    find_tokens(tile, subs, token, tokens);
    for (size_t b = 0; b < tile->block_count; b++) {
        __m512i isum[PANEL_TILE][PANEL_GROUPS];
        add_sub_blocks(panel, b, subs, NULL, token, isum, tokens, groups);
        add_min(panel, tile, b, subs, token, isum, tokens, groups);
    }
}

/* What the inner sums of a token begin with: -2^shift * (sum of a sub-block's activations). */
TEMPLATE void find_start(const struct panel *panel, const int16_t *sums, size_t subs,
                         int32_t start[16])
{
    const __m512i wide =
        subs == 16
            ? _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)sums))
            : _mm512_castsi256_si512(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)sums)));
    const __m512i offset = _mm512_slli_epi32(wide, panel->shift);
    _mm512_store_si512(start, _mm512_sub_epi32(_mm512_setzero_si512(), offset));
}

/* Signed weights, with 2^shift added. */
TEMPLATE void multiply_plain(const struct panel *panel, const struct panel_tile *tile, size_t subs,
                             unsigned tokens, unsigned groups)
{
    struct token token[PANEL_TILE];
    find_tokens(tile, subs, token, tokens);
    for (size_t b = 0; b < tile->block_count; b++) {
        alignas(64) int32_t start[PANEL_TILE][16];
        __m512i isum[PANEL_TILE][PANEL_GROUPS];
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            find_start(panel, token[t].sums + b * subs, subs, start[t]);
        add_sub_blocks(panel, b, subs, start, token, isum, tokens, groups);
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            __m512 u[PANEL_GROUPS];
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                u[g] = _mm512_mul_ps(_mm512_load_ps(panel->scale[b][g]),
                                     _mm512_cvtepi32_ps(isum[t][g]));
            add_block(&token[t], tile, b, u, groups);
        }
    }
}

TEMPLATE void multiply_by_32(const struct panel *panel, const struct panel_tile *tile,
                             unsigned tokens, unsigned groups)
{
    multiply_plain(panel, tile, 8, tokens, groups);
}

static void run_tile_by_32(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_32, panel, tile);
}

TEMPLATE void multiply_by_16(const struct panel *panel, const struct panel_tile *tile,
                             unsigned tokens, unsigned groups)
{
    multiply_plain(panel, tile, 16, tokens, groups);
}

static void run_tile_by_16(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_16, panel, tile);
}

TEMPLATE void multiply_by_32_min(const struct panel *panel, const struct panel_tile *tile,
                                 unsigned tokens, unsigned groups)
{
    multiply_min(panel, tile, 8, tokens, groups);
}

static void run_tile_by_32_min(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_32_min, panel, tile);
}

TEMPLATE void multiply_by_16_min(const struct panel *panel, const struct panel_tile *tile,
                                 unsigned tokens, unsigned groups)
{
    multiply_min(panel, tile, 16, tokens, groups);
}

static void run_tile_by_16_min(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_16_min, panel, tile);
}

/* ---------------------------------------------------------------- Q4_K */

/* Byte `index` of each dword. */
TEMPLATE __m512i byte_of(__m512i words, unsigned index)
{
    return _mm512_and_si512(_mm512_srli_epi32(words, 8 * index), _mm512_set1_epi32(0xff));
}

/* q4_k_scales.h with a row in each lane: `head` is the first 16 bytes of 16 blocks. */
TEMPLATE void decode_q4_k_head(struct panel *panel, size_t b, size_t g, const __m512i head[4])
{
    const __m512i six = _mm512_set1_epi32(0x3f3f3f3f);
    const __m512i four = _mm512_set1_epi32(0x0f0f0f0f);
    const __m512i top = _mm512_set1_epi32(0x30303030);
    const __m512i high_scales = _mm512_and_si512(_mm512_srli_epi32(head[1], 2), top);
    const __m512i high_mins = _mm512_and_si512(_mm512_srli_epi32(head[2], 2), top);
    const __m512i scales[2] = {_mm512_and_si512(head[1], six),
                               _mm512_or_si512(_mm512_and_si512(head[3], four), high_scales)};
    const __m512i mins[2] = {
        _mm512_and_si512(head[2], six),
        _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(head[3], 4), four), high_mins)};
    UNROLL_FOR (unsigned s = 0; s < 8; s++)
        _mm512_store_si512(panel->sub_scale[b][s][g], byte_of(scales[s / 4], s % 4));
    UNROLL_FOR (unsigned pair = 0; pair < 4; pair++) {
        const __m512i first = byte_of(mins[pair / 2], pair % 2 * 2);
        const __m512i second = byte_of(mins[pair / 2], pair % 2 * 2 + 1);
        _mm512_store_si512(panel->min_pair[b][pair][g],
                           _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
    }
    const __m512i min_bits = _mm512_srli_epi32(head[0], 16);
    _mm512_store_ps(panel->scale[b][g], _mm512_cvtph_ps(_mm512_cvtepi32_epi16(head[0])));
    _mm512_store_ps(panel->min[b][g], _mm512_cvtph_ps(_mm512_cvtepi32_epi16(min_bits)));
}

static void decode_q4_k(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m512i nibble = _mm512_set1_epi8(15);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q4_k);
            __m512i w[4];
            panel_columns(rows->row[g], offset, w);
            decode_q4_k_head(panel, b, g, w);
            /* 32 bytes are sub-blocks 2c (low nibbles) and 2c + 1 (high ones). */
            for (size_t part = 0; part < 8; part++) {
                panel_columns(rows->row[g], offset + offsetof(struct block_q4_k, q) + 16 * part, w);
                uint8_t(*low)[PANEL_GROUPS][PANEL_LANES][4] =
                    &panel->w[b][part / 2 * 16 + part % 2 * 4];
                UNROLL_FOR (size_t d = 0; d < 4; d++) {
                    const __m512i high = _mm512_srli_epi16(w[d], 4);
                    _mm512_store_si512(low[d][g], _mm512_and_si512(w[d], nibble));
                    _mm512_store_si512(low[d + 8][g], _mm512_and_si512(high, nibble));
                }
            }
        }
}

void matmul_panel256_avx512_q4_k(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, QK_BLOCK_LEN, sizeof(struct block_q4_k), decode_q4_k, run_tile_by_32_min, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- Q6_K */

/* One half of a block: 128 weights. `w` begins at the half's first step. */
TEMPLATE void decode_q6_k_half(const unsigned char *const row[PANEL_LANES], size_t offset,
                               size_t half, uint8_t (*w)[PANEL_GROUPS][PANEL_LANES][4], size_t g)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i top = _mm512_set1_epi8(0x30);
    for (size_t part = 0; part < 2; part++) { /* 16 of the 32 weights of each quarter */
        __m512i low[4];
        __m512i next[4];
        __m512i high[4];
        panel_columns(row, offset + 64 * half + 16 * part, low);
        panel_columns(row, offset + 64 * half + 32 + 16 * part, next);
        panel_columns(row, offset + offsetof(struct block_q6_k, q_high) + 32 * half + 16 * part,
                      high);
        UNROLL_FOR (size_t d = 0; d < 4; d++) {
            const size_t step = 4 * part + d;
            const __m512i high0 = _mm512_and_si512(_mm512_slli_epi16(high[d], 4), top);
            const __m512i high1 = _mm512_and_si512(_mm512_slli_epi16(high[d], 2), top);
            const __m512i high2 = _mm512_and_si512(high[d], top);
            const __m512i high3 = _mm512_and_si512(_mm512_srli_epi16(high[d], 2), top);
            const __m512i low2 = _mm512_and_si512(_mm512_srli_epi16(low[d], 4), nibble);
            const __m512i low3 = _mm512_and_si512(_mm512_srli_epi16(next[d], 4), nibble);
            _mm512_store_si512(w[step][g],
                               _mm512_or_si512(_mm512_and_si512(low[d], nibble), high0));
            _mm512_store_si512(w[step + 8][g],
                               _mm512_or_si512(_mm512_and_si512(next[d], nibble), high1));
            _mm512_store_si512(w[step + 16][g], _mm512_or_si512(low2, high2));
            _mm512_store_si512(w[step + 24][g], _mm512_or_si512(low3, high3));
        }
    }
}

static void decode_q6_k(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    panel->shift = 5;
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q6_k);
            __m512i scales[4];
            panel_columns(rows->row[g], offset + offsetof(struct block_q6_k, sub_scales), scales);
            UNROLL_FOR (unsigned s = 0; s < 16; s++) {
                const __m512i up = _mm512_slli_epi32(scales[s / 4], 24 - 8 * (s % 4));
                _mm512_store_si512(panel->sub_scale[b][s][g], _mm512_srai_epi32(up, 24));
            }
            _mm512_store_ps(
                panel->scale[b][g],
                panel_halves(rows->row[g], offset + offsetof(struct block_q6_k, scale)));
            for (size_t half = 0; half < 2; half++)
                decode_q6_k_half(rows->row[g], offset, half, &panel->w[b][32 * half], g);
        }
}

void matmul_panel256_avx512_q6_k(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, QK_BLOCK_LEN, sizeof(struct block_q6_k), decode_q6_k, run_tile_by_16, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- every type, unpacked */

/* The numbers of one block that are not its weights; rows are unpacked at `row`. */
static void turn_numbers(struct panel *panel, const unsigned char *const row[PANEL_LANES],
                         enum unpack_shape shape, size_t b, size_t g)
{
    const size_t subs = unpack_is_by_16(shape) ? 16 : 8;
    const size_t sub_scales = offsetof(struct unpacked, sub_scale) + b * subs * sizeof(int16_t);
    const size_t sub_mins = offsetof(struct unpacked, sub_min) + b * subs * sizeof(int16_t);
    __m512i w[4];
    panel_columns(row, offsetof(struct unpacked, scale), w); /* of all blocks of a panel */
    _mm512_store_si512(panel->scale[b][g], w[b]);
    for (size_t s = 0; s < subs; s += 8) {
        panel_columns(row, sub_scales + s * sizeof(int16_t), w);
        UNROLL_FOR (size_t d = 0; d < 4; d++) {
            const __m512i low = _mm512_srai_epi32(_mm512_slli_epi32(w[d], 16), 16);
            _mm512_store_si512(panel->sub_scale[b][s + 2 * d][g], low);
            _mm512_store_si512(panel->sub_scale[b][s + 2 * d + 1][g], _mm512_srai_epi32(w[d], 16));
        }
    }
    if (!unpack_has_min(shape))
        return;
    panel_columns(row, offsetof(struct unpacked, min), w);
    _mm512_store_si512(panel->min[b][g], w[b]);
    for (size_t s = 0; s < subs; s += 8) {
        panel_columns(row, sub_mins + s * sizeof(int16_t), w);
        UNROLL_FOR (size_t d = 0; d < 4; d++)
            _mm512_store_si512(panel->min_pair[b][s / 2 + d][g], w[d]);
    }
}

static void decode_unpacked(void *memory, const struct panel_rows *rows, size_t block_begin,
                            size_t block_count)
{
    struct panel *panel = memory;
    struct unpacked unpacked[PANEL_LANES];
    const unsigned char *row[PANEL_LANES];
    const enum unpack_shape shape = rows->unpack->shape;
    const __m512i flip = _mm512_set1_epi8(unpack_has_min(shape) ? 0 : (char)0x80);
    panel->shift = 7;
    for (size_t g = 0; g < rows->group_count; g++) {
        panel_unpack(rows, g, block_begin, block_count, unpacked, row);
        for (size_t b = 0; b < block_count; b++) {
            turn_numbers(panel, row, shape, b, g);
            for (size_t part = 0; part < BLOCK / 16; part++) {
                __m512i w[4];
                panel_columns(row, offsetof(struct unpacked, q) + b * BLOCK + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    _mm512_store_si512(panel->w[b][4 * part + d][g], _mm512_xor_si512(w[d], flip));
            }
        }
    }
}

void matmul_panel256_avx512_unpacked(const struct kernel_matmul_args *args,
                                     const struct unpack_format *unpack)
{
    static panel_tile_fn *const tiles[UNPACK_SHAPE_COUNT] = {
        [UNPACK_256_BY_32] = run_tile_by_32,
        [UNPACK_256_BY_16] = run_tile_by_16,
        [UNPACK_256_BY_32_MIN] = run_tile_by_32_min,
        [UNPACK_256_BY_16_MIN] = run_tile_by_16_min,
    };
    const struct panel_format format = {
        BLOCK, QK_BLOCK_LEN, unpack->block_bytes, decode_unpacked, tiles[unpack->shape], unpack, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- packed */

TEMPLATE void decode_packed(enum dtype dtype, struct panel *panel, const struct panel_rows *rows,
                            size_t block_begin, size_t block_count)
{
    const size_t codes_step = packed_vectors(dtype) * PACKED_VECTOR;
    const size_t pairs = dtype == DTYPE_Q6_K ? 8 : 4;
    panel->shift = packed_shift(dtype);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const unsigned char *block =
                rows->packed[g] + (block_begin + b) * packed_block_bytes(dtype, BLOCK);
            packed_ask(block + PANEL_GROUPS * rows->packed_stride,
                       packed_block_bytes(dtype, BLOCK));
            const unsigned char *codes = block + packed_number_bytes(dtype);
            _mm512_store_ps(panel->scale[b][g], packed_halves(block));
            UNROLL_FOR (size_t i = 0; i < pairs; i++) {
                const __m512i pair = packed_scale_pair(dtype, block, i);
                for (unsigned k = 0; k < 2; k++)
                    _mm512_store_si512(panel->sub_scale[b][2 * i + k][g], packed_of_pair(pair, k));
            }
            if (packed_has_min(dtype)) {
                _mm512_store_ps(panel->min[b][g], packed_halves(block + PACKED_HALVES));
                UNROLL_FOR (size_t i = 0; i < pairs; i++)
                    _mm512_store_si512(panel->min_pair[b][i][g], packed_min_pair(block, i));
            }
            for (size_t s = 0; s < BLOCK / 32; s++)
                UNROLL_FOR (int j = 0; j < 4; j++) {
                    __m512i w[2];
                    packed_steps(dtype, codes + s * codes_step, j, w);
                    _mm512_store_si512(panel->w[b][8 * s + 2 * (size_t)j][g], w[0]);
                    _mm512_store_si512(panel->w[b][8 * s + 2 * (size_t)j + 1][g], w[1]);
                }
        }
}

MATMUL_PANEL_PACKED_RUN(avx512, q4_k, Q4_K, 256, run_tile_by_32_min)
MATMUL_PANEL_PACKED_RUN(avx512, q5_k, Q5_K, 256, run_tile_by_32_min)
MATMUL_PANEL_PACKED_RUN(avx512, q6_k, Q6_K, 256, run_tile_by_16)
MATMUL_PANEL_PACKED_RUN(avx512, iq4_xs, IQ4_XS, 256, run_tile_by_32)
