/*
 * matmul_packed_avx512 - products of packed weights (packed.h).
 *
 * For few tokens 16 rows are multiplied straight from the packed stream, their sums in registers; a
 * lane is one output, so the order of additions is that of the reference by construction. For many
 * tokens the weights go through a panel (matmul_panel.h), which the packed layout fills faster.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/packed_avx512.h"

enum {
    TILE = 6,      /* tokens whose sums are in registers */
    TILES_MAX = 3, /* from more on a panel is faster */
    AHEAD = 4096,  /* bytes: what is wanted of memory early */
    PAIRS = 4,     /* of 64 values, in a block of 256 */
};

/* 16 rows and some tokens. */
struct tile {
    const struct kernel_matmul_args *args;
    const unsigned char *group;
    size_t row;
    size_t token;
    __mmask16 there;
};

typedef void(tile_fn)(const struct tile *tile);

TEMPLATE const unsigned char *activation(const struct tile *tile, size_t t)
{
    return (const unsigned char *)tile->args->activations +
           (tile->token + t) * tile->args->activation_stride;
}

TEMPLATE void store(const struct tile *tile, const __m512 sum[TILE], unsigned tokens)
{
    const struct kernel_matmul_args *args = tile->args;
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        _mm512_mask_storeu_ps(args->out + (tile->token + t) * args->out_stride + tile->row,
                              tile->there, sum[t]);
}

struct four_bytes {
    unsigned char bytes[4];
};

/* sum + the dot products of w with four bytes at x, in each lane. */
TEMPLATE __m512i dot_at(__m512i sum, __m512i w, const unsigned char *x)
{
    const struct four_bytes *four = (const void *)x;
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*four));
    return sum;
}

/* The processor's own prefetching falls behind this loop, which does more for each line than it
 * sees coming (Zen 5, one row: 71 % of the bandwidth without, 92 % with; 2 to 8 KiB are alike). */
TEMPLATE void ask_ahead(const unsigned char *at)
{
    _mm_prefetch((const char *)at + AHEAD, _MM_HINT_T0);
}

/* c += the dot products of steps 2j and 2j + 1, j in [from, to), of 32 values with those at q. */
TEMPLATE void add_steps(enum dtype dtype, const unsigned char *codes, int from, int to,
                        const unsigned char *const q[TILE], size_t column, __m512i c[TILE],
                        unsigned tokens)
{
    UNROLL_FOR (int j = from; j < to; j++) {
        __m512i w[2];
        ask_ahead(codes + (size_t)j * PACKED_VECTOR);
        packed_steps(dtype, codes, j, w);
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            c[t] = dot_at(c[t], w[0], q[t] + column + 8 * (size_t)j);
        UNROLL_FOR (size_t t = 0; t < tokens; t++)
            c[t] = dot_at(c[t], w[1], q[t] + column + 8 * (size_t)j + 4);
    }
}

TEMPLATE void set_zero(__m512i c[TILE], unsigned tokens)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        c[t] = _mm512_setzero_si512();
}

TEMPLATE void add_scaled(__m512i isum[TILE], const __m512i c[TILE], __m512i scale, unsigned tokens)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        isum[t] = _mm512_add_epi32(isum[t], _mm512_mullo_epi32(c[t], scale));
}

/* sum += the products of pair i of sub-scales or mins with the sums of these sub-blocks. */
TEMPLATE void add_pair(__m512i sum[TILE], __m512i pair, const int16_t *const sums[TILE], size_t at,
                       unsigned tokens)
{
    UNROLL_FOR (size_t t = 0; t < tokens; t++)
        sum[t] = _mm512_dpwssd_epi32(sum[t], pair, panel_broadcast(sums[t] + at));
}

/* ---------------------------------------------------------------- blocks of 256 */

/* isum of 64 values, two sub-blocks of 32 or four of 16; `shifted`: see tile_256. */
TEMPLATE void add_64(enum dtype dtype, const unsigned char *block, size_t pair,
                     const unsigned char *const q[TILE], const int16_t *const sums[TILE],
                     size_t sums_at, __m512i isum[TILE], __m512i shifted[TILE], unsigned tokens)
{
    const size_t codes_step = packed_vectors(dtype) * PACKED_VECTOR;
    const unsigned char *codes = block + packed_number_bytes(dtype) + 2 * pair * codes_step;
    __m512i c[TILE];
    if (dtype == DTYPE_Q6_K) {
        UNROLL_FOR (size_t half = 0; half < 2; half++) {
            const __m512i scales = packed_scale_pair(dtype, block, 2 * pair + half);
            UNROLL_FOR (unsigned h = 0; h < 2; h++) {
                set_zero(c, tokens);
                add_steps(dtype, codes + half * codes_step, 2 * (int)h, 2 * (int)h + 2, q,
                          64 * pair + 32 * half, c, tokens);
                add_scaled(isum, c, packed_of_pair(scales, h), tokens);
            }
            add_pair(shifted, scales, sums, sums_at + 2 * half, tokens);
        }
        return;
    }
    const __m512i scales = packed_scale_pair(dtype, block, pair);
    UNROLL_FOR (unsigned half = 0; half < 2; half++) {
        set_zero(c, tokens);
        add_steps(dtype, codes + half * codes_step, 0, 4, q, 64 * pair + 32 * half, c, tokens);
        add_scaled(isum, c, packed_of_pair(scales, half), tokens);
    }
    if (!packed_has_min(dtype))
        add_pair(shifted, scales, sums, sums_at, tokens);
}

/* All columns. What the values have too much is taken off a block's sum: 2^shift times
 * `shifted`, the sum of sub_scale * (sum of the activations). */
TEMPLATE void tile_256(enum dtype dtype, const struct tile *tile, unsigned tokens)
{
    enum { LEN = 256 };
    const size_t columns = tile->args->columns;
    const bool is_by_16 = dtype == DTYPE_Q6_K;
    const size_t subs = is_by_16 ? 16 : 8;
    const unsigned char *q[TILE];
    const float *scale[TILE];
    const int16_t *sums[TILE];
    __m512 acc[TILE];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        const struct activation_q8_256 a = activation_q8_256_view(activation(tile, t), columns);
        q[t] = (const unsigned char *)a.q;
        scale[t] = a.scale;
        sums[t] = is_by_16 ? a.sum16 : a.sum32;
        acc[t] = _mm512_setzero_ps();
    }
    const unsigned char *block = tile->group;
    for (size_t b = 0; b < columns / LEN; b++, block += packed_block_bytes(dtype, LEN)) {
        __m512i isum[TILE];
        __m512i other[TILE]; /* of mins, or what the shift adds */
        set_zero(isum, tokens);
        set_zero(other, tokens);
        UNROLL_FOR (size_t at = 0; at < packed_number_bytes(dtype); at += PACKED_VECTOR)
            ask_ahead(block + at);
        UNROLL_FOR (size_t pair = 0; pair < PAIRS; pair++)
            add_64(dtype, block, pair, q, sums, pair * subs / PAIRS, isum, other, tokens);
        if (packed_has_min(dtype))
            UNROLL_FOR (size_t i = 0; i < PAIRS; i++)
                add_pair(other, packed_min_pair(block, i), sums, 2 * i, tokens);
        const __m512 d = packed_halves(block);
        const __m512 min = packed_has_min(dtype) ? packed_halves(block + PACKED_HALVES) : d;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            __m512i sum = isum[t];
            if (!packed_has_min(dtype))
                sum = _mm512_sub_epi32(sum, _mm512_slli_epi32(other[t], packed_shift(dtype)));
            __m512 u = _mm512_mul_ps(d, _mm512_cvtepi32_ps(sum));
            if (packed_has_min(dtype))
                u = _mm512_fnmadd_ps(min, _mm512_cvtepi32_ps(other[t]), u);
            acc[t] = _mm512_fmadd_ps(_mm512_set1_ps(scale[t][b]), u, acc[t]);
            q[t] += LEN;
            sums[t] += subs;
        }
    }
    store(tile, acc, tokens);
}

/* ---------------------------------------------------------------- blocks of 32 */

TEMPLATE void tile_32(enum dtype dtype, const struct tile *tile, unsigned tokens)
{
    enum { LEN = 32 };
    const size_t columns = tile->args->columns;
    struct activation_q8_32 a[TILE];
    const unsigned char *q[TILE];
    __m512 acc[TILE];
    UNROLL_FOR (size_t t = 0; t < tokens; t++) {
        a[t] = activation_q8_32_view(activation(tile, t), columns);
        q[t] = (const unsigned char *)a[t].q;
        acc[t] = _mm512_setzero_ps();
    }
    const unsigned char *block = tile->group;
    for (size_t b = 0; b < columns / LEN; b++, block += packed_block_bytes(dtype, LEN)) {
        __m512i c[TILE];
        set_zero(c, tokens);
        if (!packed_has_min(dtype))
            UNROLL_FOR (size_t t = 0; t < tokens; t++) /* - 2^shift * (sum of the activations) */
                c[t] = _mm512_sub_epi32(
                    c[t], _mm512_slli_epi32(panel_broadcast(a[t].sum + b), packed_shift(dtype)));
        add_steps(dtype, block + packed_number_bytes(dtype), 0, 4, q, b * LEN, c, tokens);
        const __m512 scale = packed_scale(dtype, block);
        const __m512 min = packed_has_min(dtype) ? packed_halves(block + PACKED_HALVES) : scale;
        UNROLL_FOR (size_t t = 0; t < tokens; t++) {
            const __m512 a_scale = _mm512_set1_ps(a[t].scale[b]);
            const __m512 dot = _mm512_cvtepi32_ps(c[t]);
            if (packed_has_min(dtype)) {
                const __m512 sum = _mm512_cvtepi32_ps(panel_broadcast(a[t].sum + b));
                const __m512 u = _mm512_fmadd_ps(min, sum, _mm512_mul_ps(scale, dot));
                acc[t] = _mm512_fmadd_ps(a_scale, u, acc[t]);
            } else {
                acc[t] = _mm512_fmadd_ps(_mm512_mul_ps(scale, a_scale), dot, acc[t]);
            }
        }
    }
    store(tile, acc, tokens);
}

/* ---------------------------------------------------------------- any number of tokens */

/* Tokens in tiles of as equal size as can be, for each group of rows. */
static void run_tiles(const struct kernel_matmul_args *args, size_t group_bytes,
                      tile_fn *const tiles[TILE])
{
    const size_t tile_count = (args->token_count + TILE - 1) / TILE;
    for (size_t row = args->row_begin; row < args->row_end; row += PACKED_ROWS) {
        const size_t left = args->row_end - row;
        struct tile tile = {
            .args = args,
            .group = (const unsigned char *)args->weights + row / PACKED_ROWS * group_bytes,
            .row = row,
            .there = left < PACKED_ROWS ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff,
        };
        for (size_t i = 0; i < tile_count; i++) {
            tile.token = args->token_count * i / tile_count;
            const size_t end = args->token_count * (i + 1) / tile_count;
            tiles[end - tile.token - 1](&tile);
        }
    }
}

#define TILE_FN(name, type, len, tokens)                 \
    static void name##_##tokens(const struct tile *tile) \
    {                                                    \
        tile_##len(DTYPE_##type, tile, tokens);          \
    }
#define PACKED(name, type, len)                                                                 \
    TILE_FN(name, type, len, 1)                                                                 \
    TILE_FN(name, type, len, 2)                                                                 \
    TILE_FN(name, type, len, 3)                                                                 \
    TILE_FN(name, type, len, 4)                                                                 \
    TILE_FN(name, type, len, 5)                                                                 \
    TILE_FN(name, type, len, 6)                                                                 \
    static void run_##name(const struct kernel_matmul_args *args)                               \
    {                                                                                           \
        static tile_fn *const tiles[TILE] = {name##_1, name##_2, name##_3,                      \
                                             name##_4, name##_5, name##_6};                     \
        const size_t group_bytes = args->columns / len * packed_block_bytes(DTYPE_##type, len); \
        if (args->token_count > TILE * TILES_MAX)                                               \
            matmul_panel##len##_avx512_packed_##name(args);                                     \
        else                                                                                    \
            run_tiles(args, group_bytes, tiles);                                                \
    }
MATMUL_PANEL_PACKED(PACKED)

void matmul_packed_avx512_fill(struct kernel_table *table)
{
#define FILL(name, type, len) table->matmul[DTYPE_##type].run_packed = run_##name;
    MATMUL_PANEL_PACKED(FILL)
}
