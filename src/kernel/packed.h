/*
 * packed - weights of 16 rows interleaved, so that products read one ascending stream and find each
 * row in a lane of a vector (kernels.md section 3).
 *
 * A group of 16 rows is its blocks one after another, PACKED_ROWS times as many bytes as a block of
 * the type has (IQ4_XS: a little more). A packed block is its numbers, then the codes of its
 * values in the order they are used:
 *
 *   numbers   h[16] is 16 halves, a row each; b[16] bytes
 *     Q4_0 Q5_0 Q8_0 IQ4_NL   h scale
 *     Q4_1 Q5_1               h scale, h min
 *     MXFP4                   b exponent
 *     Q4_K Q5_K               h scale, h min, three vectors of words: see packed_k_scales
 *     Q6_K IQ4_XS             h scale, sub-scales as int8: of sub-blocks 2i and 2i + 1 for each row
 *                             (IQ4_XS: less 32)
 *   codes     of "steps": a vector of 64 bytes with the next 4 values of each row
 *     4 bits    vectors j: step 2j in the low nibbles, step 2j + 1 in the high ones
 *     5 bits    for each 8 steps a vector of high bits (bit j of a byte: step j), 4 of nibbles
 *     6 bits    for each 4 steps a vector of pairs (bits 2j, 2j + 1: step j), 2 of nibbles
 *     8 bits    the steps, as they are
 *
 * Rows that are not there are zero. Packing changes no value: products of packed and plain rows are
 * the same bits.
 *
 * Threads: any; no state. Depends on: tensor/. Used by: kernel/, model/packed_weights.c.
 */
#pragma once

#include "tensor/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PACKED_ROWS = 16,
    PACKED_VECTOR = 64, /* bytes of one step of all rows */
    PACKED_HALVES = 2 * PACKED_ROWS,
    PACKED_K_NUMBERS = 2 * PACKED_HALVES + 3 * PACKED_VECTOR,
};

/*
 * Six-bit scales s and mins m of 8 sub-blocks, a row in each dword of three vectors. With pairs
 * S_i = s[2i] | s[2i + 1] << 16 and M_i likewise:
 *
 *   word 0 = S_0 | S_1 << 6, word 1 = S_2 | S_3 << 6, word 2 = M_0 | M_1 << 6;
 *   the four free bits on top of each half of the words hold, from word 0 on, bits 0-3 of M_2,
 *   bits 4-5 of M_2 and 0-1 of M_3, bits 2-5 of M_3.
 */
struct packed_k_scales {
    uint32_t word[3];
};

/* Where a block of each row is in the file; rows that are not there point at zeros. */
struct packed_blocks {
    const unsigned char *row[PACKED_ROWS];
};

struct packed_format {
    size_t block_len;
    size_t block_bytes;  /* in the file */
    size_t number_bytes; /* of a packed block */
    unsigned code_bits;
    void (*codes)(const void *block, uint8_t *out); /* of one row: [block_len] */
    void (*numbers)(const struct packed_blocks *blocks, unsigned char *out);
};

/* NULL: the type has no packed form. */
const struct packed_format *packed_format_find(enum dtype dtype);

static inline size_t packed_format_block_bytes(const struct packed_format *format)
{
    return format->number_bytes + PACKED_ROWS * format->block_len * format->code_bits / 8;
}

/* Block `index` of `row_count` rows of `columns` values. */
struct packed_blocks packed_blocks_at(const struct packed_format *format, const void *rows,
                                      size_t row_count, size_t columns, size_t index);

/* Bytes of a group of PACKED_ROWS rows; 0: the type has no packed form. */
size_t packed_group_bytes(enum dtype dtype, size_t columns);

/* Packs `row_count` (1 to PACKED_ROWS) rows of the file into packed_group_bytes() at `out`. The
 * definition; kernel_table.pack does the same faster. */
void packed_pack(enum dtype dtype, const void *rows, size_t row_count, size_t columns, void *out);
