/*
 * block_formats - how packed weights lie in a GGUF file, byte for byte.
 *
 * All multi-byte numbers are little endian. Scales are IEEE halves (tensor/half.h). Files are
 * mapped at 32-byte boundaries or better, but a block inside a row is aligned to 2 bytes only.
 *
 * Threads: any; types only.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum {
    Q8_0_BLOCK_LEN = 32,
    Q4_0_BLOCK_LEN = 32,
    QK_BLOCK_LEN = 256, /* Q4_K, Q6_K and the others of that family */
};

/* w[i] = scale * q[i] */
struct block_q8_0 {
    uint16_t scale;
    int8_t q[Q8_0_BLOCK_LEN];
};
static_assert(sizeof(struct block_q8_0) == 34, "Q8_0 layout is fixed by the file format");

/* w[j] = scale * (low nibble of q[j] - 8), w[j + 16] = scale * (high nibble of q[j] - 8), j < 16 */
struct block_q4_0 {
    uint16_t scale;
    uint8_t q[Q4_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q4_0) == 18, "Q4_0 layout is fixed by the file format");

/*
 * Eight sub-blocks of 32: w = scale * sub_scale[s] * q - min * sub_min[s].
 *
 * 64-element chunk c of q takes 32 bytes: low nibbles are sub-block 2c, high nibbles 2c + 1.
 * sub_scales packs eight 6-bit pairs (scale, min), b = sub_scales:
 *   j < 4:   scale = b[j] & 63                              min = b[j + 4] & 63
 *   j >= 4:  scale = (b[j + 4] & 15) | (b[j - 4] >> 6) << 4  min = b[j + 4] >> 4 | (b[j] >> 6) << 4
 */
struct block_q4_k {
    uint16_t scale;
    uint16_t min;
    uint8_t sub_scales[12];
    uint8_t q[QK_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q4_k) == 144, "Q4_K layout is fixed by the file format");

/*
 * Sixteen sub-blocks of 16: w = scale * sub_scales[s] * (q - 32), q of 6 bits.
 *
 * Half n (128 elements) and l < 32: elements 128n + l, + 32, + 64, + 96 take their low four bits
 * from q_low[64n + l] low, q_low[64n + 32 + l] low, q_low[64n + l] high, q_low[64n + 32 + l] high
 * and their top two bits from bits 0-1, 2-3, 4-5, 6-7 of q_high[32n + l]. Element i uses
 * sub_scales[i / 16].
 */
struct block_q6_k {
    uint8_t q_low[QK_BLOCK_LEN / 2];
    uint8_t q_high[QK_BLOCK_LEN / 4];
    int8_t sub_scales[QK_BLOCK_LEN / 16];
    uint16_t scale;
};
static_assert(sizeof(struct block_q6_k) == 210, "Q6_K layout is fixed by the file format");
