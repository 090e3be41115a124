/*
 * attend_code_avx2 - attention over coded keys and values, up to four (token, head) rows at a time:
 * two chains are looked up together, by four shuffles of 16 table values each.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"

enum { LANES = 8, ROWS = 4, VECTORS = KERNEL_PAGE_TOKENS / LANES, BESIDE = 8 };

/* (token, head) rows that share the loads of a block. */
struct rows {
    struct attend_code_query query[ROWS];
    float *partial[ROWS];
    size_t begin[ROWS]; /* keys of the span that the row sees */
    size_t end[ROWS];
};

struct weights {
    float p[ROWS][KERNEL_PAGE_TOKENS];
    int product[ROWS][KERNEL_PAGE_TOKENS];
    uint16_t bytes[ROWS][KERNEL_PAGE_TOKENS];
    float step[ROWS];
    float sum[ROWS];
    float shrink[ROWS];
};

/* The 64 values of a code, 16 in both halves of each. */
struct table {
    __m256i part[4];
};

static inline struct table load_table(enum kv_code code)
{
    struct table table;
    for (size_t i = 0; i < 4; i++)
        table.part[i] = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(kv_code_formats[code].table + 16 * i)));
    return table;
}

/* Eight fields of 6 bits, each in a byte of its own. */
TEMPLATE uint64_t spread_sixes(uint64_t x)
{
    x = (x & 0xffffff) | (x & 0xffffff000000) << 8;
    x = (x & 0x00000fff00000fff) | (x & 0x00fff00000fff000) << 4;
    return (x & 0x003f003f003f003f) | (x & 0x0fc00fc00fc00fc0) << 2;
}

/* The windows of the 16 symbols of a chain. */
TEMPLATE __m128i find_windows(const unsigned char *chain, unsigned bits)
{
    uint64_t word = 0;
    uint64_t even = 0;
    uint64_t odd = 0;
    memcpy(&word, chain, (size_t)2 * bits);
    if (bits == 4) {
        even = (word << 2 | word >> 62) & 0x3f3f3f3f3f3f3f3f;
        odd = word >> 2 & 0x3f3f3f3f3f3f3f3f;
    } else {
        even = spread_sixes((word << 3 | word >> 45) & 0xffffffffffff);
        odd = spread_sixes(word);
    }
    return _mm_unpacklo_epi8(_mm_cvtsi64_si128((long long)even), _mm_cvtsi64_si128((long long)odd));
}

/* Table values of two chains, one in each half. */
TEMPLATE __m256i look_up(const unsigned char *chains, unsigned bits, const struct table *table)
{
    const __m256i w =
        _mm256_set_m128i(find_windows(chains + (size_t)2 * bits, bits), find_windows(chains, bits));
    const __m256i bit4 = _mm256_slli_epi16(w, 3); /* to the top of each byte */
    const __m256i bit5 = _mm256_slli_epi16(w, 2);
    const __m256i within = _mm256_and_si256(w, _mm256_set1_epi8(15));
    const __m256i low = _mm256_blendv_epi8(_mm256_shuffle_epi8(table->part[0], within),
                                           _mm256_shuffle_epi8(table->part[1], within), bit4);
    const __m256i high = _mm256_blendv_epi8(_mm256_shuffle_epi8(table->part[2], within),
                                            _mm256_shuffle_epi8(table->part[3], within), bit4);
    return _mm256_blendv_epi8(low, high, bit5);
}

/* The sums of the halves. */
TEMPLATE void store_sums(__m256i sum, int *out)
{
    const __m256i two = _mm256_hadd_epi32(sum, sum);
    const __m256i one = _mm256_hadd_epi32(two, two);
    out[0] = _mm256_extract_epi32(one, 0);
    out[1] = _mm256_extract_epi32(one, 4);
}

/* Adds the products with one piece of the keys to the scores. */
TEMPLATE void add_scores(const struct attend_code_piece *piece, size_t number,
                         const struct rows *rows, size_t count, unsigned bits,
                         const struct table *table, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    const size_t groups = piece->dim / 16;
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 2) {
        const unsigned char *chains =
            piece->chains + (t / BESIDE * groups * BESIDE + t % BESIDE) * chain_bytes;
        __m256i sum[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            sum[r] = _mm256_setzero_si256();
        for (size_t g = 0; g < groups; g++, chains += BESIDE * chain_bytes) {
            const __m256i x = look_up(chains, bits, table);
            const __m256i size = _mm256_abs_epi8(x);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                const __m256i q = _mm256_broadcastsi128_si256(
                    _mm_loadu_si128((const __m128i *)(rows->query[r].q + piece->at + g * 16)));
                const __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(q, x));
                sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(pairs, ones));
            }
        }
        UNROLL_FOR (size_t r = 0; r < count; r++)
            store_sums(sum[r], &w->product[r][t]);
    }
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES) {
        const __m256 scale =
            _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(piece->tail.scales + 2 * t)));
        for (size_t r = 0; r < count; r++) {
            const __m256i product = _mm256_loadu_si256((const __m256i *)&w->product[r][t]);
            const __m256 dot = _mm256_mul_ps(_mm256_cvtepi32_ps(product), scale);
            _mm256_storeu_ps(&w->p[r][t],
                             _mm256_fmadd_ps(dot, _mm256_set1_ps(rows->query[r].scale[number]),
                                             _mm256_loadu_ps(&w->p[r][t])));
        }
    }
}

/* Eight of the mean's int8 as floats. */
TEMPLATE __m256 load_mean(const unsigned char *mean)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)mean)));
}

TEMPLATE float mean_product(const float *x, const struct attend_code_piece *piece)
{
    __m256 low = _mm256_setzero_ps();
    __m256 high = _mm256_setzero_ps();
    for (size_t i = 0; i < piece->dim; i += 2 * LANES) {
        low = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), load_mean(piece->tail.mean + i), low);
        high = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + LANES),
                               load_mean(piece->tail.mean + i + LANES), high);
    }
    return vector_avx2_sum(low, high);
}

/* What a query and the block's mean give, the same for all its keys. */
TEMPLATE void begin_scores(const struct kernel_attend_args *args, struct attend_code_block block,
                           const struct rows *rows, size_t count, struct weights *w)
{
    float mean[ROWS] = {0};
    struct attend_code_piece piece = {0};
    while (
        attend_code_next(args->key_code, args->head_dim, 0, &block.keys, &block.key_tails, &piece))
        for (size_t r = 0; r < count && piece.tail.mean; r++)
            mean[r] += piece.mean_scale * mean_product(rows->query[r].x + piece.at, &piece);
    for (size_t r = 0; r < count; r++)
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES)
            _mm256_storeu_ps(&w->p[r][t], _mm256_set1_ps(mean[r]));
}

/* kernel_table.h: the score after the softcap. */
TEMPLATE __m256 cap(__m256 score, float softcap)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 e = vector_avx2_exp(_mm256_mul_ps(score, _mm256_set1_ps(2.0f / softcap)));
    const __m256 part = _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(e, one));
    return _mm256_mul_ps(_mm256_set1_ps(softcap), _mm256_sub_ps(one, part));
}

/* Scores of row r, of which keys [begin, end) count, become weights. */
TEMPLATE void weigh(const struct kernel_attend_args *args, float *partial, size_t begin, size_t end,
                    size_t r, struct weights *w)
{
    __m256i there[VECTORS];
    __m256 most = _mm256_set1_ps(partial[ATTEND_SPAN_LARGEST]);
    for (size_t v = 0; v < VECTORS; v++) {
        const size_t left = end > v * LANES ? end - v * LANES : 0;
        const size_t hidden = begin > v * LANES ? begin - v * LANES : 0;
        there[v] = _mm256_andnot_si256(vector_avx2_first(hidden), vector_avx2_first(left));
        __m256 s = _mm256_mul_ps(_mm256_loadu_ps(w->p[r] + v * LANES), _mm256_set1_ps(args->scale));
        if (args->softcap != 0)
            s = cap(s, args->softcap);
        _mm256_storeu_ps(w->p[r] + v * LANES, s);
        most = _mm256_blendv_ps(most, _mm256_max_ps(s, most), _mm256_castsi256_ps(there[v]));
    }
    const float largest = vector_avx2_max(most);
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    w->shrink[r] = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    for (size_t v = 0; v < VECTORS; v++) {
        const __m256 s = _mm256_loadu_ps(w->p[r] + v * LANES);
        const __m256 p = _mm256_and_ps(vector_avx2_exp(_mm256_sub_ps(s, _mm256_set1_ps(largest))),
                                       _mm256_castsi256_ps(there[v]));
        sums[v % 2] = _mm256_add_ps(sums[v % 2], p);
        _mm256_storeu_ps(w->p[r] + v * LANES, p);
    }
    w->sum[r] = vector_avx2_sum(sums[0], sums[1]);
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], w->shrink[r], w->sum[r]);
    partial[ATTEND_SPAN_LARGEST] = largest;
}

/* Weights times the scales of a piece of the values, as bytes. */
TEMPLATE void find_bytes(const unsigned char *scales, size_t r, struct weights *w)
{
    __m256 weight[VECTORS];
    __m256 most = _mm256_setzero_ps();
    float first = 0;
    for (size_t v = 0; v < VECTORS; v++) {
        const __m256 scale =
            _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(scales + 2 * v * LANES)));
        if (v == 0)
            first = _mm256_cvtss_f32(scale);
        weight[v] = _mm256_mul_ps(_mm256_loadu_ps(w->p[r] + v * LANES), scale);
        most = _mm256_max_ps(weight[v], most);
    }
    const float largest = vector_avx2_max(most);
    const float factor = largest > ATTEND_CODE_SMALLEST ? 255.0f / largest : 0.0f;
    for (size_t v = 0; v < VECTORS; v++) {
        const __m256i n = _mm256_cvtps_epi32(_mm256_mul_ps(weight[v], _mm256_set1_ps(factor)));
        _mm_storeu_si128(
            (__m128i *)(w->bytes[r] + v * LANES),
            _mm_packus_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1)));
    }
    w->step[r] = fmaf(first, 0.0f, largest * ATTEND_CODE_WEIGHT_STEP);
}

/* What eight channels had, smaller, and what they get. */
TEMPLATE void add_channels(const struct attend_code_piece *piece, size_t channel, size_t r,
                           const struct weights *w, __m256i total, float *mixed)
{
    float *out = mixed + piece->at + channel;
    __m256 x = _mm256_mul_ps(_mm256_loadu_ps(out), _mm256_set1_ps(w->shrink[r]));
    x = _mm256_fmadd_ps(_mm256_cvtepi32_ps(total), _mm256_set1_ps(w->step[r]), x);
    if (piece->tail.mean)
        x = _mm256_fmadd_ps(load_mean(piece->tail.mean + channel),
                            _mm256_set1_ps(w->sum[r] * piece->mean_scale), x);
    _mm256_storeu_ps(out, x);
}

/* Channels are taken eight at a time: two chains of each four tokens. */
TEMPLATE void mix_piece(const struct attend_code_piece *piece, const struct rows *rows,
                        size_t count, unsigned bits, const struct table *table, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    for (size_t r = 0; r < count; r++)
        find_bytes(piece->tail.scales, r, w);
    for (size_t channel = 0; channel < piece->dim; channel += 8) {
        const unsigned char *chains =
            piece->chains + (channel / 32 * 16 * BESIDE + channel % 32 / 4) * chain_bytes;
        __m256i first[ROWS];
        __m256i second[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            first[r] = second[r] = _mm256_setzero_si256();
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 4, chains += BESIDE * chain_bytes) {
            const __m256i x = look_up(chains, bits, table);
            const __m256i a = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(x));
            const __m256i b = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(x, 1));
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                long long four = 0;
                memcpy(&four, w->bytes[r] + t, sizeof(four));
                const __m256i weight = _mm256_set1_epi64x(four);
                first[r] = _mm256_add_epi32(first[r], _mm256_madd_epi16(a, weight));
                second[r] = _mm256_add_epi32(second[r], _mm256_madd_epi16(b, weight));
            }
        }
        UNROLL_FOR (size_t r = 0; r < count; r++)
            add_channels(piece, channel, r, w,
                         _mm256_permute4x64_epi64(_mm256_hadd_epi32(first[r], second[r]), 0xd8),
                         rows->partial[r] + KERNEL_PARTIAL_HEAD);
    }
}

/* The tables of the kind. */
struct tables {
    struct table keys;
    struct table values;
};

TEMPLATE void attend_block(const struct kernel_attend_args *args, const struct rows *rows,
                           size_t count, size_t key, unsigned key_bits, unsigned value_bits,
                           const struct tables *tables)
{
    struct attend_code_block block = attend_code_block_at(args, key);
    struct attend_code_piece piece = {0};
    struct weights w;
    begin_scores(args, block, rows, count, &w);
    for (size_t i = 0;
         attend_code_next(args->key_code, args->head_dim, 0, &block.keys, &block.key_tails, &piece);
         i++)
        add_scores(&piece, i, rows, count, key_bits, &tables->keys, &w);
    for (size_t r = 0; r < count; r++) {
        const size_t left = rows->end[r] - key;
        weigh(args, rows->partial[r], rows->begin[r] > key ? rows->begin[r] - key : 0,
              left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS, r, &w);
    }
    piece = (struct attend_code_piece){0};
    while (attend_code_next(args->value_code, args->value_dim, 0, &block.values, &block.value_tails,
                            &piece))
        mix_piece(&piece, rows, count, value_bits, &tables->values, &w);
}

TEMPLATE struct tables load_tables(const struct kernel_attend_args *args)
{
    return (struct tables){
        .keys = load_table(args->key_code),
        .values = load_table(args->value_code),
    };
}

TEMPLATE void quantize(const struct kernel_attend_args *args, const float *query,
                       struct attend_code_query *out)
{
    attend_code_quantize(args, query, out);
}

#include "kernel/attend_code_tiles.h"

void attend_code_avx2_fill(struct kernel_table *table)
{
    table->attend_code = attend_code;
}
