/*
 * matmul_rows256_avx2 - products for few tokens with weights in blocks of 256: Q4_K and Q6_K as
 * they lie in the file, all types unpacked (matmul_rows.h).
 *
 * vpmaddubsw leaves words of at most 2 * 63 * 127: vpmaddwd with the sub-block's scale as words
 * multiplies and widens at once.
 *
 * Threads: any; no state.
 */
#include "kernel/activation.h"
#include "kernel/kernel_table.h"
#include "kernel/q4_k_scales.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/matmul_panel.h"
#include "kernel/x86/matmul_rows.h"
#include "kernel/x86/sum_lanes_avx2.h"
#include "tensor/block_formats.h"

enum { BLOCKS = 4, PARTS = 8 }; /* blocks added up together; parts of 32 weights in a block */

static inline uint32_t load_u32(const void *bytes)
{
    uint32_t word = 0;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Control of vpshufb: word `first` in the lower 128 bits eight times, `second` in the upper. */
TEMPLATE __m256i word_places(int first, int second)
{
    return _mm256_set_m128i(_mm_set1_epi16((short)((2 * second + 1) << 8 | (2 * second))),
                            _mm_set1_epi16((short)((2 * first + 1) << 8 | (2 * first))));
}

/* One block: 32 unsigned weights and their scales as words in each part, in order. */
struct weights {
    __m256i w[PARTS];
    __m256i scale[PARTS];
};

/* Sum of scale * weight * activation of one block, in eight parts. */
TEMPLATE __m256i dot_parts(const struct weights *w, const int8_t *q)
{
    __m256i sum = _mm256_setzero_si256();
    UNROLL_FOR (size_t i = 0; i < PARTS; i++) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(q + 32 * i));
        const __m256i pairs = _mm256_maddubs_epi16(w->w[i], a);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, w->scale[i]));
    }
    return sum;
}

TEMPLATE void point_factors(const struct matmul_rows_part *part, int tokens,
                            struct matmul_rows_chain *chain)
{
    UNROLL_FOR (int t = 0; t < tokens; t++)
        chain[t].factor =
            activation_q8_256_view(part->activations[t], part->columns).scale + part->block_begin;
}

/* ---------------------------------------------------------------- Q4_K */

/* Returns the mins as eight words. */
TEMPLATE __m128i load_q4_k(const struct block_q4_k *block, struct weights *out)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const struct q4_k_scales sub = q4_k_scales_unpack(block->sub_scales);
    uint64_t scale = 0;
    uint64_t min = 0;
    memcpy(&scale, sub.scale, sizeof(scale));
    memcpy(&min, sub.min, sizeof(min));
    const __m256i words =
        _mm256_broadcastsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)scale)));
    UNROLL_FOR (int i = 0; i < PARTS; i += 2) {
        const __m256i packed = _mm256_loadu_si256((const __m256i *)(block->q + 16 * i));
        out->w[i] = _mm256_and_si256(packed, nibble);
        out->w[i + 1] = _mm256_and_si256(_mm256_srli_epi16(packed, 4), nibble);
        out->scale[i] = _mm256_shuffle_epi8(words, word_places(i, i));
        out->scale[i + 1] = _mm256_shuffle_epi8(words, word_places(i + 1, i + 1));
    }
    return _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)min));
}

TEMPLATE void q4_k_stretch(const struct matmul_rows_part *part, int tokens, size_t at, size_t count,
                           struct matmul_rows_chain *chain)
{
    const struct block_q4_k *blocks = (const struct block_q4_k *)part->blocks + at;
    const size_t b = part->block_begin + at;
    __m256i dot[MATMUL_ROWS_TOKENS][BLOCKS];
    __m128i mins[MATMUL_ROWS_TOKENS][BLOCKS];
    uint32_t scales[BLOCKS] = {0}; /* scale | min << 16 */
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++) {
        if (i >= count) {
            UNROLL_FOR (int t = 0; t < tokens; t++) {
                dot[t][i] = _mm256_setzero_si256();
                mins[t][i] = _mm_setzero_si128();
            }
            continue;
        }
        struct weights w;
        const __m128i min = load_q4_k(&blocks[i], &w);
        scales[i] = load_u32(&blocks[i].scale);
        UNROLL_FOR (int t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(part->activations[t], part->columns);
            const __m128i sum32 = _mm_loadu_si128((const __m128i *)(a.sum32 + (b + i) * 8));
            dot[t][i] = dot_parts(&w, a.q + (b + i) * 256);
            mins[t][i] = _mm_madd_epi16(min, sum32);
        }
    }
    const __m256 both = _mm256_cvtph_ps(_mm_shuffle_epi8(
        _mm_setr_epi32((int)scales[0], (int)scales[1], (int)scales[2], (int)scales[3]),
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15)));
    const __m128 scale = _mm256_castps256_ps128(both);
    const __m128 min_scale = _mm256_extractf128_ps(both, 1);
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const __m128i msum = _mm_hadd_epi32(_mm_hadd_epi32(mins[t][0], mins[t][1]),
                                            _mm_hadd_epi32(mins[t][2], mins[t][3]));
        const __m128 u = _mm_mul_ps(scale, _mm_cvtepi32_ps(sum_all_4(dot[t])));
        _mm_storeu_ps(chain[t].value + at, _mm_fnmadd_ps(min_scale, _mm_cvtepi32_ps(msum), u));
    }
}

TEMPLATE void q4_k_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    point_factors(part, tokens, chain);
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

/* Weights plus 32. Returns the scales as sixteen words. */
TEMPLATE __m256i load_q6_k(const struct block_q6_k *block, struct weights *out)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i top = _mm256_set1_epi8(0x30);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)block->sub_scales);
    const __m256i words[2] = {
        _mm256_broadcastsi128_si256(_mm_cvtepi8_epi16(bytes)),
        _mm256_broadcastsi128_si256(_mm_cvtepi8_epi16(_mm_srli_si128(bytes, 8)))};
    UNROLL_FOR (int half = 0; half < 2; half++) {
        const __m256i low = _mm256_loadu_si256((const __m256i *)(block->q_low + 64 * half));
        const __m256i next = _mm256_loadu_si256((const __m256i *)(block->q_low + 64 * half + 32));
        const __m256i high = _mm256_loadu_si256((const __m256i *)(block->q_high + 32 * half));
        const __m256i high0 = _mm256_and_si256(_mm256_slli_epi16(high, 4), top);
        const __m256i high1 = _mm256_and_si256(_mm256_slli_epi16(high, 2), top);
        const __m256i high2 = _mm256_and_si256(high, top);
        const __m256i high3 = _mm256_and_si256(_mm256_srli_epi16(high, 2), top);
        const __m256i low2 = _mm256_and_si256(_mm256_srli_epi16(low, 4), nibble);
        const __m256i low3 = _mm256_and_si256(_mm256_srli_epi16(next, 4), nibble);
        __m256i *w = &out->w[4 * half];
        w[0] = _mm256_or_si256(_mm256_and_si256(low, nibble), high0);
        w[1] = _mm256_or_si256(_mm256_and_si256(next, nibble), high1);
        w[2] = _mm256_or_si256(low2, high2);
        w[3] = _mm256_or_si256(low3, high3);
        UNROLL_FOR (int i = 0; i < 4; i++)
            out->scale[4 * half + i] =
                _mm256_shuffle_epi8(words[half], word_places(2 * i, 2 * i + 1));
    }
    return _mm256_cvtepi8_epi16(bytes);
}

TEMPLATE void q6_k_stretch(const struct matmul_rows_part *part, int tokens, size_t at, size_t count,
                           struct matmul_rows_chain *chain)
{
    const struct block_q6_k *blocks = (const struct block_q6_k *)part->blocks + at;
    const size_t b = part->block_begin + at;
    __m256i dot[MATMUL_ROWS_TOKENS][BLOCKS];
    uint64_t scales = 0;
    UNROLL_FOR (size_t i = 0; i < BLOCKS; i++) {
        if (i >= count) {
            UNROLL_FOR (int t = 0; t < tokens; t++)
                dot[t][i] = _mm256_setzero_si256();
            continue;
        }
        struct weights w;
        const __m256i words = load_q6_k(&blocks[i], &w);
        scales |= (uint64_t)blocks[i].scale << 16 * i;
        UNROLL_FOR (int t = 0; t < tokens; t++) {
            const struct activation_q8_256 a =
                activation_q8_256_view(part->activations[t], part->columns);
            const __m256i sum16 = _mm256_loadu_si256((const __m256i *)(a.sum16 + (b + i) * 16));
            const __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(words, sum16), 5);
            dot[t][i] = _mm256_sub_epi32(dot_parts(&w, a.q + (b + i) * 256), offset);
        }
    }
    const __m128 scale = _mm_cvtph_ps(_mm_cvtsi64_si128((long long)scales));
    UNROLL_FOR (int t = 0; t < tokens; t++)
        _mm_storeu_ps(chain[t].value + at, _mm_mul_ps(scale, _mm_cvtepi32_ps(sum_all_4(dot[t]))));
}

TEMPLATE void q6_k_part(const struct matmul_rows_part *part, int tokens,
                        struct matmul_rows_chain *chain)
{
    point_factors(part, tokens, chain);
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

/* Signed weights: their sign moves to the activation, as in matmul_rows32_avx2.c. */
TEMPLATE __m256i block_dot(const struct unpacked *u, size_t b, bool is_by_16, const int8_t *q)
{
    __m256i sum = _mm256_setzero_si256();
    UNROLL_FOR (size_t i = 0; i < PARTS; i++) {
        const __m256i w = _mm256_load_si256((const __m256i *)(u->q + b * 256 + 32 * i));
        const __m256i a = _mm256_loadu_si256((const __m256i *)(q + 32 * i));
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
        const int16_t *sub = u->sub_scale + (is_by_16 ? b * 16 + 2 * i : b * 8 + i);
        const __m256i scale = is_by_16
                                  ? _mm256_set_m128i(_mm_set1_epi16(sub[1]), _mm_set1_epi16(sub[0]))
                                  : _mm256_set1_epi16(sub[0]);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, scale));
    }
    return sum;
}

/* The sub_mins of block b with the sums of the activations of block `block`, in 4 parts. */
TEMPLATE __m128i mins_dot(const struct unpacked *u, size_t b, bool is_by_16,
                          const struct activation_q8_256 *a, size_t block)
{
    if (!is_by_16)
        return _mm_madd_epi16(_mm_load_si128((const __m128i *)(u->sub_min + b * 8)),
                              _mm_loadu_si128((const __m128i *)(a->sum32 + block * 8)));
    const __m256i products =
        _mm256_madd_epi16(_mm256_load_si256((const __m256i *)(u->sub_min + b * 16)),
                          _mm256_loadu_si256((const __m256i *)(a->sum16 + block * 16)));
    return _mm_add_epi32(_mm256_castsi256_si128(products), _mm256_extracti128_si256(products, 1));
}

/* Blocks [at, at + count) of the part, which `u` holds. */
TEMPLATE void unpacked_stretch(const struct matmul_rows_part *part, int tokens, size_t at,
                               size_t count, const struct unpacked *u, bool is_by_16, bool has_min,
                               struct matmul_rows_chain *chain)
{
    const size_t first = part->block_begin + at;
    UNROLL_FOR (int t = 0; t < tokens; t++) {
        const struct activation_q8_256 a =
            activation_q8_256_view(part->activations[t], part->columns);
        __m256i dot[BLOCKS];
        __m128i mins[BLOCKS];
        UNROLL_FOR (size_t b = 0; b < BLOCKS; b++) {
            const bool is_there = b < count;
            dot[b] = is_there ? block_dot(u, b, is_by_16, a.q + (first + b) * 256)
                              : _mm256_setzero_si256();
            mins[b] =
                is_there && has_min ? mins_dot(u, b, is_by_16, &a, first + b) : _mm_setzero_si128();
        }
        __m128 value = _mm_mul_ps(_mm_load_ps(u->scale), _mm_cvtepi32_ps(sum_all_4(dot)));
        if (has_min) {
            const __m128i msum =
                _mm_hadd_epi32(_mm_hadd_epi32(mins[0], mins[1]), _mm_hadd_epi32(mins[2], mins[3]));
            value = _mm_fnmadd_ps(_mm_load_ps(u->min), _mm_cvtepi32_ps(msum), value);
        }
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
    point_factors(part, tokens, chain);
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

void matmul_rows256_avx2_unpacked(const struct kernel_matmul_args *args,
                                  const struct unpack_format *unpack)
{
    const struct matmul_rows_format format = {
        QK_BLOCK_LEN, QK_BLOCK_LEN, unpack->block_bytes, {unpacked_1, unpacked_2}, unpack};
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel256_avx2_unpacked(args, unpack);
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
        matmul_panel256_avx2_q4_k(args);
    else
        matmul_rows_run(args, &q4_k);
}

static void run_q6_k(const struct kernel_matmul_args *args)
{
    if (args->token_count >= MATMUL_PANEL_TOKENS)
        matmul_panel256_avx2_q6_k(args);
    else
        matmul_rows_run(args, &q6_k);
}

void matmul_rows256_avx2_fill(struct kernel_table *table)
{
    table->matmul[DTYPE_Q4_K].run = run_q4_k;
    table->matmul[DTYPE_Q6_K].run = run_q6_k;
}
