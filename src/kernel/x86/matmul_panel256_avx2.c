/*
 * matmul_panel256_avx2 - products for many tokens with weights in blocks of 256, see
 * matmul_panel.h.
 *
 * Words of several steps are added before vpmaddwd multiplies them with the scale of the sub-block
 * and widens: eight steps of Q4_K are at most 8 * 2 * 15 * 127 = 30480, two of Q6_K 2 * 2 * 63 *
 * 127 = 32004, four of Q5_K 4 * 2 * 31 * 127 = 31496. Signed weights of all eight bits are
 * multiplied step by step.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/packed_avx2.h"
#include "kernel/x86/panel_avx2.h"
#include "tensor/block_formats.h"

#include <stdalign.h>

enum { BLOCK = 256, STEPS = BLOCK / 4, BLOCKS_MAX = MATMUL_PANEL_COLUMNS / BLOCK };

/* Sub-blocks: 8 of 32 weights (Q4_K) or 16 of 16 (Q6_K). */
struct panel {
    alignas(64) uint8_t w[BLOCKS_MAX][STEPS][PANEL_GROUPS][PANEL_LANES][4];
    alignas(64) int32_t sub_scale[BLOCKS_MAX][16][PANEL_GROUPS][PANEL_LANES]; /* a word, twice */
    alignas(64) int32_t pair[BLOCKS_MAX][8][PANEL_GROUPS][PANEL_LANES]; /* words of neighbours:
                                                             mins; scales of Q6_K */
    alignas(64) float scale[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
    alignas(64) float min[BLOCKS_MAX][PANEL_GROUPS][PANEL_LANES];
};

TEMPLATE __m256i load_vector(const void *lanes)
{
    return _mm256_load_si256((const __m256i *)lanes);
}

TEMPLATE void store_vector(void *lanes, __m256i value)
{
    _mm256_store_si256((__m256i *)lanes, value);
}

/* Sums as words of `steps` steps from `step` on, times `scale`, added to isum. */
TEMPLATE void add_steps(const struct panel *panel, size_t b, size_t step, size_t steps, size_t sub,
                        const unsigned char *const q[PANEL_TILE],
                        __m256i isum[PANEL_TILE][PANEL_GROUPS], unsigned tokens, unsigned groups)
{
    __m256i c[PANEL_TILE][PANEL_GROUPS];
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        UNROLL_FOR (size_t g = 0; g < groups; g++)
            c[t][g] = _mm256_setzero_si256();
    UNROLL_FOR (size_t s = 0; s < steps; s++) {
        /* Two variables: gcc 12 loads the elements of an array again for each token. */
        const __m256i first = load_vector(panel->w[b][step + s][0]);
        const __m256i second = groups == 2 ? load_vector(panel->w[b][step + s][1]) : first;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m256i x = panel_broadcast(q[t] + b * BLOCK + (step + s) * 4);
            c[t][0] = panel_add_words(c[t][0], first, x);
            if (groups == 2)
                c[t][1] = panel_add_words(c[t][1], second, x);
        }
    }
    UNROLL_FOR (size_t g = 0; g < groups; g++) {
        const __m256i scale = load_vector(panel->sub_scale[b][sub][g]);
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            isum[t][g] = _mm256_add_epi32(isum[t][g], _mm256_madd_epi16(c[t][g], scale));
    }
}

/* Sum over pairs of sub-blocks of the panel's words times the token's sums. */
TEMPLATE __m256i pair_sum(const struct panel *panel, size_t b, size_t g, const int16_t *sums,
                          size_t pairs)
{
    __m256i sum = _mm256_setzero_si256();
    UNROLL_FOR (size_t i = 0; i < pairs; i++)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load_vector(panel->pair[b][i][g]),
                                                      panel_broadcast(sums + 2 * i)));
    return sum;
}

/* ---------------------------------------------------------------- weights with mins */

/* `steps` steps are added as words. */
TEMPLATE void multiply_min(const struct panel *panel, const struct panel_tile *tile, size_t subs,
                           size_t steps, unsigned tokens, unsigned groups)
{
    const unsigned char *q[PANEL_TILE];
    __m256 sum[PANEL_TILE][PANEL_GROUPS];
    for (size_t t = 0; t < tokens; t++) {
        q[t] = panel_activation(tile, t) + tile->block_begin * BLOCK;
        for (size_t g = 0; g < groups; g++)
            sum[t][g] = panel_load(tile, t, g, tile->block_begin == 0);
    }
    for (size_t b = 0; b < tile->block_count; b++) {
        const size_t block = tile->block_begin + b;
        __m256i isum[PANEL_TILE][PANEL_GROUPS];
        for (size_t t = 0; t < tokens; t++)
            for (size_t g = 0; g < groups; g++)
                isum[t][g] = _mm256_setzero_si256();
        for (size_t step = 0; step < STEPS; step += steps)
            add_steps(panel, b, step, steps, step * subs / STEPS, q, isum, tokens, groups);
        for (size_t t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(panel_activation(tile, t), tile->args->columns);
            const int16_t *sums = (subs == 16 ? a.sum16 : a.sum32) + block * subs;
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m256i msum = pair_sum(panel, b, g, sums, subs / 2);
                __m256 u = _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]),
                                         _mm256_cvtepi32_ps(isum[t][g]));
                u = _mm256_fnmadd_ps(_mm256_load_ps(panel->min[b][g]), _mm256_cvtepi32_ps(msum), u);
                sum[t][g] = _mm256_fmadd_ps(_mm256_set1_ps(a.scale[block]), u, sum[t][g]);
            }
        }
    }
    for (size_t t = 0; t < tokens; t++)
        for (size_t g = 0; g < groups; g++)
            panel_store(tile, t, g, sum[t][g]);
}

TEMPLATE void multiply_q4_k(const struct panel *panel, const struct panel_tile *tile,
                            unsigned tokens, unsigned groups)
{
    multiply_min(panel, tile, 8, 8, tokens, groups);
}

TEMPLATE void multiply_by_32_min(const struct panel *panel, const struct panel_tile *tile,
                                 unsigned tokens, unsigned groups)
{
    multiply_min(panel, tile, 8, 4, tokens, groups);
}

TEMPLATE void multiply_by_16_min(const struct panel *panel, const struct panel_tile *tile,
                                 unsigned tokens, unsigned groups)
{
    multiply_min(panel, tile, 16, 4, tokens, groups);
}

static void run_tile_q4_k(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_q4_k, panel, tile);
}

static void run_tile_by_32_min(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_32_min, panel, tile);
}

static void run_tile_by_16_min(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_16_min, panel, tile);
}

/* ---------------------------------------------------------------- Q4_K */

/* Byte `index` of each dword. */
TEMPLATE __m256i byte_of(__m256i words, int index)
{
    return _mm256_and_si256(_mm256_srli_epi32(words, 8 * index), _mm256_set1_epi32(0xff));
}

TEMPLATE __m256i two_words(__m256i low, __m256i high)
{
    return _mm256_or_si256(low, _mm256_slli_epi32(high, 16));
}

/* The low words of eight dwords as floats. */
TEMPLATE __m256 halves_of(__m256i words)
{
    const __m256i low = _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0xd8);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}

/* q4_k_scales.h with a row in each lane: `head` is the first 16 bytes of 8 blocks. */
TEMPLATE void decode_q4_k_head(struct panel *panel, size_t b, size_t g, const __m256i head[4])
{
    const __m256i six = _mm256_set1_epi32(0x3f3f3f3f);
    const __m256i four = _mm256_set1_epi32(0x0f0f0f0f);
    const __m256i top = _mm256_set1_epi32(0x30303030);
    const __m256i high_scales = _mm256_and_si256(_mm256_srli_epi32(head[1], 2), top);
    const __m256i high_mins = _mm256_and_si256(_mm256_srli_epi32(head[2], 2), top);
    const __m256i scales[2] = {_mm256_and_si256(head[1], six),
                               _mm256_or_si256(_mm256_and_si256(head[3], four), high_scales)};
    const __m256i mins[2] = {
        _mm256_and_si256(head[2], six),
        _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(head[3], 4), four), high_mins)};
    UNROLL_FOR (int s = 0; s < 8; s++) {
        const __m256i scale = byte_of(scales[s / 4], s % 4);
        store_vector(panel->sub_scale[b][s][g], two_words(scale, scale));
    }
    UNROLL_FOR (int i = 0; i < 4; i++)
        store_vector(panel->pair[b][i][g], two_words(byte_of(mins[i / 2], i % 2 * 2),
                                                     byte_of(mins[i / 2], i % 2 * 2 + 1)));
    _mm256_store_ps(panel->scale[b][g], halves_of(head[0]));
    _mm256_store_ps(panel->min[b][g], halves_of(_mm256_srli_epi32(head[0], 16)));
}

static void decode_q4_k(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m256i nibble = _mm256_set1_epi8(15);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q4_k);
            __m256i w[4];
            panel_columns(rows->row[g], offset, w);
            decode_q4_k_head(panel, b, g, w);
            /* 32 bytes are sub-blocks 2c (low nibbles) and 2c + 1 (high ones). */
            for (size_t part = 0; part < 8; part++) {
                panel_columns(rows->row[g], offset + offsetof(struct block_q4_k, q) + 16 * part, w);
                uint8_t(*low)[PANEL_GROUPS][PANEL_LANES][4] =
                    &panel->w[b][part / 2 * 16 + part % 2 * 4];
                UNROLL_FOR (size_t d = 0; d < 4; d++) {
                    const __m256i high = _mm256_srli_epi16(w[d], 4);
                    store_vector(low[d][g], _mm256_and_si256(w[d], nibble));
                    store_vector(low[d + 8][g], _mm256_and_si256(high, nibble));
                }
            }
        }
}

void matmul_panel256_avx2_q4_k(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, QK_BLOCK_LEN, sizeof(struct block_q4_k), decode_q4_k, run_tile_q4_k, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- Q6_K */

/* Weights have 32 added: 32 * (sum of scale * sum of the activations) is subtracted. */
TEMPLATE void multiply_q6_k(const struct panel *panel, const struct panel_tile *tile,
                            unsigned tokens, unsigned groups)
{
    const unsigned char *q[PANEL_TILE];
    __m256 sum[PANEL_TILE][PANEL_GROUPS];
    for (size_t t = 0; t < tokens; t++) {
        q[t] = panel_activation(tile, t) + tile->block_begin * BLOCK;
        for (size_t g = 0; g < groups; g++)
            sum[t][g] = panel_load(tile, t, g, tile->block_begin == 0);
    }
    for (size_t b = 0; b < tile->block_count; b++) {
        const size_t block = tile->block_begin + b;
        __m256i isum[PANEL_TILE][PANEL_GROUPS];
        for (size_t t = 0; t < tokens; t++)
            for (size_t g = 0; g < groups; g++)
                isum[t][g] = _mm256_setzero_si256();
        for (size_t half = 0; half < 32; half++)
            add_steps(panel, b, half * 2, 2, half / 2, q, isum, tokens, groups);
        for (size_t t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(panel_activation(tile, t), tile->args->columns);
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m256i offset = pair_sum(panel, b, g, a.sum16 + block * 16, 8);
                const __m256i dot = _mm256_sub_epi32(isum[t][g], _mm256_slli_epi32(offset, 5));
                const __m256 u =
                    _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]), _mm256_cvtepi32_ps(dot));
                sum[t][g] = _mm256_fmadd_ps(_mm256_set1_ps(a.scale[block]), u, sum[t][g]);
            }
        }
    }
    for (size_t t = 0; t < tokens; t++)
        for (size_t g = 0; g < groups; g++)
            panel_store(tile, t, g, sum[t][g]);
}

static void run_tile_q6_k(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_q6_k, panel, tile);
}

/* One half of a block: 128 weights. `w` begins at the half's first step. */
TEMPLATE void decode_q6_k_half(const unsigned char *const row[PANEL_LANES], size_t offset,
                               size_t half, uint8_t (*w)[PANEL_GROUPS][PANEL_LANES][4], size_t g)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i top = _mm256_set1_epi8(0x30);
    for (size_t part = 0; part < 2; part++) { /* 16 of the 32 weights of each quarter */
        __m256i low[4];
        __m256i next[4];
        __m256i high[4];
        panel_columns(row, offset + 64 * half + 16 * part, low);
        panel_columns(row, offset + 64 * half + 32 + 16 * part, next);
        panel_columns(row, offset + offsetof(struct block_q6_k, q_high) + 32 * half + 16 * part,
                      high);
        UNROLL_FOR (size_t d = 0; d < 4; d++) {
            const size_t step = 4 * part + d;
            const __m256i high0 = _mm256_and_si256(_mm256_slli_epi16(high[d], 4), top);
            const __m256i high1 = _mm256_and_si256(_mm256_slli_epi16(high[d], 2), top);
            const __m256i high2 = _mm256_and_si256(high[d], top);
            const __m256i high3 = _mm256_and_si256(_mm256_srli_epi16(high[d], 2), top);
            const __m256i low2 = _mm256_and_si256(_mm256_srli_epi16(low[d], 4), nibble);
            const __m256i low3 = _mm256_and_si256(_mm256_srli_epi16(next[d], 4), nibble);
            store_vector(w[step][g], _mm256_or_si256(_mm256_and_si256(low[d], nibble), high0));
            store_vector(w[step + 8][g], _mm256_or_si256(_mm256_and_si256(next[d], nibble), high1));
            store_vector(w[step + 16][g], _mm256_or_si256(low2, high2));
            store_vector(w[step + 24][g], _mm256_or_si256(low3, high3));
        }
    }
}

static void decode_q6_k(void *memory, const struct panel_rows *rows, size_t block_begin,
                        size_t block_count)
{
    struct panel *panel = memory;
    const __m256i word = _mm256_set1_epi32(0xffff);
    for (size_t g = 0; g < rows->group_count; g++)
        for (size_t b = 0; b < block_count; b++) {
            const size_t offset = (block_begin + b) * sizeof(struct block_q6_k);
            __m256i bytes[4];
            __m256i scale[16]; /* words, the upper half of a dword zero */
            panel_columns(rows->row[g], offset + offsetof(struct block_q6_k, sub_scales), bytes);
            UNROLL_FOR (int s = 0; s < 16; s++) {
                const __m256i up = _mm256_slli_epi32(bytes[s / 4], 24 - 8 * (s % 4));
                scale[s] = _mm256_and_si256(_mm256_srai_epi32(up, 24), word);
                store_vector(panel->sub_scale[b][s][g], two_words(scale[s], scale[s]));
            }
            UNROLL_FOR (int i = 0; i < 8; i++)
                store_vector(panel->pair[b][i][g], two_words(scale[2 * i], scale[2 * i + 1]));
            _mm256_store_ps(
                panel->scale[b][g],
                panel_halves(rows->row[g], offset + offsetof(struct block_q6_k, scale)));
            for (size_t half = 0; half < 2; half++)
                decode_q6_k_half(rows->row[g], offset, half, &panel->w[b][32 * half], g);
        }
}

void matmul_panel256_avx2_q6_k(const struct kernel_matmul_args *args)
{
    static const struct panel_format format = {
        BLOCK, QK_BLOCK_LEN, sizeof(struct block_q6_k), decode_q6_k, run_tile_q6_k, NULL, 0};
    struct panel panel;
    panel_run(args, &format, &panel);
}

/* ---------------------------------------------------------------- every type, unpacked */

/* Signed weights: their sign moves to the activation. */
TEMPLATE void multiply_signed(const struct panel *panel, const struct panel_tile *tile, size_t subs,
                              unsigned tokens, unsigned groups)
{
    for (size_t b = 0; b < tile->block_count; b++) {
        const size_t block = tile->block_begin + b;
        const unsigned char *q[PANEL_TILE];
        __m256i isum[PANEL_TILE][PANEL_GROUPS];
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            q[t] = panel_activation(tile, t) + block * BLOCK;
            UNROLL_FOR (size_t g = 0; g < groups; g++)
                isum[t][g] = _mm256_setzero_si256();
        }
        for (size_t step = 0; step < STEPS; step++)
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m256i w = load_vector(panel->w[b][step][g]);
                const __m256i size = _mm256_abs_epi8(w);
                const __m256i scale = load_vector(panel->sub_scale[b][step * subs / STEPS][g]);
                UNROLL_FOR (size_t t = 0; t < tokens; t++) {
                    const __m256i x = _mm256_sign_epi8(panel_broadcast(q[t] + step * 4), w);
                    const __m256i pairs = _mm256_maddubs_epi16(size, x);
                    isum[t][g] = _mm256_add_epi32(isum[t][g], _mm256_madd_epi16(pairs, scale));
                }
            }
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(panel_activation(tile, t), tile->args->columns);
            UNROLL_FOR (size_t g = 0; g < groups; g++) {
                const __m256 u = _mm256_mul_ps(_mm256_load_ps(panel->scale[b][g]),
                                               _mm256_cvtepi32_ps(isum[t][g]));
                const __m256 sum = panel_load(tile, t, g, block == 0);
                panel_store(tile, t, g, _mm256_fmadd_ps(_mm256_set1_ps(a.scale[block]), u, sum));
            }
        }
    }
}

TEMPLATE void multiply_by_32(const struct panel *panel, const struct panel_tile *tile,
                             unsigned tokens, unsigned groups)
{
    multiply_signed(panel, tile, 8, tokens, groups);
}

TEMPLATE void multiply_by_16(const struct panel *panel, const struct panel_tile *tile,
                             unsigned tokens, unsigned groups)
{
    multiply_signed(panel, tile, 16, tokens, groups);
}

static void run_tile_by_32(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_32, panel, tile);
}

static void run_tile_by_16(const void *panel, const struct panel_tile *tile)
{
    PANEL_CHOOSE(multiply_by_16, panel, tile);
}

/* The numbers of one block that are not its weights; rows are unpacked at `row`. */
static void turn_numbers(struct panel *panel, const unsigned char *const row[PANEL_LANES],
                         enum unpack_shape shape, size_t b, size_t g)
{
    const size_t subs = unpack_is_by_16(shape) ? 16 : 8;
    const size_t sub_scales = offsetof(struct unpacked, sub_scale) + b * subs * sizeof(int16_t);
    const size_t sub_mins = offsetof(struct unpacked, sub_min) + b * subs * sizeof(int16_t);
    const __m256i low_word = _mm256_set1_epi32(0xffff);
    __m256i w[4];
    panel_columns(row, offsetof(struct unpacked, scale), w); /* of all blocks of a panel */
    store_vector(panel->scale[b][g], w[b]);
    for (size_t s = 0; s < subs; s += 8) {
        panel_columns(row, sub_scales + s * sizeof(int16_t), w);
        UNROLL_FOR (size_t d = 0; d < 4; d++) {
            const __m256i low = _mm256_and_si256(w[d], low_word);
            const __m256i high = _mm256_srli_epi32(w[d], 16);
            store_vector(panel->sub_scale[b][s + 2 * d][g], two_words(low, low));
            store_vector(panel->sub_scale[b][s + 2 * d + 1][g], two_words(high, high));
        }
    }
    if (!unpack_has_min(shape))
        return;
    panel_columns(row, offsetof(struct unpacked, min), w);
    store_vector(panel->min[b][g], w[b]);
    for (size_t s = 0; s < subs; s += 8) {
        panel_columns(row, sub_mins + s * sizeof(int16_t), w);
        UNROLL_FOR (size_t d = 0; d < 4; d++)
            store_vector(panel->pair[b][s / 2 + d][g], w[d]);
    }
}

static void decode_unpacked(void *memory, const struct panel_rows *rows, size_t block_begin,
                            size_t block_count)
{
    struct panel *panel = memory;
    struct unpacked unpacked[PANEL_LANES];
    const unsigned char *row[PANEL_LANES];
    for (size_t g = 0; g < rows->group_count; g++) {
        panel_unpack(rows, g, block_begin, block_count, unpacked, row);
        for (size_t b = 0; b < block_count; b++) {
            turn_numbers(panel, row, rows->unpack->shape, b, g);
            for (size_t part = 0; part < BLOCK / 16; part++) {
                __m256i w[4];
                panel_columns(row, offsetof(struct unpacked, q) + b * BLOCK + 16 * part, w);
                UNROLL_FOR (size_t d = 0; d < 4; d++)
                    store_vector(panel->w[b][4 * part + d][g], w[d]);
            }
        }
    }
}

void matmul_panel256_avx2_unpacked(const struct kernel_matmul_args *args,
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

TEMPLATE void decode_packed_numbers(enum dtype dtype, const unsigned char *block, size_t b,
                                    size_t g, struct panel *panel)
{
    _mm256_store_ps(panel->scale[b][g], packed_halves(block, g));
    if (packed_has_min(dtype))
        _mm256_store_ps(panel->min[b][g], packed_halves(block + PACKED_HALVES, g));
    packed_read_numbers(dtype, block, g, (__m256i(*)[PANEL_GROUPS])panel->sub_scale[b],
                        (__m256i(*)[PANEL_GROUPS])panel->pair[b]);
}

TEMPLATE void decode_packed(enum dtype dtype, struct panel *panel, const struct panel_rows *rows,
                            size_t block_begin, size_t block_count)
{
    const size_t codes_step = packed_vectors(dtype) * PACKED_VECTOR;
    for (size_t b = 0; b < block_count; b++) {
        const unsigned char *block =
            rows->packed + (block_begin + b) * packed_block_bytes(dtype, BLOCK);
        for (size_t g = 0; g < rows->group_count; g++) {
            const unsigned char *codes = block + packed_number_bytes(dtype) + g * PACKED_HALF;
            decode_packed_numbers(dtype, block, b, g, panel);
            for (size_t s = 0; s < BLOCK / 32; s++)
                UNROLL_FOR (int j = 0; j < 4; j++) {
                    __m256i w[2];
                    if (packed_planes(dtype) == 2)
                        packed_signed_steps(dtype, codes + s * codes_step, j, w);
                    else
                        packed_steps(dtype, codes + s * codes_step, j, w);
                    store_vector(panel->w[b][8 * s + 2 * (size_t)j][g], w[0]);
                    store_vector(panel->w[b][8 * s + 2 * (size_t)j + 1][g], w[1]);
                }
        }
    }
}

MATMUL_PANEL_PACKED_RUN(avx2, q5_k, Q5_K, 256, run_tile_by_32_min)
MATMUL_PANEL_PACKED_RUN(avx2, q6_k, Q6_K, 256, run_tile_q6_k)
MATMUL_PANEL_PACKED_RUN(avx2, iq4_xs, IQ4_XS, 256, run_tile_by_32)
