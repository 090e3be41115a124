/*
 * attend_code_avx2 - attention over coded keys and values, up to four (token, head) rows at a time:
 * four chains are looked up together, by four shuffles of 16 table values for each half of their
 * symbols.
 *
 * Of a chain, table values of the even symbols lie together and those of the odd ones: queries and
 * weights are put into the same order instead.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"

enum { LANES = 8, ROWS = 4, VECTORS = KERNEL_PAGE_TOKENS / LANES, BESIDE = 8, AT_ONCE = 4 };

struct weights {
    float p[ROWS][KERNEL_PAGE_TOKENS];
    int product[ROWS][KERNEL_PAGE_TOKENS];
    uint16_t bytes[ROWS][KERNEL_PAGE_TOKENS]; /* of four tokens: 0, 2, 1, 3 */
    float step[ROWS];
    float sum[ROWS];
    float shrink[ROWS];
};

/* attend_code_quantize() on vectors, the even ones of 16 numbers first; a piece that is not finite
 * is left to it. */
TEMPLATE void quantize_piece(const float *x, size_t dim, int8_t *q, float *scale, int *sum)
{
    const __m256 no_sign = _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MAX));
    const __m128i even_first = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    __m256 most = _mm256_setzero_ps();
    __m256 finite = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    for (size_t i = 0; i < dim; i += LANES) {
        const __m256 magnitude = _mm256_and_ps(_mm256_loadu_ps(x + i), no_sign);
        most = _mm256_max_ps(magnitude, most);
        finite =
            _mm256_and_ps(finite, _mm256_cmp_ps(magnitude, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ));
    }
    if (_mm256_movemask_ps(finite) != 0xff) {
        attend_code_quantize_piece(x, dim, q, scale, sum); /* all 0, in any order */
        return;
    }
    const float largest = vector_avx2_max(most);
    const __m256 factor = _mm256_set1_ps(largest > ATTEND_CODE_SMALLEST ? 127.0f / largest : 0.0f);
    for (size_t i = 0; i < dim; i += 2 * LANES) {
        const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), factor));
        const __m256i high =
            _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i + LANES), factor));
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        const __m128i bytes =
            _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(q + i), _mm_shuffle_epi8(bytes, even_first));
    }
    *sum = 0; /* products are signed */
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

/* Eight bytes for each of four chains: of the even symbols, and of the odd ones. */
struct halves {
    __m256i even;
    __m256i odd;
};

/* Windows of 6 bits: those of even symbols begin 2 bits before a byte, those of odd ones behind. */
TEMPLATE struct halves find_windows_4(const unsigned char *chains)
{
    const __m256i six = _mm256_set1_epi8(63);
    const __m256i x = _mm256_loadu_si256((const __m256i *)chains);
    const __m256i ring = _mm256_or_si256(_mm256_slli_epi64(x, 2), _mm256_srli_epi64(x, 62));
    return (struct halves){
        .even = _mm256_and_si256(ring, six),
        .odd = _mm256_and_si256(_mm256_srli_epi16(x, 2), six),
    };
}

/* Three bytes have four windows of even symbols, from bits -3, 3, 9 and 15 on, and four of odd
 * ones, from bits 0, 6, 12 and 18 on. Each is cut out of one of the words of bytes (-1, 0), (0, 1)
 * and (1, 2): the first and third into even bytes, the others into odd bytes. */
TEMPLATE struct halves find_windows_3(const unsigned char *chains)
{
    const __m256i low = _mm256_set1_epi16(0x003f);
    const __m256i high = _mm256_set1_epi16(0x3f00);
    const __m256i x =
        _mm256_inserti128_si256(/* two chains, and two behind 4 other bytes */
                                _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)chains)),
                                _mm_loadu_si128((const __m128i *)(chains + 8)), 1);
    const __m256i a = _mm256_shuffle_epi8(x, _mm256_setr_epi8(5, 0, 1, 2, 2, 3, 4, 5, 11, 6, 7, 8,
                                                              8, 9, 10, 11, 9, 4, 5, 6, 6, 7, 8, 9,
                                                              15, 10, 11, 12, 12, 13, 14, 15));
    const __m256i b = _mm256_shuffle_epi8(x, _mm256_setr_epi8(0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9,
                                                              10, 10, 11, 4, 5, 5, 6, 7, 8, 8, 9,
                                                              10, 11, 11, 12, 13, 14, 14, 15));
    const __m256i even_low = /* >> 5, >> 1 */
        _mm256_mulhi_epu16(a, _mm256_set1_epi32((int)0x80000800u));
    const __m256i odd_low = /* >> 8, >> 4 */
        _mm256_mulhi_epu16(a, _mm256_set1_epi32(0x10000100));
    const __m256i even_high = /* << 5, << 1 */
        _mm256_mullo_epi16(b, _mm256_set1_epi32(0x00020020));
    const __m256i odd_high = /* << 2, >> 2 */
        _mm256_srli_epi16(_mm256_mullo_epi16(b, _mm256_set1_epi32(0x00010010)), 2);
    return (struct halves){
        .even = _mm256_or_si256(_mm256_and_si256(even_low, low), _mm256_and_si256(even_high, high)),
        .odd = _mm256_or_si256(_mm256_and_si256(odd_low, low), _mm256_and_si256(odd_high, high)),
    };
}

/* table[w], w < 64. */
TEMPLATE __m256i look_up_windows(__m256i w, const struct table *table)
{
    const __m256i bit4 = _mm256_slli_epi16(w, 3); /* to the top of each byte */
    const __m256i bit5 = _mm256_slli_epi16(w, 2);
    const __m256i low = _mm256_blendv_epi8(_mm256_shuffle_epi8(table->part[0], w),
                                           _mm256_shuffle_epi8(table->part[1], w), bit4);
    const __m256i high = _mm256_blendv_epi8(_mm256_shuffle_epi8(table->part[2], w),
                                            _mm256_shuffle_epi8(table->part[3], w), bit4);
    return _mm256_blendv_epi8(low, high, bit5);
}

/* Table values of four chains. */
TEMPLATE struct halves look_up(const unsigned char *chains, unsigned bits,
                               const struct table *table)
{
    if (bits == ATTEND_CODE_LOOKED_UP)
        return (struct halves){
            .even = _mm256_load_si256((const __m256i *)chains),
            .odd = _mm256_load_si256((const __m256i *)(chains + 32)),
        };
    const struct halves w = bits == 4 ? find_windows_4(chains) : find_windows_3(chains);
    return (struct halves){look_up_windows(w.even, table), look_up_windows(w.odd, table)};
}

/* The products of two rows with four tokens. */
TEMPLATE void store_products(__m256i first, __m256i second, int *to_first, int *to_second)
{
    const __m256i pairs = _mm256_hadd_epi32(first, second);
    const __m256i each = _mm256_permute4x64_epi64(pairs, 0xd8);
    _mm_storeu_si128((__m128i *)to_first, _mm256_castsi256_si128(each));
    _mm_storeu_si128((__m128i *)to_second, _mm256_extracti128_si256(each, 1));
}

TEMPLATE __m256i four_times(const int8_t *eight)
{
    long long number = 0;
    memcpy(&number, eight, sizeof(number));
    return _mm256_set1_epi64x(number);
}

/* Products of the bytes of x with q, added four and four. */
TEMPLATE __m256i multiply(__m256i x, __m256i size, __m256i q)
{
    const __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(q, x));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Adds the products with one piece of the keys to the scores. */
TEMPLATE void add_scores(const struct attend_code_piece *piece, size_t number,
                         const struct attend_code_row *rows, size_t count, unsigned bits,
                         const struct table *table, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    const size_t groups = piece->dim / 16;
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += AT_ONCE) {
        const unsigned char *chains =
            piece->chains + (t / BESIDE * groups * BESIDE + t % BESIDE) * chain_bytes;
        __m256i sum[ROWS];
        UNROLL_FOR (size_t r = 0; r < ROWS; r++)
            sum[r] = _mm256_setzero_si256();
        for (size_t g = 0; g < groups; g++, chains += BESIDE * chain_bytes) {
            const struct halves x = look_up(chains, bits, table);
            if (t % BESIDE == 0) /* both halves of a line are read, one after the other */
                attend_span_ask(chains, 1, piece->ahead);
            const __m256i even_size = _mm256_abs_epi8(x.even);
            const __m256i odd_size = _mm256_abs_epi8(x.odd);
            UNROLL_FOR (size_t r = 0; r < count; r++) {
                const int8_t *q = rows[r].query.q + piece->at + g * 16;
                const __m256i even = multiply(x.even, even_size, four_times(q));
                const __m256i odd = multiply(x.odd, odd_size, four_times(q + 8));
                sum[r] = _mm256_add_epi32(sum[r], _mm256_add_epi32(even, odd));
            }
        }
        store_products(sum[0], sum[1], &w->product[0][t], &w->product[1][t]);
        if (count > 2)
            store_products(sum[2], sum[3], &w->product[2][t], &w->product[3][t]);
    }
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += LANES) {
        const __m256 scale =
            _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(piece->tail.scales + 2 * t)));
        for (size_t r = 0; r < count; r++) {
            const __m256i product = _mm256_loadu_si256((const __m256i *)&w->product[r][t]);
            const __m256 dot = _mm256_mul_ps(_mm256_cvtepi32_ps(product), scale);
            _mm256_storeu_ps(&w->p[r][t],
                             _mm256_fmadd_ps(dot, _mm256_set1_ps(rows[r].query.scale[number]),
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
                           const struct attend_code_row *rows, size_t count, struct weights *w)
{
    float mean[ROWS] = {0};
    struct attend_code_piece piece = {0};
    while (attend_code_next(args->key_code, ATTEND_CODE_LOOKED_UP, args->head_dim, 0, &block.keys,
                            &block.key_tails, &piece))
        for (size_t r = 0; r < count && piece.tail.mean; r++)
            mean[r] += piece.mean_scale * mean_product(rows[r].query.x + piece.at, &piece);
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
        const __m128i words =
            _mm_packus_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));
        _mm_storeu_si128((__m128i *)(w->bytes[r] + v * LANES),
                         _mm_shufflehi_epi16(_mm_shufflelo_epi16(words, 0xd8), 0xd8));
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

/* Adds the products of two tokens' table values, 16 channels, with the weights of a row. */
TEMPLATE void add_products(__m256i first_eight, __m256i last_eight, const uint16_t *bytes,
                           __m256i *first, __m256i *last)
{
    int pair = 0;
    memcpy(&pair, bytes, sizeof(pair));
    const __m256i weight = _mm256_set1_epi32(pair);
    *first = _mm256_add_epi32(*first, _mm256_madd_epi16(first_eight, weight));
    *last = _mm256_add_epi32(*last, _mm256_madd_epi16(last_eight, weight));
}

/* Channels are taken 16 at a time: four chains of each four tokens. */
TEMPLATE void mix_piece(const struct attend_code_piece *piece, const struct attend_code_row *rows,
                        size_t count, unsigned bits, const struct table *table, struct weights *w)
{
    const size_t chain_bytes = 2 * (size_t)bits;
    for (size_t r = 0; r < count; r++)
        find_bytes(piece->tail.scales, r, w);
    for (size_t channel = 0; channel < piece->dim; channel += 4 * AT_ONCE) {
        const unsigned char *chains =
            piece->chains + (channel / 32 * 16 * BESIDE + channel % 32 / 4) * chain_bytes;
        __m256i first[ROWS];
        __m256i last[ROWS];
        UNROLL_FOR (size_t r = 0; r < count; r++)
            first[r] = last[r] = _mm256_setzero_si256();
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t += 4, chains += BESIDE * chain_bytes) {
            const struct halves x = look_up(chains, bits, table);
            if (channel % 32 == 0)
                attend_span_ask(chains, 1, piece->ahead);
            const __m256i even0 = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(x.even));
            const __m256i even1 = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(x.even, 1));
            UNROLL_FOR (size_t r = 0; r < count; r++)
                add_products(even0, even1, w->bytes[r] + t, &first[r], &last[r]);
            const __m256i odd0 = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(x.odd));
            const __m256i odd1 = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(x.odd, 1));
            UNROLL_FOR (size_t r = 0; r < count; r++)
                add_products(odd0, odd1, w->bytes[r] + t + 2, &first[r], &last[r]);
        }
        UNROLL_FOR (size_t r = 0; r < count; r++) {
            float *mixed = rows[r].partial + KERNEL_PARTIAL_HEAD;
            add_channels(piece, channel, r, w, first[r], mixed);
            add_channels(piece, channel + LANES, r, w, last[r], mixed);
        }
    }
}

/* The tables of the kind. */
struct tables {
    struct table keys;
    struct table values;
};

TEMPLATE void attend_block(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, unsigned key_bits, unsigned value_bits,
                           const struct tables *tables)
{
    struct attend_code_piece piece = {.ahead = block.ahead};
    struct weights w;
    begin_scores(args, block, rows, count, &w);
    for (size_t i = 0; attend_code_next(args->key_code, key_bits, args->head_dim, 0, &block.keys,
                                        &block.key_tails, &piece);
         i++)
        add_scores(&piece, i, rows, count, key_bits, &tables->keys, &w);
    for (size_t r = 0; r < count; r++) {
        const size_t left = rows[r].end - key;
        weigh(args, rows[r].partial, rows[r].begin > key ? rows[r].begin - key : 0,
              left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS, r, &w);
    }
    piece = (struct attend_code_piece){.ahead = block.ahead};
    while (attend_code_next(args->value_code, value_bits, args->value_dim, 0, &block.values,
                            &block.value_tails, &piece))
        mix_piece(&piece, rows, count, value_bits, &tables->values, &w);
}

/* `count` chains, in the order of `halves`. */
TEMPLATE void look_up_chains(const unsigned char *chains, size_t count, unsigned bits,
                             const struct table *table, unsigned char *to)
{
    for (size_t i = 0; i < count; i += AT_ONCE) {
        const struct halves x = look_up(chains + i * 2 * bits, bits, table);
        _mm256_store_si256((__m256i *)(to + i * KV_CODE_CHAIN), x.even);
        _mm256_store_si256((__m256i *)(to + i * KV_CODE_CHAIN + 32), x.odd);
    }
}

TEMPLATE void look_up_keys(const unsigned char *chains, size_t count, unsigned bits,
                           const struct tables *tables, unsigned char *to)
{
    look_up_chains(chains, count, bits, &tables->keys, to);
}

TEMPLATE void look_up_values(const unsigned char *chains, size_t count, unsigned bits,
                             const struct tables *tables, unsigned char *to)
{
    look_up_chains(chains, count, bits, &tables->values, to);
}

TEMPLATE struct tables load_tables(const struct kernel_attend_args *args)
{
    return (struct tables){
        .keys = load_table(args->key_code),
        .values = load_table(args->value_code),
    };
}

#include "kernel/attend_code_tiles.h"

void attend_code_avx2_fill(struct kernel_table *table)
{
    table->attend_code = attend_code;
}
