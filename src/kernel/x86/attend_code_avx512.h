/*
 * attend_code_avx512 - attention over coded keys and values with 512 bits, up to four (token, head)
 * rows at a time, around the look-up of eight chains.
 *
 * Products are of unsigned and signed bytes: table values of keys are taken 128 larger, which the
 * sum of the query makes up for; weights of values are not negative.
 *
 * A file that includes this defines before:
 *
 *   struct tables          what codes are looked up in
 *   look_up_key_chains()   eight chains; low: even symbols of each chain, high: odd ones
 *   look_up_value_chains() eight chains of 16 table values; where the channels are that they belong
 *                          to is told by
 *   find_channels()        the order of 64-bit pairs of channels in both: those of the first 16
 *                          channels, and of the others
 *
 * Only for files built for AVX-512. Threads: any; no state.
 */
#pragma once

#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/unroll.h"
#include "kernel/x86/vector_avx512.h"

enum { LANES = 16, ROWS = 4, VECTORS = KERNEL_PAGE_TOKENS / LANES, BESIDE = 8 };

struct weights {
    float p[ROWS][KERNEL_PAGE_TOKENS];
    _Alignas(64) uint8_t bytes[ROWS][KERNEL_PAGE_TOKENS];
    float step[ROWS];
    float sum[ROWS];
    float shrink[ROWS];
};

/* attend_code_quantize() on vectors, the even ones of 16 numbers first; a piece that is not finite
 * is left to it. */
TEMPLATE void quantize_piece(const float *x, size_t dim, int8_t *q, float *scale, int *sum)
{
    const __m128i even_first = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    const __m512 limit = _mm512_set1_ps(FLT_MAX);
    __m512 most = _mm512_setzero_ps();
    __mmask16 finite = 0xffff;
    for (size_t i = 0; i < dim; i += LANES) {
        const __m512 magnitude = _mm512_abs_ps(_mm512_loadu_ps(x + i));
        most = _mm512_max_ps(magnitude, most);
        finite &= _mm512_cmp_ps_mask(magnitude, limit, _CMP_LE_OQ);
    }
    if (finite != 0xffff) {
        attend_code_quantize_piece(x, dim, q, scale, sum); /* all 0, in any order */
        return;
    }
    const float largest = _mm512_reduce_max_ps(most);
    const float factor = largest > ATTEND_CODE_SMALLEST ? 127.0f / largest : 0.0f;
    __m512i total = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += LANES) {
        const __m512i n =
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), _mm512_set1_ps(factor)));
        total = _mm512_add_epi32(total, n);
        _mm_storeu_si128((__m128i *)(q + i), _mm_shuffle_epi8(_mm512_cvtepi32_epi8(n), even_first));
    }
    *sum = _mm512_reduce_add_epi32(total);
    *scale = largest / 127.0f / KV_CODE_SCALE;
}

TEMPLATE void quantize(const struct kernel_attend_args *args, const float *x,
                       struct attend_code_query *out)
{
    size_t dim = 0;
    out->x = x;
    for (size_t at = 0, i = 0; at < args->head_dim; at += dim, i++) {
        dim = kv_code_piece(args->head_dim, 0, at);
        quantize_piece(x + at, dim, out->q + at, &out->scale[i], &out->sum[i]);
    }
}

/* Eight chains of table values that were looked up before. */
TEMPLATE struct looked_up load_looked_up(const unsigned char *from)
{
    return (struct looked_up){_mm512_load_si512(from), _mm512_load_si512(from + 64)};
}

TEMPLATE void store_looked_up(struct looked_up x, unsigned char *to)
{
    _mm512_store_si512(to, x.low);
    _mm512_store_si512(to + 64, x.high);
}

TEMPLATE struct looked_up look_up_key(const unsigned char *from, unsigned bits,
                                      const struct tables *tables)
{
    return bits == ATTEND_CODE_LOOKED_UP ? load_looked_up(from)
                                         : look_up_key_chains(from, bits, tables);
}

TEMPLATE struct looked_up look_up_value(const unsigned char *from, unsigned bits,
                                        const struct tables *tables)
{
    return bits == ATTEND_CODE_LOOKED_UP ? load_looked_up(from)
                                         : look_up_value_chains(from, bits, tables);
}

TEMPLATE void look_up_keys(const unsigned char *chains, size_t count, unsigned bits,
                           const struct tables *tables, unsigned char *to)
{
    for (size_t i = 0; i < count; i += BESIDE)
        store_looked_up(look_up_key_chains(chains + i * 2 * bits, bits, tables),
                        to + i * KV_CODE_CHAIN);
}

TEMPLATE void look_up_values(const unsigned char *chains, size_t count, unsigned bits,
                             const struct tables *tables, unsigned char *to)
{
    for (size_t i = 0; i < count; i += BESIDE)
        store_looked_up(look_up_value_chains(chains + i * 2 * bits, bits, tables),
                        to + i * KV_CODE_CHAIN);
}

TEMPLATE __m512i four_times_q(const int8_t *q)
{
    int64_t eight = 0;
    memcpy(&eight, q, sizeof(eight));
    return _mm512_set1_epi64(eight);
}

/* Adds the products with one piece of the keys to the scores. */
TEMPLATE void add_scores(const struct attend_code_piece *piece, size_t number,
                         const struct attend_code_row *rows, size_t count, unsigned bits,
                         const struct tables *tables, float score[ROWS][KERNEL_PAGE_TOKENS])
{
    const size_t chain_bytes = 2 * bits;
    const size_t groups = piece->dim / 16;
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd =
        _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 2 * BESIDE) {
        const unsigned char *first = piece->chains + t * groups * chain_bytes;
        const unsigned char *second = first + BESIDE * groups * chain_bytes;
        __m512i sum0[ROWS];
        __m512i sum1[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            sum0[r] = sum1[r] = _mm512_setzero_si512();
        for (size_t g = 0; g < groups; g++) {
            const struct looked_up a = look_up_key(first + g * BESIDE * chain_bytes, bits, tables);
            const struct looked_up b = look_up_key(second + g * BESIDE * chain_bytes, bits, tables);
            attend_span_ask(first + g * BESIDE * chain_bytes, 1, piece->ahead);
            attend_span_ask(second + g * BESIDE * chain_bytes, 1, piece->ahead);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                const int8_t *q = rows[r].query.q + piece->at + g * 16;
                const __m512i low = four_times_q(q);
                const __m512i high = four_times_q(q + 8);
                sum0[r] = _mm512_dpbusd_epi32(sum0[r], a.low, low);
                sum1[r] = _mm512_dpbusd_epi32(sum1[r], b.low, low);
                sum0[r] = _mm512_dpbusd_epi32(sum0[r], a.high, high);
                sum1[r] = _mm512_dpbusd_epi32(sum1[r], b.high, high);
            }
        }
        const __m512 scale =
            _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(piece->tail.scales + 2 * t)));
        UNROLL_FOR (size_t r = 0; r < count; r++) {
            const __m512i pairs =
                _mm512_add_epi32(_mm512_permutex2var_epi32(sum0[r], even, sum1[r]),
                                 _mm512_permutex2var_epi32(sum0[r], odd, sum1[r]));
            const __m512i product =
                _mm512_sub_epi32(pairs, _mm512_set1_epi32(128 * rows[r].query.sum[number]));
            const __m512 dot = _mm512_mul_ps(_mm512_cvtepi32_ps(product), scale);
            _mm512_storeu_ps(score[r] + t,
                             _mm512_fmadd_ps(dot, _mm512_set1_ps(rows[r].query.scale[number]),
                                             _mm512_loadu_ps(score[r] + t)));
        }
    }
}

/* Lanes 0, 4, 8 and 12 of the result: the tree sums of four vectors (lanes.h). */
TEMPLATE __m512 sum_each(const __m512 v[ROWS])
{
    const __m512 first = _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x44),
                                       _mm512_shuffle_f32x4(v[0], v[1], 0xee));
    const __m512 last = _mm512_add_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x44),
                                      _mm512_shuffle_f32x4(v[2], v[3], 0xee));
    const __m512 four = _mm512_add_ps(_mm512_shuffle_f32x4(first, last, 0x88),
                                      _mm512_shuffle_f32x4(first, last, 0xdd));
    const __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
    return _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
}

/* The same of the largest. */
TEMPLATE __m512 largest_each(const __m512 v[ROWS])
{
    const __m512 first = _mm512_max_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x44),
                                       _mm512_shuffle_f32x4(v[0], v[1], 0xee));
    const __m512 last = _mm512_max_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x44),
                                      _mm512_shuffle_f32x4(v[2], v[3], 0xee));
    const __m512 four = _mm512_max_ps(_mm512_shuffle_f32x4(first, last, 0x88),
                                      _mm512_shuffle_f32x4(first, last, 0xdd));
    const __m512 two = _mm512_max_ps(four, _mm512_permute_ps(four, 0x4e));
    return _mm512_max_ps(two, _mm512_permute_ps(two, 0xb1));
}

/* Those four lanes. */
TEMPLATE __m128 rows_of(__m512 each)
{
    return _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, each));
}

/* Sixteen of the mean's int8 as floats. */
TEMPLATE __m512 load_mean(const unsigned char *mean)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)mean)));
}

/* Of each row's query with the mean of a piece. */
TEMPLATE __m128 mean_products(const struct attend_code_piece *piece,
                              const struct attend_code_row *rows, size_t count)
{
    __m512 sum[ROWS];
    UNROLL_FOR (size_t r = 0; r < ROWS; r++)
        sum[r] = _mm512_setzero_ps();
    for (size_t i = 0; i < piece->dim; i += LANES) {
        const __m512 mean = load_mean(piece->tail.mean + i);
        UNROLL_FOR (size_t r = 0; r < count; r++)
            sum[r] =
                _mm512_fmadd_ps(_mm512_loadu_ps(rows[r].query.x + piece->at + i), mean, sum[r]);
    }
    return rows_of(sum_each(sum));
}

/* What a query and the block's mean give, the same for all its keys. */
TEMPLATE void begin_scores(const struct kernel_attend_args *args, struct attend_code_block block,
                           const struct attend_code_row *rows, size_t count,
                           float score[ROWS][KERNEL_PAGE_TOKENS])
{
    _Alignas(16) float mean[ROWS];
    __m128 all = _mm_setzero_ps();
    struct attend_code_piece piece = {0};
    while (attend_code_next(args->key_code, ATTEND_CODE_LOOKED_UP, args->head_dim, 0, &block.keys,
                            &block.key_tails, &piece))
        if (piece.tail.mean)
            all = _mm_add_ps(
                all, _mm_mul_ps(_mm_set1_ps(piece.mean_scale), mean_products(&piece, rows, count)));
    _mm_store_ps(mean, all);
    UNROLL_FOR (size_t r = 0; r < count; r++)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            _mm512_storeu_ps(score[r] + v * LANES, _mm512_set1_ps(mean[r]));
}

/* kernel_table.h: the score after the softcap. */
TEMPLATE __m512 cap(__m512 score, float softcap)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 e = vector_avx512_exp(_mm512_mul_ps(score, _mm512_set1_ps(2.0f / softcap)));
    const __m512 part = _mm512_div_ps(_mm512_set1_ps(2.0f), _mm512_add_ps(e, one));
    return _mm512_mul_ps(_mm512_set1_ps(softcap), _mm512_sub_ps(one, part));
}

/* Which of the 64 keys from `key` on a row sees. */
TEMPLATE __mmask64 visible(const struct attend_code_row *row, size_t key)
{
    const size_t left = row->end - key;
    const uint64_t seen = left < KERNEL_PAGE_TOKENS ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
    return row->begin > key ? seen >> (row->begin - key) << (row->begin - key) : seen;
}

/* Scores become weights: the largest of each row in *largest, what it was before in *before. */
TEMPLATE void find_largest(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct weights *w, float largest[ROWS], float before[ROWS])
{
    __m512 most[ROWS];
    UNROLL_FOR (size_t r = 0; r < ROWS; r++) {
        before[r] = rows[r < count ? r : 0].partial[ATTEND_SPAN_LARGEST];
        most[r] = _mm512_set1_ps(before[r]);
    }
    UNROLL_FOR (size_t r = 0; r < count; r++) {
        const __mmask64 there = visible(&rows[r], key);
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
            __m512 s =
                _mm512_mul_ps(_mm512_loadu_ps(w->p[r] + v * LANES), _mm512_set1_ps(args->scale));
            if (args->softcap != 0)
                s = cap(s, args->softcap);
            _mm512_storeu_ps(w->p[r] + v * LANES, s);
            most[r] = _mm512_mask_max_ps(most[r], (__mmask16)(there >> (v * LANES)), s, most[r]);
        }
    }
    _mm_storeu_ps(largest, rows_of(largest_each(most)));
}

/* Scores of all rows become weights. */
TEMPLATE void weigh(const struct kernel_attend_args *args, const struct attend_code_row *rows,
                    size_t count, size_t key, struct weights *w)
{
    float largest[ROWS];
    float before[ROWS];
    __m512 sums[ROWS];
    find_largest(args, rows, count, key, w, largest, before);
    const __m128 less = _mm_sub_ps(_mm_loadu_ps(before), _mm_loadu_ps(largest));
    _mm_storeu_ps(w->shrink,
                  _mm512_castps512_ps128(vector_avx512_exp(_mm512_castps128_ps512(less))));
    UNROLL_FOR (size_t r = 0; r < ROWS; r++)
        sums[r] = _mm512_setzero_ps();
    UNROLL_FOR (size_t r = 0; r < count; r++) {
        const __mmask64 there = visible(&rows[r], key);
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
            const __m512 s = _mm512_loadu_ps(w->p[r] + v * LANES);
            const __m512 p = _mm512_maskz_mov_ps(
                (__mmask16)(there >> (v * LANES)),
                vector_avx512_exp(_mm512_sub_ps(s, _mm512_set1_ps(largest[r]))));
            sums[r] = _mm512_add_ps(sums[r], p); /* adding 0 to what is not negative: nothing */
            _mm512_storeu_ps(w->p[r] + v * LANES, p);
        }
    }
    _mm_storeu_ps(w->sum, rows_of(sum_each(sums)));
    UNROLL_FOR (size_t r = 0; r < count; r++) {
        float *partial = rows[r].partial;
        partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], w->shrink[r], w->sum[r]);
        partial[ATTEND_SPAN_LARGEST] = largest[r];
    }
}

/* Weights times the scales of a piece of the values, as bytes. */
TEMPLATE void find_bytes(const unsigned char *scales, size_t count, struct weights *w)
{
    __m512 scale[VECTORS];
    __m512 most[ROWS];
    float factor[ROWS];
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
        scale[v] = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(scales + 2 * v * LANES)));
    UNROLL_FOR (size_t r = 0; r < ROWS; r++)
        most[r] = _mm512_setzero_ps();
    UNROLL_FOR (size_t r = 0; r < count; r++)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++)
            most[r] = _mm512_max_ps(_mm512_mul_ps(_mm512_loadu_ps(w->p[r] + v * LANES), scale[v]),
                                    most[r]);
    const __m128 largest = rows_of(largest_each(most));
    const __mmask8 is_there =
        _mm_cmp_ps_mask(largest, _mm_set1_ps(ATTEND_CODE_SMALLEST), _CMP_GT_OQ);
    _mm_storeu_ps(factor, _mm_maskz_div_ps(is_there, _mm_set1_ps(255.0f), largest));
    UNROLL_FOR (size_t r = 0; r < count; r++)
        UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
            const __m512 weight = _mm512_mul_ps(_mm512_loadu_ps(w->p[r] + v * LANES), scale[v]);
            _mm_store_si128((__m128i *)(w->bytes[r] + v * LANES),
                            _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(
                                _mm512_mul_ps(weight, _mm512_set1_ps(factor[r])))));
        }
    const __m128 first = _mm_set1_ps(_mm512_cvtss_f32(scale[0]));
    _mm_storeu_ps(w->step, _mm_fmadd_ps(first, _mm_setzero_ps(),
                                        _mm_mul_ps(largest, _mm_set1_ps(ATTEND_CODE_WEIGHT_STEP))));
}

/* What 16 channels had, smaller, and what they get. */
TEMPLATE void add_channels(const struct attend_code_piece *piece, __m512 mean, size_t r,
                           const struct weights *w, __m512i total, float *out)
{
    __m512 x = _mm512_mul_ps(_mm512_loadu_ps(out), _mm512_set1_ps(w->shrink[r]));
    x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total), _mm512_set1_ps(w->step[r]), x);
    if (piece->tail.mean)
        x = _mm512_fmadd_ps(mean, _mm512_set1_ps(w->sum[r] * piece->mean_scale), x);
    _mm512_storeu_ps(out, x);
}

TEMPLATE void mix_piece(const struct attend_code_piece *piece, const struct attend_code_row *rows,
                        size_t count, unsigned bits, const struct tables *tables, struct weights *w)
{
    const struct looked_up channels = find_channels();
    const unsigned char *chains = piece->chains;
    find_bytes(piece->tail.scales, count, w);
    for (size_t channel = 0; channel < piece->dim; channel += 32) {
        __m512i low[ROWS];
        __m512i high[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            low[r] = high[r] = _mm512_setzero_si512();
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 4, chains += BESIDE * 2 * (size_t)bits) {
            const struct looked_up x = look_up_value(chains, bits, tables);
            attend_span_ask(chains, 1, piece->ahead);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                int32_t four = 0;
                memcpy(&four, w->bytes[r] + t, sizeof(four));
                const __m512i weight = _mm512_set1_epi32(four);
                low[r] = _mm512_dpbusd_epi32(low[r], weight, x.low);
                high[r] = _mm512_dpbusd_epi32(high[r], weight, x.high);
            }
        }
        __m512 mean[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        if (piece->tail.mean) {
            mean[0] = load_mean(piece->tail.mean + channel);
            mean[1] = load_mean(piece->tail.mean + channel + LANES);
        }
        UNROLL_FOR (size_t r = 0; r < count; r++) {
            float *mixed = rows[r].partial + KERNEL_PARTIAL_HEAD + piece->at + channel;
            add_channels(piece, mean[0], r, w,
                         _mm512_permutex2var_epi64(low[r], channels.low, high[r]), mixed);
            add_channels(piece, mean[1], r, w,
                         _mm512_permutex2var_epi64(low[r], channels.high, high[r]), mixed + LANES);
        }
    }
}

TEMPLATE void attend_block(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, unsigned key_bits, unsigned value_bits,
                           const struct tables *tables)
{
    struct attend_code_piece piece = {.ahead = block.ahead};
    struct weights w;
    begin_scores(args, block, rows, count, w.p);
    for (size_t i = 0; attend_code_next(args->key_code, key_bits, args->head_dim, 0, &block.keys,
                                        &block.key_tails, &piece);
         i++)
        add_scores(&piece, i, rows, count, key_bits, tables, w.p);
    weigh(args, rows, count, key, &w);
    piece = (struct attend_code_piece){.ahead = block.ahead};
    while (attend_code_next(args->value_code, value_bits, args->value_dim, 0, &block.values,
                            &block.value_tails, &piece))
        mix_piece(&piece, rows, count, value_bits, tables, &w);
}

#include "kernel/attend_code_tiles.h"
