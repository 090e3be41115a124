/*
 * matmul_rows32_avx512 - products for few tokens with weights that have a scale for each 32 (Q8_0,
 * Q4_0), as they lie in the file (matmul_rows.h).
 *
 * vpdpbusd multiplies unsigned with signed bytes: weights are made unsigned by adding an offset,
 * and
 * offset * (sum of the activations) is subtracted from the integer sum, which is exact.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/matmul_rows.h"
#include "kernel/x86/sum_lanes_avx512.h"
#include "kernel/x86/unroll.h"
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

/* Factors and values of a stretch whose weights are w, two blocks in each, plus 2^shift. */
TEMPLATE void multiply(const struct matmul_rows_part *part, int tokens, struct stretch s,
                       bool is_whole, const __m512i w[8], __m512 scale, unsigned shift,
                       struct matmul_rows_chain *chain)
{
    const size_t b = part->block_begin + s.at;
    const __mmask16 lanes = (__mmask16)((1u << s.count) - 1);
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct activation_q8_32 a =
            activation_q8_32_view(part->activations[t], part->columns);
        __m512i c[8];
        UNROLL_FOR (size_t i = 0; i < 8; i++)
            c[i] = _mm512_dpbusd_epi32(
                _mm512_setzero_si512(), w[i],
                load_pair(a.q + b * 32 + 64 * i, left_at(s.count, 2 * i), is_whole));
        const __m512i sum =
            is_whole ? _mm512_loadu_si512(a.sum + b) : _mm512_maskz_loadu_epi32(lanes, a.sum + b);
        const __m512 a_scale =
            is_whole ? _mm512_loadu_ps(a.scale + b) : _mm512_maskz_loadu_ps(lanes, a.scale + b);
        const __m512i dot = _mm512_sub_epi32(sum_octets(c), _mm512_slli_epi32(sum, shift));
        _mm512_storeu_ps(chain[t].value + s.at, _mm512_cvtepi32_ps(dot));
        _mm512_storeu_ps(chain[t].factor_memory + s.at, _mm512_mul_ps(scale, a_scale));
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

/* ---------------------------------------------------------------- the table */

static const struct matmul_rows_format q8_0 = {
    Q8_0_BLOCK_LEN, sizeof(struct block_q8_0), {q8_0_1, q8_0_2}};
static const struct matmul_rows_format q4_0 = {
    Q4_0_BLOCK_LEN, sizeof(struct block_q4_0), {q4_0_1, q4_0_2}};

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
