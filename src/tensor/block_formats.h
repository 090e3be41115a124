/*
 * block_formats - how packed weights lie in a GGUF file, byte for byte.
 *
 * All multi-byte numbers are little endian. `scale` and `min` are IEEE halves (tensor/half.h)
 * unless stated. Files are mapped at 32-byte boundaries or better, but a block inside a row is
 * aligned to 2 bytes only, an MXFP4 block not at all.
 *
 * w[i] is value i of a block. Where a block has sub-blocks of 16 or 32 values, s is the number of
 * the sub-block that i lies in. (Sources: models.md 7.2; the types of ggml, MIT licence.)
 *
 * Threads: any; types only.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum {
    Q8_0_BLOCK_LEN = 32, /* Q4_0 to Q8_0, IQ4_NL, MXFP4 */
    Q4_0_BLOCK_LEN = 32,
    NVFP4_BLOCK_LEN = 64,
    Q1_0_BLOCK_LEN = 128,
    Q2_0_BLOCK_LEN = 64,
    QK_BLOCK_LEN = 256, /* Q2_K to Q6_K, IQ, TQ */
};

/* ---------------------------------------------------------------- a scale for each 32 */

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

/* As Q4_0, but w = scale * nibble + min. */
struct block_q4_1 {
    uint16_t scale;
    uint16_t min;
    uint8_t q[Q8_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q4_1) == 20, "Q4_1 layout is fixed by the file format");

/* Nibbles as Q4_0; bit i of the 32-bit number `high` is the fifth bit of value i:
 * w = scale * (q - 16). */
struct block_q5_0 {
    uint16_t scale;
    uint8_t high[4];
    uint8_t q[Q8_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q5_0) == 22, "Q5_0 layout is fixed by the file format");

/* As Q5_0, but w = scale * q + min. */
struct block_q5_1 {
    uint16_t scale;
    uint16_t min;
    uint8_t high[4];
    uint8_t q[Q8_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q5_1) == 24, "Q5_1 layout is fixed by the file format");

/* Nibbles as Q4_0, each an index into 16 values (code_books.h): w = scale * value. */
struct block_iq4_nl {
    uint16_t scale;
    uint8_t q[Q8_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_iq4_nl) == 18, "IQ4_NL layout is fixed by the file format");

/* Nibbles as Q4_0, each a 4-bit float (sign, two bits of exponent, one of mantissa):
 * w = 2^(exponent - 128) * (the float doubled: 0, 1, 2, 3, 4, 6, 8, 12 and their negatives). */
struct block_mxfp4 {
    uint8_t exponent;
    uint8_t q[Q8_0_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_mxfp4) == 17, "MXFP4 layout is fixed by the file format");

/* Four sub-blocks of 16, each with an 8-bit float (four bits of exponent, bias 7, three of
 * mantissa; 0x7f is zero, the top bit says nothing) and 8 bytes: low nibbles are the first 8
 * values. w[i] = scale[s] / 2 * (the 4-bit float doubled, as in MXFP4). */
struct block_nvfp4 {
    uint8_t scale[NVFP4_BLOCK_LEN / 16];
    uint8_t q[NVFP4_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_nvfp4) == 36, "NVFP4 layout is fixed by the file format");

/* Bit i of q, from the lowest of byte 0 on: w[i] = scale where it is set, -scale where not. */
struct block_q1_0 {
    uint16_t scale;
    uint8_t q[Q1_0_BLOCK_LEN / 8];
};
static_assert(sizeof(struct block_q1_0) == 18, "Q1_0 layout is fixed by the file format");

/* Value i is bits 2 (i % 4), 2 (i % 4) + 1 of q[i / 4]: w = scale * (q - 1). */
struct block_q2_0 {
    uint16_t scale;
    uint8_t q[Q2_0_BLOCK_LEN / 4];
};
static_assert(sizeof(struct block_q2_0) == 18, "Q2_0 layout is fixed by the file format");

/* ---------------------------------------------------------------- a scale for each 256 */

/*
 * Sixteen sub-blocks of 16: w = scale * (low nibble of sub_scales[s]) * q
 *                              - min * (high nibble of sub_scales[s]), q of 2 bits.
 *
 * Half n (128 values) and j < 4, l < 32: value 128n + 32j + l is bits 2j, 2j + 1 of q[32n + l].
 */
struct block_q2_k {
    uint8_t sub_scales[QK_BLOCK_LEN / 16];
    uint8_t q[QK_BLOCK_LEN / 4];
    uint16_t scale;
    uint16_t min;
};
static_assert(sizeof(struct block_q2_k) == 84, "Q2_K layout is fixed by the file format");

/*
 * Sixteen sub-blocks of 16: w = scale * (sub_scale[s] - 32) * (q - 4), q of 3 bits.
 *
 * The low two bits lie as in Q2_K; the third of value 128n + 32j + l is bit 4n + j of high[l].
 * sub_scale k has its low four bits in the low (k < 8) or high nibble of sub_scales[k % 8], the
 * other two in bits 2 (k / 4), 2 (k / 4) + 1 of sub_scales[8 + k % 4].
 */
struct block_q3_k {
    uint8_t high[QK_BLOCK_LEN / 8];
    uint8_t q[QK_BLOCK_LEN / 4];
    uint8_t sub_scales[12];
    uint16_t scale;
};
static_assert(sizeof(struct block_q3_k) == 110, "Q3_K layout is fixed by the file format");

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

/* As Q4_K with a fifth bit: that of value 32s + l is bit s of high[l]. */
struct block_q5_k {
    uint16_t scale;
    uint16_t min;
    uint8_t sub_scales[12];
    uint8_t high[QK_BLOCK_LEN / 8];
    uint8_t q[QK_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_q5_k) == 176, "Q5_K layout is fixed by the file format");

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

/* Eight sub-blocks of 32, each 16 bytes of nibbles as in IQ4_NL: w = scale * (sub_scale - 32) *
 * value. The low four bits of sub_scale s are nibble s of scales_low, the other two are bits 2s,
 * 2s + 1 of scales_high. */
struct block_iq4_xs {
    uint16_t scale;
    uint16_t scales_high;
    uint8_t scales_low[QK_BLOCK_LEN / 64];
    uint8_t q[QK_BLOCK_LEN / 2];
};
static_assert(sizeof(struct block_iq4_xs) == 136, "IQ4_XS layout is fixed by the file format");

/* ---------------------------------------------------------------- ternary */

/*
 * Five values of -1, 0, 1 in a byte: digit n of it, base 3, is ((byte * 3^n mod 256) * 3) >> 8,
 * less one. The first 160 values are digits 0 to 4 of q[0..31] (32 values a digit), the next 80
 * those of q[32..47], the last 16 digits 0 to 3 of `rest`. w = scale * digit.
 */
struct block_tq1_0 {
    uint8_t q[48];
    uint8_t rest[4];
    uint16_t scale;
};
static_assert(sizeof(struct block_tq1_0) == 54, "TQ1_0 layout is fixed by the file format");

/* Bits as in Q2_K: w = scale * (q - 1). */
struct block_tq2_0 {
    uint8_t q[QK_BLOCK_LEN / 4];
    uint16_t scale;
};
static_assert(sizeof(struct block_tq2_0) == 66, "TQ2_0 layout is fixed by the file format");

/* ---------------------------------------------------------------- code books
 *
 * 8 (IQ3: 4) values at once are an entry of a code book (code_books.h). A sign byte holds the signs
 * of 8 values, bit set: negative. A sign index of 7 bits is a sign byte whose top bit makes the
 * number of bits even. */

/* Sub-blocks of 32: 8 bytes, four entries of the book of 256, then a number of 32 bits: four sign
 * indices and in the top four bits sub_scale. w = scale / 8 * (2 sub_scale + 1) * (+- entry). */
struct block_iq2_xxs {
    uint16_t scale;
    uint8_t q[QK_BLOCK_LEN / 4];
};
static_assert(sizeof(struct block_iq2_xxs) == 66, "IQ2_XXS layout is fixed by the file format");

/* Words of an index into the book of 512 (9 bits) and a sign index; sub-blocks of 16 with
 * nibbles of sub_scales in order. w as in IQ2_XXS. */
struct block_iq2_xs {
    uint16_t scale;
    uint16_t q[QK_BLOCK_LEN / 8];
    uint8_t sub_scales[QK_BLOCK_LEN / 32];
};
static_assert(sizeof(struct block_iq2_xs) == 74, "IQ2_XS layout is fixed by the file format");

/* Entry k of the book of 1024 has the low eight bits of its index in q[k], the others in bits 2
 * (k % 4), 2 (k % 4) + 1 of high[k / 4]; signs[k] are its signs; sub-blocks and w as in IQ2_XS. */
struct block_iq2_s {
    uint16_t scale;
    uint8_t q[QK_BLOCK_LEN / 8];
    uint8_t signs[QK_BLOCK_LEN / 8];
    uint8_t high[QK_BLOCK_LEN / 32];
    uint8_t sub_scales[QK_BLOCK_LEN / 32];
};
static_assert(sizeof(struct block_iq2_s) == 82, "IQ2_S layout is fixed by the file format");

/* Entries of 4 values from the book of 256; for each sub-block of 32 a number of 32 bits as in
 * IQ2_XXS. w = scale / 4 * (2 sub_scale + 1) * (+- entry). */
struct block_iq3_xxs {
    uint16_t scale;
    uint8_t q[QK_BLOCK_LEN / 4];
    uint8_t signs_scales[QK_BLOCK_LEN / 8];
};
static_assert(sizeof(struct block_iq3_xxs) == 98, "IQ3_XXS layout is fixed by the file format");

/* Entry k of 4 values from the book of 512: low bits of the index in q[k], the ninth is bit k %
 * 8 of high[k / 8]; sub-blocks of 32 with nibbles of sub_scales in order. w = scale * (2
 * sub_scale + 1) * (+- entry). */
struct block_iq3_s {
    uint16_t scale;
    uint8_t q[QK_BLOCK_LEN / 4];
    uint8_t high[QK_BLOCK_LEN / 32];
    uint8_t signs[QK_BLOCK_LEN / 8];
    uint8_t sub_scales[QK_BLOCK_LEN / 64];
};
static_assert(sizeof(struct block_iq3_s) == 110, "IQ3_S layout is fixed by the file format");

/* Entry k of the book of 2048 (values -1, 0, 1): low bits in q[k], the other three are bits
 * 3 (k % 4).. of high[s]; sub-blocks of 32 whose sub_scale is bits 12 to 14 of high[s], and bit 15
 * the sign of delta. w = scale * (2 sub_scale + 1) * (entry +- 1/8). */
struct block_iq1_s {
    uint16_t scale;
    uint8_t q[QK_BLOCK_LEN / 8];
    uint16_t high[QK_BLOCK_LEN / 32];
};
static_assert(sizeof(struct block_iq1_s) == 50, "IQ1_S layout is fixed by the file format");

/* As IQ1_S with sub-blocks of 16: nibble k of `high` has the top three bits of the index of entry k
 * and in its top bit the sign of its delta. scales[w] holds sub_scales 4w to 4w + 3 of three bits
 * each; its top four bits are bits 4w.. of the half that is the block's scale. */
struct block_iq1_m {
    uint8_t q[QK_BLOCK_LEN / 8];
    uint8_t high[QK_BLOCK_LEN / 16];
    uint16_t scales[QK_BLOCK_LEN / 64];
};
static_assert(sizeof(struct block_iq1_m) == 56, "IQ1_M layout is fixed by the file format");
