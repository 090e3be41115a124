/*
 * panel_avx2 - what the two files of panel kernels for AVX2 share: walking rows, columns and
 * tokens, and bringing eight rows into lanes.
 *
 * Only for files built for AVX2. Threads: any; no state.
 */
#pragma once

#include "kernel/kernel_table.h"
#include "kernel/packed.h"
#include "kernel/unroll.h"
#include "kernel/x86/matmul_panel.h"

#include <immintrin.h>
#include <string.h>

enum {
    PANEL_LANES = 8,  /* rows of a vector */
    PANEL_GROUPS = 2, /* vectors side by side: 16 rows */
    PANEL_TILE = 4,   /* tokens of which the sums are in registers */
};

/* The rows of one panel. Rows that are not there repeat the last; their results are not stored. */
struct panel_rows {
    const unsigned char *row[PANEL_GROUPS][PANEL_LANES]; /* first byte */
    size_t first;                                        /* index of row [0][0] */
    const struct unpack_format *unpack;
    const unsigned char *packed; /* the 16 rows, where weights are packed */
    unsigned group_count;
    __m256i there[PANEL_GROUPS]; /* all bits of a lane: its row is there */
};

/* A stretch of columns and a tile of tokens. */
struct panel_tile {
    const struct kernel_matmul_args *args;
    const struct panel_rows *rows;
    size_t block_begin; /* of the row */
    size_t block_count; /* in the panel */
    size_t token;
    unsigned token_count;
};

/* Unpacks `block_count` blocks of the rows from block `block_begin` on. */
typedef void(panel_decode_fn)(void *panel, const struct panel_rows *rows, size_t block_begin,
                              size_t block_count);
typedef void(panel_tile_fn)(const void *panel, const struct panel_tile *tile);

/* Units are what a chain adds up one by one; see matmul_rows.h. */
struct panel_format {
    size_t unit_len;
    size_t block_len; /* one unit or several */
    size_t block_bytes;
    panel_decode_fn *decode;
    panel_tile_fn *tile;
    const struct unpack_format *unpack; /* NULL where `decode` reads the blocks itself */
    size_t packed_bytes; /* of a packed block (packed.h); 0: rows lie as in the file */
};

TEMPLATE const unsigned char *panel_activation(const struct panel_tile *tile, size_t t)
{
    return (const unsigned char *)tile->args->activations +
           (tile->token + t) * tile->args->activation_stride;
}

/* The sums so far of token t and group g: zero before the first columns. */
TEMPLATE __m256 panel_load(const struct panel_tile *tile, size_t t, size_t g, bool is_first)
{
    if (is_first)
        return _mm256_setzero_ps();
    const float *out = tile->args->out + (tile->token + t) * tile->args->out_stride;
    return _mm256_maskload_ps(out + tile->rows->first + g * PANEL_LANES, tile->rows->there[g]);
}

TEMPLATE void panel_store(const struct panel_tile *tile, size_t t, size_t g, __m256 sums)
{
    float *out = tile->args->out + (tile->token + t) * tile->args->out_stride;
    _mm256_maskstore_ps(out + tile->rows->first + g * PANEL_LANES, tile->rows->there[g], sums);
}

TEMPLATE __m256i panel_broadcast(const void *four_bytes)
{
    int32_t word = 0;
    memcpy(&word, four_bytes, sizeof(word));
    return _mm256_set1_epi32(word);
}

/* sum + products of unsigned and signed bytes, as words of pairs. The empty instruction keeps gcc
 * 12 from reordering the additions of a loop into trees that do not fit the registers. */
TEMPLATE __m256i panel_add_words(__m256i sum, __m256i w, __m256i x)
{
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x));
    __asm__("" : "+x"(sum));
    return sum;
}

/* Bytes [offset, offset + 16) of 8 rows: lane r of out[d] is dword d of row r. */
TEMPLATE void panel_columns(const unsigned char *const row[PANEL_LANES], size_t offset,
                            __m256i out[4])
{
    __m256i two[4]; /* rows k, k + 4 */
    UNROLL_FOR (size_t k = 0; k < 4; k++)
        two[k] = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(row[k] + offset))),
            _mm_loadu_si128((const __m128i *)(row[k + 4] + offset)), 1);
    const __m256i low01 = _mm256_unpacklo_epi32(two[0], two[1]);
    const __m256i low23 = _mm256_unpacklo_epi32(two[2], two[3]);
    const __m256i high01 = _mm256_unpackhi_epi32(two[0], two[1]);
    const __m256i high23 = _mm256_unpackhi_epi32(two[2], two[3]);
    out[0] = _mm256_unpacklo_epi64(low01, low23);
    out[1] = _mm256_unpackhi_epi64(low01, low23);
    out[2] = _mm256_unpacklo_epi64(high01, high23);
    out[3] = _mm256_unpackhi_epi64(high01, high23);
}

/* The half at `offset` of each of 8 rows. */
TEMPLATE __m256 panel_halves(const unsigned char *const row[PANEL_LANES], size_t offset)
{
    uint16_t half[PANEL_LANES];
    for (size_t r = 0; r < PANEL_LANES; r++)
        memcpy(&half[r], row[r] + offset, sizeof(half[r]));
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)half));
}

/* Unpacks units [begin, begin + count) of the rows of a group; `row` is then where each of them has
 * its struct unpacked, for panel_columns(). */
static inline void panel_unpack(const struct panel_rows *rows, size_t group, size_t begin,
                                size_t count, struct unpacked memory[PANEL_LANES],
                                const unsigned char *row[PANEL_LANES])
{
    const struct unpack_format *unpack = rows->unpack;
    const size_t unit_len = unpack_unit_len(unpack->shape);
    const size_t first = begin * unit_len / unpack->block_len * unpack->block_bytes;
    const size_t blocks = count * unit_len / unpack->block_len;
    for (size_t r = 0; r < PANEL_LANES; r++) {
        unpack->unpack(rows->row[group][r] + first, blocks, &memory[r]);
        row[r] = (const unsigned char *)&memory[r];
    }
}

static inline struct panel_rows panel_rows_at(const struct kernel_matmul_args *args,
                                              size_t row_bytes, size_t first)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const size_t left = args->row_end - first;
    struct panel_rows rows = {.first = first, .group_count = left > PANEL_LANES ? 2 : 1};
    for (size_t g = 0; g < PANEL_GROUPS; g++) {
        const size_t before = g * PANEL_LANES;
        size_t count = left > before ? left - before : 0;
        count = count < PANEL_LANES ? count : PANEL_LANES;
        rows.there[g] = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
        for (size_t r = 0; r < PANEL_LANES; r++) {
            const size_t row = before + r < left ? first + before + r : args->row_end - 1;
            rows.row[g][r] = (const unsigned char *)args->weights + row * row_bytes;
        }
    }
    return rows;
}

/* All tokens against one panel, in tiles of as equal size as can be. */
static inline void panel_tokens(const struct panel_format *format, const void *panel,
                                struct panel_tile tile)
{
    const size_t tokens = tile.args->token_count;
    const size_t tiles = (tokens + PANEL_TILE - 1) / PANEL_TILE;
    for (size_t i = 0; i < tiles; i++) {
        tile.token = tokens * i / tiles;
        tile.token_count = (unsigned)(tokens * (i + 1) / tiles - tile.token);
        format->tile(panel, &tile);
    }
}

static inline void panel_run(const struct kernel_matmul_args *args,
                             const struct panel_format *format, void *panel)
{
    const size_t blocks = args->columns / format->unit_len;
    const size_t row_bytes = args->columns / format->block_len * format->block_bytes;
    const size_t step = MATMUL_PANEL_COLUMNS / format->unit_len;
    /* Columns outside, rows inside: the activations of some columns of all tokens and the results
     * of the call's rows both stay in the second-level cache. */
    for (size_t b = 0; b < blocks; b += step)
        for (size_t row = args->row_begin; row < args->row_end; row += PANEL_GROUPS * PANEL_LANES) {
            struct panel_rows rows = panel_rows_at(args, row_bytes, row);
            rows.unpack = format->unpack;
            rows.packed = (const unsigned char *)args->weights +
                          row / PACKED_ROWS * (blocks * format->packed_bytes);
            const struct panel_tile tile = {
                .args = args,
                .rows = &rows,
                .block_begin = b,
                .block_count = blocks - b < step ? blocks - b : step,
            };
            format->decode(panel, &rows, b, tile.block_count);
            panel_tokens(format, panel, tile);
        }
}

/* Calls `template`(panel, tile, tokens, groups) with the last two as constants. */
#define PANEL_CHOOSE(template, panel, tile)                                                  \
    do {                                                                                     \
        const bool is_wide = (tile)->rows->group_count == 2;                                 \
        switch ((tile)->token_count) {                                                       \
        case 1: is_wide ? template(panel, tile, 1, 2) : template(panel, tile, 1, 1); break;  \
        case 2: is_wide ? template(panel, tile, 2, 2) : template(panel, tile, 2, 1); break;  \
        case 3: is_wide ? template(panel, tile, 3, 2) : template(panel, tile, 3, 1); break;  \
        default: is_wide ? template(panel, tile, 4, 2) : template(panel, tile, 4, 1); break; \
        }                                                                                    \
    } while (0)
