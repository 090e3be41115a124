/*
 * matmul_rows32_avx512 - products for few tokens with weights that have a scale for each 32: Q8_0
 * and Q4_0 as they lie in the file, all types unpacked (matmul_rows.h).
 *
 * vpdpbusd multiplies unsigned with signed bytes: weights are made unsigned by adding an offset,
 * and
 * offset * (sum of the activations) is subtracted from the integer sum, which is exact.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/matmul_rows.h"
#include "kernel/x86/sum_lanes_avx512.h"
#include "tensor/block_formats.h"

enum { BLOCKS = 16 }; /* done together: eight vectors of two blocks */

/* Where a stretch of up to 16 blocks begins, and how many there are. */
struct stretch {
    size_t at; /* first block, counted from the part's */
    size_t count;
};

/* Of `count` things from `index` on that come in groups of `size`: how many are there. */
TEMPLATE size_t left_at(size_t count, size_t index)
{
    return count > index ? count - index : 0;
}

/* The bytes of two blocks of activations, 64 when the stretch is whole. */
TEMPLATE __m512i load_pair(const int8_t *q, size_t count, bool is_whole)
{
    if (is_whole)
        return _mm512_loadu_si512(q);
    const __mmask8 there = count > 1 ? 0xff : count > 0 ? 0x0f : 0;
    return _mm512_maskz_loadu_epi64(there, q);
}

/* The products of a stretch with one token, and what the token has for each block. */
struct products {
    __m512i dot;
    __m512i sum;
    __m512 scale;
};

/* Products with bytes of two blocks in each of w, which are too large by 2^shift. */
TEMPLATE struct products products_of(const struct matmul_rows_part *part, int t, struct stretch s,
                                     bool is_whole, const __m512i w[8], unsigned shift)
{
    const size_t b = part->block_begin + s.at;
    const __mmask16 lanes = (__mmask16)((1u << s.count) - 1);
    const struct activation_q8_32 a = activation_q8_32_view(part->activations[t], part->columns);
    __m512i c[8];
    UNROLL_FOR (size_t i = 0; i < 8; i++)
        c[i] = _mm512_dpbusd_epi32(
            _mm512_setzero_si512(), w[i],
            load_pair(a.q + b * 32 + 64 * i, left_at(s.count, 2 * i), is_whole));
    struct products out = {.sum = is_whole ? _mm512_loadu_si512(a.sum + b)
                                           : _mm512_maskz_loadu_epi32(lanes, a.sum + b),
                           .scale = is_whole ? _mm512_loadu_ps(a.scale + b)
                                             : _mm512_maskz_loadu_ps(lanes, a.scale + b)};
    out.dot = _mm512_sub_epi32(sum_octets(c), _mm512_slli_epi32(out.sum, shift));
    return out;
}

/* Factors and values of a stretch whose weights are w, two blocks in each, plus 2^shift. */
TEMPLATE void multiply(const struct matmul_rows_part *part, int tokens, struct stretch s,
                       bool is_whole, const __m512i w[8], __m512 scale, unsigned shift,
                       struct matmul_rows_chain *chain)
{
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct products p = products_of(part, t, s, is_whole, w, shift);
        _mm512_storeu_ps(chain[t].value + s.at, _mm512_cvtepi32_ps(p.dot));
        _mm512_storeu_ps(chain[t].factor_memory + s.at, _mm512_mul_ps(scale, p.scale));
        chain[t].factor = chain[t].factor_memory;
    }
}

/* The same address, but the compiler does not know it: clang 14 would see that the windows with the
 * scales overlap the weights, and cut the latter out of the former with scalar shifts. */
TEMPLATE const char *window(const void *address)
{
    __asm__("" : "+r"(address));
    return address;
}

/* ---------------------------------------------------------------- Q8_0 */

/* Two blocks as 64 bytes, 128 added to each. */
TEMPLATE __m512i load_q8_0(const struct block_q8_0 *w, size_t count, bool is_whole)
{
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    if (is_whole || count > 0)
        low = _mm256_loadu_si256((const __m256i *)w[0].q);
    if (is_whole || count > 1)
        high = _mm256_loadu_si256((const __m256i *)w[1].q);
    const __m512i q = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    return _mm512_xor_si512(q, _mm512_set1_epi8((char)0x80));
}

/* The scales of four blocks in the first words of the result: they are 17 words apart. */
TEMPLATE __m128i four_scales_q8_0(const struct block_q8_0 *w)
{
    const __m512i places = _mm512_castsi128_si512(_mm_setr_epi16(0, 17, 34, 51, 0, 0, 0, 0));
    const char *bytes = window(w);
    const __m512i low = _mm512_loadu_si512(bytes);
    const __m512i high = _mm512_loadu_si512(bytes + 64);
    return _mm512_castsi512_si128(_mm512_permutex2var_epi16(low, places, high));
}

TEMPLATE __m512 scales_q8_0(const struct block_q8_0 *w, size_t count, bool is_whole)
{
    if (is_whole) {
        const __m128i low = _mm_unpacklo_epi64(four_scales_q8_0(w), four_scales_q8_0(w + 4));
        const __m128i high = _mm_unpacklo_epi64(four_scales_q8_0(w + 8), four_scales_q8_0(w + 12));
        return _mm512_cvtph_ps(_mm256_set_m128i(high, low));
    }
    uint16_t scales[BLOCKS] = {0};
    for (size_t b = 0; b < count; b++)
        scales[b] = w[b].scale;
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)scales));
}

TEMPLATE void q8_0_stretch(const struct matmul_rows_part *part, int tokens, struct stretch s,
                           bool is_whole, struct matmul_rows_chain *chain)
{
    const struct block_q8_0 *blocks = (const struct block_q8_0 *)part->blocks + s.at;
    __m512i w[8];
    UNROLL_FOR (size_t i = 0; i < 8; i++)
        w[i] = load_q8_0(blocks + 2 * i, left_at(s.count, 2 * i), is_whole);
    multiply(part, tokens, s, is_whole, w, scales_q8_0(blocks, s.count, is_whole), 7, chain);
}

TEMPLATE void q8_0_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    struct stretch s = {0, BLOCKS};
    for (; s.at + BLOCKS <= part->block_count; s.at += BLOCKS)
        q8_0_stretch(part, tokens, s, true, chain);
    s.count = part->block_count - s.at;
    if (s.count > 0)
        q8_0_stretch(part, tokens, s, false, chain);
}

static void q8_0_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q8_0_part(part, 1, chain);
}

static void q8_0_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q8_0_part(part, 2, chain);
}

/* ---------------------------------------------------------------- Q4_0 */

/* Two blocks of nibbles as 64 bytes, 8 added to each: a block's bytes twice, shifted by 0 and 4. */
TEMPLATE __m512i load_q4_0(const struct block_q4_0 *w, size_t count, bool is_whole)
{
    const __m512i shifts = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
    const __mmask16 upper = 0xff00;
    __m512i packed = _mm512_setzero_si512();
    if (is_whole || count > 0)
        packed = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)w[0].q));
    if (is_whole || count > 1)
        packed =
            _mm512_mask_broadcast_i32x4(packed, upper, _mm_loadu_si128((const __m128i *)w[1].q));
    return _mm512_and_si512(_mm512_srlv_epi64(packed, shifts), _mm512_set1_epi8(15));
}

/* The scales of eight blocks: they are 9 words apart. */
TEMPLATE __m128i eight_scales_q4_0(const struct block_q4_0 *w)
{
    const __m512i places = _mm512_castsi128_si512(_mm_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63));
    const char *bytes = window(w);
    const __m512i low = _mm512_loadu_si512(bytes);
    const __m512i high = _mm512_loadu_si512(bytes + 64);
    return _mm512_castsi512_si128(_mm512_permutex2var_epi16(low, places, high));
}

TEMPLATE __m512 scales_q4_0(const struct block_q4_0 *w, size_t count, bool is_whole)
{
    if (is_whole)
        return _mm512_cvtph_ps(_mm256_set_m128i(eight_scales_q4_0(w + 8), eight_scales_q4_0(w)));
    uint16_t scales[BLOCKS] = {0};
    for (size_t b = 0; b < count; b++)
        scales[b] = w[b].scale;
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)scales));
}

TEMPLATE void q4_0_stretch(const struct matmul_rows_part *part, int tokens, struct stretch s,
                           bool is_whole, struct matmul_rows_chain *chain)
{
    const struct block_q4_0 *blocks = (const struct block_q4_0 *)part->blocks + s.at;
    __m512i w[8];
    UNROLL_FOR (size_t i = 0; i < 8; i++)
        w[i] = load_q4_0(blocks + 2 * i, left_at(s.count, 2 * i), is_whole);
    multiply(part, tokens, s, is_whole, w, scales_q4_0(blocks, s.count, is_whole), 3, chain);
}

TEMPLATE void q4_0_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    struct stretch s = {0, BLOCKS};
    for (; s.at + BLOCKS <= part->block_count; s.at += BLOCKS)
        q4_0_stretch(part, tokens, s, true, chain);
    s.count = part->block_count - s.at;
    if (s.count > 0)
        q4_0_stretch(part, tokens, s, false, chain);
}

static void q4_0_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_0_part(part, 1, chain);
}

static void q4_0_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_0_part(part, 2, chain);
}

/* ---------------------------------------------------------------- every type, unpacked */

/* Sums of the first (index 0) and the second 16 bytes of 16 blocks. */
TEMPLATE __m512i sum_halves(__m512i low, __m512i high, int index)
{
    const __m512i first =
        _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 16, 24, 17, 25, 18, 26, 19, 27);
    const __m512i places = _mm512_add_epi32(first, _mm512_set1_epi32(4 * index));
    return _mm512_permutex2var_epi32(low, places, high);
}

/* value = fma(scale1, dot1, scale0 * dot0), factor = the token's scale. There are no sums of 16
 * activations to correct an offset with: the sign of a weight moves to its activation. */
TEMPLATE void multiply_two(const struct matmul_rows_part *part, int tokens, struct stretch s,
                           bool is_whole, const __m512i w[8], const float *scale,
                           struct matmul_rows_chain *chain)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512 low_scales = _mm512_loadu_ps(scale);
    const __m512 high_scales = _mm512_loadu_ps(scale + 16);
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const __m512 scale0 = _mm512_permutex2var_ps(low_scales, even, high_scales);
    const __m512 scale1 = _mm512_permutex2var_ps(low_scales, odd, high_scales);
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(part->activations[t], part->columns);
        const int8_t *q = a.q + (part->block_begin + s.at) * 32;
        __m512i c[8];
        UNROLL_FOR (size_t i = 0; i < 8; i++) {
            const __m512i x = load_pair(q + 64 * i, left_at(s.count, 2 * i), is_whole);
            const __m512i signed_x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w[i]), zero, x);
            c[i] = _mm512_dpbusd_epi32(zero, _mm512_abs_epi8(w[i]), signed_x);
        }
        const __m512i low = sum_quads(c[0], c[1], c[2], c[3]);
        const __m512i high = sum_quads(c[4], c[5], c[6], c[7]);
        const __m512 dot0 = _mm512_cvtepi32_ps(sum_halves(low, high, 0));
        const __m512 dot1 = _mm512_cvtepi32_ps(sum_halves(low, high, 1));
        const __m512 value = _mm512_fmadd_ps(scale1, dot1, _mm512_mul_ps(scale0, dot0));
        _mm512_storeu_ps(chain[t].value + s.at, value);
        chain[t].factor = a.scale + part->block_begin;
    }
}

/* value = fma(min, sum of the activations, scale * dot), factor = the token's scale. */
TEMPLATE void multiply_min(const struct matmul_rows_part *part, int tokens, struct stretch s,
                           bool is_whole, const __m512i w[8], __m512 scale, __m512 min,
                           struct matmul_rows_chain *chain)
{
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct products p = products_of(part, t, s, is_whole, w, 7);
        const __m512 u = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(p.dot));
        _mm512_storeu_ps(chain[t].value + s.at, _mm512_fmadd_ps(min, _mm512_cvtepi32_ps(p.sum), u));
        _mm512_storeu_ps(chain[t].factor_memory + s.at, p.scale);
        chain[t].factor = chain[t].factor_memory;
    }
}

/* Blocks [from, from + s.count) of `u`. */
TEMPLATE void unpacked_stretch(const struct matmul_rows_part *part, int tokens, struct stretch s,
                               bool is_whole, const struct unpacked *u, size_t from,
                               struct matmul_rows_chain *chain)
{
    const enum unpack_shape shape = part->unpack->shape;
    const __m512i flip = _mm512_set1_epi8(shape == UNPACK_32_TWO ? 0 : (char)0x80);
    const __m512 scale = _mm512_load_ps(u->scale + from);
    __m512i w[8];
    UNROLL_FOR (size_t i = 0; i < 8; i++)
        w[i] = _mm512_xor_si512(_mm512_load_si512(u->q + from * 32 + 64 * i), flip);
    if (shape == UNPACK_32)
        multiply(part, tokens, s, is_whole, w, scale, 7, chain);
    else if (shape == UNPACK_32_MIN)
        multiply_min(part, tokens, s, is_whole, w, scale, _mm512_load_ps(u->min + from), chain);
    else
        multiply_two(part, tokens, s, is_whole, w, u->scale + 2 * from, chain);
}

TEMPLATE void unpacked_part(const struct matmul_rows_part *part, int tokens,
                            struct matmul_rows_chain *chain)
{
    enum { UNITS = UNPACK_COLUMNS / 32 };
    struct unpacked u; /* what is not written meets activations of zero, or is not used */
    struct stretch s = {0, BLOCKS};
    for (; s.at + BLOCKS <= part->block_count; s.at += BLOCKS) {
        const size_t from = s.at % UNITS;
        const size_t left = part->block_count - s.at;
        if (from == 0)
            matmul_rows_unpack(part, s.at, left < UNITS ? left : UNITS, &u);
        unpacked_stretch(part, tokens, s, true, &u, from, chain);
    }
    s.count = part->block_count - s.at;
    if (s.count == 0)
        return;
    if (s.at % UNITS == 0)
        matmul_rows_unpack(part, s.at, s.count, &u);
    unpacked_stretch(part, tokens, s, false, &u, s.at % UNITS, chain);
}

static void unpacked_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 1, chain);
}

static void unpacked_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 2, chain);
}

void matmul_rows32_avx512_unpacked(const struct kernel_matmul_args *args,
                                   const struct unpack_format *unpack)
{
    const struct matmul_rows_format format = {
        32, unpack->block_len, unpack->block_bytes, {unpacked_1, unpacked_2}, unpack};
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx512_unpacked(args, unpack);
    else
        matmul_rows_run(args, &format);
}

/* ---------------------------------------------------------------- the table */

static const struct matmul_rows_format q8_0 = {
    32, Q8_0_BLOCK_LEN, sizeof(struct block_q8_0), {q8_0_1, q8_0_2}, NULL};
static const struct matmul_rows_format q4_0 = {
    32, Q4_0_BLOCK_LEN, sizeof(struct block_q4_0), {q4_0_1, q4_0_2}, NULL};

static void run_q8_0(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx512_q8_0(args);
    else
        matmul_rows_run(args, &q8_0);
}

static void run_q4_0(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel32_avx512_q4_0(args);
    else
        matmul_rows_run(args, &q4_0);
}

void matmul_rows32_avx512_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_Q8_0].run = run_q8_0;
    table->matmul[DTYPE_Q4_0].run = run_q4_0;
}
