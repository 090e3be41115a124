/*
 * matmul_rows256_avx512 - products for few tokens with weights in blocks of 256: Q4_K and Q6_K as
 * they lie in the file, all types unpacked (matmul_rows.h).
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/q4_k_scales.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/matmul_rows.h"
#include "kernel/x86/sum_lanes_avx512.h"
#include "tensor/block_formats.h"

enum { BLOCKS = 4 }; /* whose integer sums are added up together */

static inline uint32_t load_u32(const void *bytes)
{
    uint32_t word = 0;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* ---------------------------------------------------------------- Q4_K */

/* Four words 0x8000 | byte: vpshufb makes them the byte, widened with zero. */
#define WORDS_OF(byte) ((long long)(0x8000800080008000u | 0x0001000100010001u * (byte)))

/* The eight sub-blocks of one block in the order of the activations, and their scales as words in
 * the places where packed sums of 0|1 with 2|3, and of 4|5 with 6|7, have them. */
struct q4_k_weights {
    __m512i w01, w23, w45, w67;
    __m512i scale0123, scale4567;
    __m128i min; /* 8 words */
};

TEMPLATE struct q4_k_weights load_q4_k(const struct block_q4_k *block)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i q0 = _mm512_loadu_si512(block->q);
    const __m512i q1 = _mm512_loadu_si512(block->q + 64);
    const __m512i low0 = _mm512_and_si512(q0, nibble);
    const __m512i low1 = _mm512_and_si512(q1, nibble);
    const __m512i high0 = _mm512_and_si512(_mm512_srli_epi16(q0, 4), nibble);
    const __m512i high1 = _mm512_and_si512(_mm512_srli_epi16(q1, 4), nibble);

    const struct q4_k_scales sub = q4_k_scales_unpack(block->sub_scales);
    uint64_t scale = 0;
    uint64_t min = 0;
    memcpy(&scale, sub.scale, sizeof(scale));
    memcpy(&min, sub.min, sizeof(min));
    const __m512i spread = _mm512_set1_epi64((long long)scale);
    const __m512i place0123 = _mm512_setr_epi64(WORDS_OF(0), WORDS_OF(2), WORDS_OF(0), WORDS_OF(2),
                                                WORDS_OF(1), WORDS_OF(3), WORDS_OF(1), WORDS_OF(3));
    const __m512i place4567 = _mm512_setr_epi64(WORDS_OF(4), WORDS_OF(6), WORDS_OF(4), WORDS_OF(6),
                                                WORDS_OF(5), WORDS_OF(7), WORDS_OF(5), WORDS_OF(7));
    return (struct q4_k_weights){
        .w01 = _mm512_shuffle_i64x2(low0, high0, 0x44),
        .w23 = _mm512_shuffle_i64x2(low0, high0, 0xee),
        .w45 = _mm512_shuffle_i64x2(low1, high1, 0x44),
        .w67 = _mm512_shuffle_i64x2(low1, high1, 0xee),
        .scale0123 = _mm512_shuffle_epi8(spread, place0123),
        .scale4567 = _mm512_shuffle_epi8(spread, place4567),
        .min = _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)min)),
    };
}

/* Sum of scale * weight * activation of one block, in 16 parts. */
TEMPLATE __m512i q4_k_dot(const struct q4_k_weights *w, const int8_t *q)
{
    const __m512i zero = _mm512_setzero_si512();
    const __m512i c01 = _mm512_dpbusd_epi32(zero, w->w01, _mm512_loadu_si512(q));
    const __m512i c23 = _mm512_dpbusd_epi32(zero, w->w23, _mm512_loadu_si512(q + 64));
    const __m512i c45 = _mm512_dpbusd_epi32(zero, w->w45, _mm512_loadu_si512(q + 128));
    const __m512i c67 = _mm512_dpbusd_epi32(zero, w->w67, _mm512_loadu_si512(q + 192));
    /* A dword is at most 4 * 15 * 127: it fits a word. */
    const __m512i sum = _mm512_dpwssd_epi32(zero, _mm512_packs_epi32(c01, c23), w->scale0123);
    return _mm512_dpwssd_epi32(sum, _mm512_packs_epi32(c45, c67), w->scale4567);
}

TEMPLATE void q4_k_stretch(const struct matmul_rows_part *part, int tokens, size_t at, size_t count,
                           struct matmul_rows_chain *chain)
{
    const struct block_q4_k *blocks = (const struct block_q4_k *)part->blocks + at;
    const size_t b = part->block_begin + at;
    __m512i dot[MATMUL_ROWS_TOKENS][BLOCKS];
    __m128i mins[MATMUL_ROWS_TOKENS][BLOCKS];
    uint32_t scales[BLOCKS] = {0}; /* scale | min << 16 */
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++) {
        if (i >= count) {
            UNROLL_FOR (int t = 0; t < tokens; t++) {
                dot[t][i] = _mm512_setzero_si512();
                mins[t][i] = _mm_setzero_si128();
            }
            continue;
        }
        const struct q4_k_weights w = load_q4_k(&blocks[i]);
        scales[i] = load_u32(&blocks[i].scale);
        UNROLL_FOR (int t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(part->activations[t], part->columns);
            const __m128i sum32 = _mm_loadu_si128((const __m128i *)(a.sum32 + (b + i) * 8));
            dot[t][i] = q4_k_dot(&w, a.q + (b + i) * 256);
            mins[t][i] = _mm_madd_epi16(w.min, sum32);
        }
    }
    const __m512 both = _mm512_cvtph_ps(_mm256_castsi128_si256(_mm_shuffle_epi8(
        _mm_setr_epi32((int)scales[0], (int)scales[1], (int)scales[2], (int)scales[3]),
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15))));
    const __m128 scale = _mm512_castps512_ps128(both);
    const __m128 min = _mm512_extractf32x4_ps(both, 1);
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const __m128i msum = _mm_hadd_epi32(_mm_hadd_epi32(mins[t][0], mins[t][1]),
                                            _mm_hadd_epi32(mins[t][2], mins[t][3]));
        const __m128 u = _mm_mul_ps(scale, _mm_cvtepi32_ps(sum_all(dot[t])));
        _mm_storeu_ps(chain[t].value + at, _mm_fnmadd_ps(min, _mm_cvtepi32_ps(msum), u));
    }
}

TEMPLATE void q4_k_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    UNROLL_FOR (int t = 0; t < tokens; t++)
        chain[t].factor =
            activation_q8_256_view(part->activations[t], part->columns).scale + part->block_begin;
    size_t at = 0;
    for (; at + BLOCKS <= part->block_count; at += BLOCKS)
        q4_k_stretch(part, tokens, at, BLOCKS, chain);
    if (at < part->block_count)
        q4_k_stretch(part, tokens, at, part->block_count - at, chain);
}

static void q4_k_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_k_part(part, 1, chain);
}

static void q4_k_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q4_k_part(part, 2, chain);
}

/* ---------------------------------------------------------------- Q6_K */

/* Four vectors of 64 weights plus 32 in the order of the activations; the scales as words, plain
 * and in the places where packed sums of w[0] with w[1], and of w[2] with w[3], have them. */
struct q6_k_weights {
    __m512i w[4];
    __m512i scale01, scale23;
    __m256i scale; /* 16 words */
};

TEMPLATE struct q6_k_weights load_q6_k(const struct block_q6_k *block)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i top = _mm512_set1_epi8(0x30);
    struct q6_k_weights out;
    UNROLL_FOR (size_t half = 0; half < 2; half++) {
        const __m512i low = _mm512_loadu_si512(block->q_low + 64 * half);
        const __m512i high = _mm512_broadcast_i64x4(
            _mm256_loadu_si256((const __m256i *)(block->q_high + 32 * half)));
        /* Quarters 0 and 1 take bits 0-1 and 2-3 of `high` to bits 4-5; 2 and 3 bits 4-5, 6-7. */
        const __m512i left = _mm512_setr_epi64(4, 4, 4, 4, 2, 2, 2, 2);
        const __m512i right = _mm512_setr_epi64(0, 0, 0, 0, 2, 2, 2, 2);
        const __m512i high01 = _mm512_and_si512(_mm512_sllv_epi64(high, left), top);
        const __m512i high23 = _mm512_and_si512(_mm512_srlv_epi64(high, right), top);
        const __m512i low01 = _mm512_and_si512(low, nibble);
        const __m512i low23 = _mm512_and_si512(_mm512_srli_epi16(low, 4), nibble);
        out.w[2 * half] = _mm512_or_si512(low01, high01);
        out.w[2 * half + 1] = _mm512_or_si512(low23, high23);
    }
    /* Lane l of two packed vectors i, j holds sub-blocks 4i + l and 4j + l, four words each. */
    const __m512i place01 = _mm512_set_epi64(
        0x0007000700070007, 0x0003000300030003, 0x0006000600060006, 0x0002000200020002,
        0x0005000500050005, 0x0001000100010001, 0x0004000400040004, 0x0000000000000000);
    const __m512i place23 = _mm512_add_epi16(place01, _mm512_set1_epi16(8));
    out.scale = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)block->sub_scales));
    const __m512i words = _mm512_castsi256_si512(out.scale);
    out.scale01 = _mm512_permutexvar_epi16(place01, words);
    out.scale23 = _mm512_permutexvar_epi16(place23, words);
    return out;
}

/* Sum of scale * (weight - 32) * activation of one block, in 16 parts. */
TEMPLATE __m512i q6_k_dot(const struct q6_k_weights *w, const int8_t *q, const int16_t *sum16)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i c[4];
    UNROLL_FOR (size_t i = 0; i < 4; i++)
        c[i] = _mm512_dpbusd_epi32(zero, w->w[i], _mm512_loadu_si512(q + 64 * i));
    /* A dword is at most 4 * 63 * 127 = 32004: it fits a word. */
    __m512i sum = _mm512_dpwssd_epi32(zero, _mm512_packs_epi32(c[0], c[1]), w->scale01);
    sum = _mm512_dpwssd_epi32(sum, _mm512_packs_epi32(c[2], c[3]), w->scale23);
    const __m256i sums = _mm256_loadu_si256((const __m256i *)sum16);
    const __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(w->scale, sums), 5);
    return _mm512_sub_epi32(sum, _mm512_zextsi256_si512(offset));
}

TEMPLATE void q6_k_stretch(const struct matmul_rows_part *part, int tokens, size_t at, size_t count,
                           struct matmul_rows_chain *chain)
{
    const struct block_q6_k *blocks = (const struct block_q6_k *)part->blocks + at;
    const size_t b = part->block_begin + at;
    __m512i dot[MATMUL_ROWS_TOKENS][BLOCKS];
    uint64_t scales = 0;
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++) {
        if (i >= count) {
            UNROLL_FOR (int t = 0; t < tokens; t++)
                dot[t][i] = _mm512_setzero_si512();
            continue;
        }
        const struct q6_k_weights w = load_q6_k(&blocks[i]);
        scales |= (uint64_t)blocks[i].scale << 16 * i;
        UNROLL_FOR (int t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(part->activations[t], part->columns);
            dot[t][i] = q6_k_dot(&w, a.q + (b + i) * 256, a.sum16 + (b + i) * 16);
        }
    }
    const __m128 scale = _mm_cvtph_ps(_mm_cvtsi64_si128((long long)scales));
    UNROLL_FOR (int t = 0; t < tokens; t++)
        _mm_storeu_ps(chain[t].value + at, _mm_mul_ps(scale, _mm_cvtepi32_ps(sum_all(dot[t]))));
}

TEMPLATE void q6_k_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    UNROLL_FOR (int t = 0; t < tokens; t++)
        chain[t].factor =
            activation_q8_256_view(part->activations[t], part->columns).scale + part->block_begin;
    size_t at = 0;
    for (; at + BLOCKS <= part->block_count; at += BLOCKS)
        q6_k_stretch(part, tokens, at, BLOCKS, chain);
    if (at < part->block_count)
        q6_k_stretch(part, tokens, at, part->block_count - at, chain);
}

static void q6_k_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q6_k_part(part, 1, chain);
}

static void q6_k_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    q6_k_part(part, 2, chain);
}

/* ---------------------------------------------------------------- every type, unpacked */

enum { SIGN_SHIFT = 7 }; /* signed weights have 128 added */

/* One block: four vectors of 64 unsigned weights, with a scale for each dword of them; the numbers
 * that meet the sums of the activations: sub_mins, or the sub_scales for the correction. */
struct unpacked_block {
    __m512i w[4];
    __m512i scale[4];
    __m256i with_sums; /* 16 words, or 8 */
};

TEMPLATE struct unpacked_block load_block(const struct unpacked *u, size_t b, bool is_by_16,
                                          bool has_min)
{
    const size_t subs = is_by_16 ? 16 : 8;
    const __m512i flip = _mm512_set1_epi8(has_min ? 0 : (char)0x80);
    const int16_t *with_sums = has_min ? u->sub_min : u->sub_scale;
    const __m512i lane = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    /* Dword j of vector i is of sub-block 4i + j / 4, or 2i + j / 8. */
    const __m512i place = is_by_16 ? lane : _mm512_srli_epi32(lane, 1);
    struct unpacked_block out;
    __m512i scales;
    if (is_by_16) {
        scales =
            _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(u->sub_scale + b * subs)));
        out.with_sums = _mm256_loadu_si256((const __m256i *)(with_sums + b * subs));
    } else {
        scales = _mm512_castsi256_si512(
            _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(u->sub_scale + b * subs))));
        out.with_sums =
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(with_sums + b * subs)));
    }
    UNROLL_FOR (size_t i = 0; i < 4; i++) {
        const __m512i at = _mm512_add_epi32(place, _mm512_set1_epi32((int)(i * subs / 4)));
        out.w[i] = _mm512_xor_si512(_mm512_load_si512(u->q + b * 256 + 64 * i), flip);
        out.scale[i] = _mm512_permutexvar_epi32(at, scales);
    }
    return out;
}

/* Sum of sub_scale * weight * activation of one block, in 16 parts. */
TEMPLATE __m512i block_dot(const struct unpacked_block *w, const int8_t *q)
{
    __m512i sum = _mm512_setzero_si512();
    UNROLL_FOR (size_t i = 0; i < 4; i++) {
        const __m512i c =
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), w->w[i], _mm512_loadu_si512(q + 64 * i));
        sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(c, w->scale[i]));
    }
    return sum;
}

/* Words of the weights with the sums of the activations, in 4 parts. */
TEMPLATE __m128i sums_dot(const struct unpacked_block *w, const struct activation_q8_256 *a,
                          size_t b, bool is_by_16)
{
    if (!is_by_16)
        return _mm_madd_epi16(_mm256_castsi256_si128(w->with_sums),
                              _mm_loadu_si128((const __m128i *)(a->sum32 + b * 8)));
    const __m256i sums = _mm256_loadu_si256((const __m256i *)(a->sum16 + b * 16));
    const __m256i products = _mm256_madd_epi16(w->with_sums, sums);
    return _mm_add_epi32(_mm256_castsi256_si128(products), _mm256_extracti128_si256(products, 1));
}

/* Blocks [at, at + count) of the part, which `u` holds. */
TEMPLATE void unpacked_stretch(const struct matmul_rows_part *part, int tokens, size_t at,
                               size_t count, const struct unpacked *u, bool is_by_16, bool has_min,
                               struct matmul_rows_chain *chain)
{
    const size_t first = part->block_begin + at;
    __m512i dot[MATMUL_ROWS_TOKENS][BLOCKS];
    __m128i sums[MATMUL_ROWS_TOKENS][BLOCKS];
    UNROLL_FOR (size_t b = 0; b < BLOCKS; b++) {
        if (b >= count) {
            UNROLL_FOR (int t = 0; t < tokens; t++) {
                dot[t][b] = _mm512_setzero_si512();
                sums[t][b] = _mm_setzero_si128();
            }
            continue;
        }
        const struct unpacked_block w = load_block(u, b, is_by_16, has_min);
        UNROLL_FOR (int t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(part->activations[t], part->columns);
            dot[t][b] = block_dot(&w, a.q + (first + b) * 256);
            sums[t][b] = sums_dot(&w, &a, first + b, is_by_16);
        }
    }
    const __m128 scale = _mm_load_ps(u->scale);
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const __m128i sum = _mm_hadd_epi32(_mm_hadd_epi32(sums[t][0], sums[t][1]),
                                           _mm_hadd_epi32(sums[t][2], sums[t][3]));
        const __m128i isum = sum_all(dot[t]);
        __m128 value;
        if (has_min)
            value = _mm_fnmadd_ps(_mm_load_ps(u->min), _mm_cvtepi32_ps(sum),
                                  _mm_mul_ps(scale, _mm_cvtepi32_ps(isum)));
        else
            value = _mm_mul_ps(
                scale, _mm_cvtepi32_ps(_mm_sub_epi32(isum, _mm_slli_epi32(sum, SIGN_SHIFT))));
        _mm_storeu_ps(chain[t].value + at, value);
    }
}

TEMPLATE void unpacked_blocks(const struct matmul_rows_part *part, int tokens, size_t at,
                              size_t count, const struct unpacked *u,
                              struct matmul_rows_chain *chain)
{
    const bool has_min = unpack_has_min(part->unpack->shape);
    if (unpack_is_by_16(part->unpack->shape) && has_min)
        unpacked_stretch(part, tokens, at, count, u, true, true, chain);
    else if (unpack_is_by_16(part->unpack->shape))
        unpacked_stretch(part, tokens, at, count, u, true, false, chain);
    else if (has_min)
        unpacked_stretch(part, tokens, at, count, u, false, true, chain);
    else
        unpacked_stretch(part, tokens, at, count, u, false, false, chain);
}

TEMPLATE void unpacked_part(const struct matmul_rows_part *part, int tokens,
                            struct matmul_rows_chain *chain)
{
    struct unpacked u; /* numbers of blocks that are not there go into the padding of the chain */
    UNROLL_FOR (int t = 0; t < tokens; t++)
        chain[t].factor =
            activation_q8_256_view(part->activations[t], part->columns).scale + part->block_begin;
    for (size_t at = 0; at < part->block_count; at += BLOCKS) {
        const size_t left = part->block_count - at;
        matmul_rows_unpack(part, at, left < BLOCKS ? left : BLOCKS, &u);
        if (left >= BLOCKS)
            unpacked_blocks(part, tokens, at, BLOCKS, &u, chain);
        else
            unpacked_blocks(part, tokens, at, left, &u, chain);
    }
}

static void unpacked_1(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 1, chain);
}

static void unpacked_2(const struct matmul_rows_part *part, struct matmul_rows_chain *chain)
{
    unpacked_part(part, 2, chain);
}

void matmul_rows256_avx512_unpacked(const struct kernel_matmul_args *args,
                                    const struct unpack_format *unpack)
{
    const struct matmul_rows_format format = {
        QK_BLOCK_LEN, QK_BLOCK_LEN, unpack->block_bytes, {unpacked_1, unpacked_2}, unpack};
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel256_avx512_unpacked(args, unpack);
    else
        matmul_rows_run(args, &format);
}

/* ---------------------------------------------------------------- the table */

static const struct matmul_rows_format q4_k = {
    QK_BLOCK_LEN, QK_BLOCK_LEN, sizeof(struct block_q4_k), {q4_k_1, q4_k_2}, NULL};
static const struct matmul_rows_format q6_k = {
    QK_BLOCK_LEN, QK_BLOCK_LEN, sizeof(struct block_q6_k), {q6_k_1, q6_k_2}, NULL};

static void run_q4_k(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel256_avx512_q4_k(args);
    else
        matmul_rows_run(args, &q4_k);
}

static void run_q6_k(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel256_avx512_q6_k(args);
    else
        matmul_rows_run(args, &q6_k);
}

void matmul_rows256_avx512_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_Q4_K].run = run_q4_k;
    table->matmul[DTYPE_Q6_K].run = run_q6_k;
}
