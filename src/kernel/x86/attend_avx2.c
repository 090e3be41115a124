/*
 * attend_avx2 - attention over paged keys and values: up to two (token, head) rows share every load
 * of a key or value. Also the merging of spans, for all levels above.
 *
 * The sixteen lanes of the definition are two vectors.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_span.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_row.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx2.h"

enum {
    LANES = 16,
    HALF = 8,
    ROWS = 2,   /* (token, head) pairs that share loads */
    KEYS = 2,   /* keys whose dot products with the rows are in registers */
    CHUNKS = 4, /* vectors of a value that are added to at a time */
};

/* Eight elements from index i of a row of keys or values. */
typedef __m256(load_fn)(const unsigned char *row, size_t i);

static inline __m256 load_f16(const unsigned char *row, size_t i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(row + i * sizeof(uint16_t))));
}

static inline __m256 load_f32(const unsigned char *row, size_t i)
{
    return _mm256_loadu_ps((const float *)(const void *)row + i);
}

static inline __m256 load_q8(const unsigned char *row, size_t i)
{
    const unsigned char *block = kv_row_q8_block(row, i);
    const unsigned char *q = block + KV_ROW_Q8_SCALE + i % KV_ROW_Q8_BLOCK;
    int16_t scale = 0;
    memcpy(&scale, block, sizeof(scale));
    return _mm256_mul_ps(
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)q))),
        _mm256_cvtph_ps(_mm_set1_epi16(scale)));
}

/* One page as a tile of rows sees it. */
struct page {
    const unsigned char *keys;
    const unsigned char *values;
    size_t key_bytes;   /* from one key to the next */
    size_t value_bytes; /* from one value to the next */
    size_t head_dim;
    size_t value_dim;
    float scale;
    float softcap;
    size_t first;    /* key that all rows see first */
    ptrdiff_t ahead; /* bytes from here to the page behind */
    const float *query[ROWS];
    float *partial[ROWS];
    size_t count[ROWS]; /* end of the keys the row sees, 1..KERNEL_PAGE_TOKENS, ascending */
};

/* Rows that share loads, in the order of their tokens. */
struct tile {
    const float *query[ROWS];
    float *partial[ROWS];
    size_t begin[ROWS]; /* keys of the span that the row sees */
    size_t end[ROWS];
};

struct scores {
    float of[ROWS][KERNEL_PAGE_TOKENS];
};

/* Element i of the result: the tree sum of v[i] with lanes 0..7 and 8..15 in its two vectors. */
TEMPLATE __m128 sum_each(__m256 v[4][2])
{
    __m256 eight[4];
    UNROLL_FOR (size_t i = 0; i < 4; i++)
        eight[i] = _mm256_add_ps(v[i][0], v[i][1]);
    const __m256 four01 = _mm256_add_ps(_mm256_permute2f128_ps(eight[0], eight[1], 0x20),
                                        _mm256_permute2f128_ps(eight[0], eight[1], 0x31));
    const __m256 four23 = _mm256_add_ps(_mm256_permute2f128_ps(eight[2], eight[3], 0x20),
                                        _mm256_permute2f128_ps(eight[2], eight[3], 0x31));
    /* Lanes of 128 bits: two of sum 0 and two of sum 2; two of sum 1 and two of sum 3. */
    const __m256d low = _mm256_unpacklo_pd(_mm256_castps_pd(four01), _mm256_castps_pd(four23));
    const __m256d high = _mm256_unpackhi_pd(_mm256_castps_pd(four01), _mm256_castps_pd(four23));
    const __m256 two = _mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high));
    const __m256 one = _mm256_hadd_ps(two, two); /* 0 2 0 2 | 1 3 1 3 */
    return _mm_unpacklo_ps(_mm256_castps256_ps128(one), _mm256_extractf128_ps(one, 1));
}

/* Scores of the keys [first, count) rounded to whole twos: a page has them all, some mean nothing.
 */
TEMPLATE void score(const struct page *page, load_fn *load, size_t rows, struct scores *out)
{
    for (size_t j = page->first / KEYS * KEYS; j < page->count[rows - 1]; j += KEYS) {
        const unsigned char *key = page->keys + j * page->key_bytes;
        attend_span_ask(key, KEYS * page->key_bytes, page->ahead);
        __m256 sum[ROWS * KEYS][2];
        UNROLL_FOR (size_t i = 0; i < ROWS * KEYS; i++)
            sum[i][0] = sum[i][1] = _mm256_setzero_ps();
        for (size_t d = 0; d < page->head_dim; d += LANES)
            UNROLL_FOR (size_t half = 0; half < 2; half++)
                UNROLL_FOR (size_t k = 0; k < KEYS; k++) {
                    const __m256 value = load(key + k * page->key_bytes, d + half * HALF);
                    UNROLL_FOR (size_t r = 0; r < rows; r++)
                        sum[KEYS * r + k][half] =
                            _mm256_fmadd_ps(_mm256_loadu_ps(page->query[r] + d + half * HALF),
                                            value, sum[KEYS * r + k][half]);
                }
        const __m128 dots = _mm_mul_ps(sum_each(sum), _mm_set1_ps(page->scale));
        _mm_storel_pi((__m64 *)(void *)&out->of[0][j], dots);
        if (rows > 1)
            _mm_storeh_pi((__m64 *)(void *)&out->of[1][j], dots);
    }
}

/* kernel_table.h: the score after the softcap. */
TEMPLATE __m256 cap(__m256 score, float softcap)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 e = vector_avx2_exp(_mm256_mul_ps(score, _mm256_set1_ps(2.0f / softcap)));
    const __m256 part = _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(e, one));
    return _mm256_mul_ps(_mm256_set1_ps(softcap), _mm256_sub_ps(one, part));
}

/* All bits in the lanes of keys [first, count) among the eight from key j. */
TEMPLATE __m256 visible(size_t first, size_t count, size_t j)
{
    const __m256 hidden = _mm256_castsi256_ps(vector_avx2_first(first > j ? first - j : 0));
    return _mm256_andnot_ps(hidden, _mm256_castsi256_ps(vector_avx2_first(count - j)));
}

/* Turns the scores of row r into weights, updates largest and sum, returns what the vector shrinks
 * by. */
TEMPLATE float weigh(const struct page *page, size_t r, struct scores *scores)
{
    enum { VECTORS = KERNEL_PAGE_TOKENS / HALF };
    float *partial = page->partial[r];
    const size_t count = page->count[r];
    __m256 most = _mm256_set1_ps(partial[ATTEND_SPAN_LARGEST]);
    for (size_t j = page->first / HALF * HALF; j < count; j += HALF) {
        __m256 s = _mm256_loadu_ps(&scores->of[r][j]);
        if (page->softcap != 0) {
            s = cap(s, page->softcap);
            _mm256_storeu_ps(&scores->of[r][j], s);
        }
        most = _mm256_max_ps(_mm256_blendv_ps(most, s, visible(page->first, count, j)), most);
    }
    const float largest = vector_avx2_max(most);
    const float shrink = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    __m256 lane[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
        if (v * HALF >= count)
            break;
        if ((v + 1) * HALF <= page->first)
            continue;
        const __m256 s = _mm256_loadu_ps(&scores->of[r][v * HALF]);
        const __m256 p = vector_avx2_exp(_mm256_sub_ps(s, _mm256_set1_ps(largest)));
        lane[v % 2] =
            _mm256_add_ps(lane[v % 2], _mm256_and_ps(p, visible(page->first, count, v * HALF)));
        _mm256_storeu_ps(&scores->of[r][v * HALF], p);
    }
    partial[ATTEND_SPAN_SUM] =
        fmaf(partial[ATTEND_SPAN_SUM], shrink, vector_avx2_sum(lane[0], lane[1]));
    partial[ATTEND_SPAN_LARGEST] = largest;
    return shrink;
}

/* Adds the values of keys [begin, end) to `chunks` vectors from element d of rows [first, first +
 * rows), after these were multiplied by `shrink`. */
TEMPLATE void mix_chunk(const struct page *page, load_fn *load, const struct scores *p,
                        const float *shrink, size_t first, size_t rows, size_t begin, size_t end,
                        size_t d, size_t chunks)
{
    __m256 sum[ROWS][CHUNKS];
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t v = 0; v < chunks; v++) {
            const float *mixed = page->partial[first + r] + KERNEL_PARTIAL_HEAD + d + v * HALF;
            sum[r][v] = _mm256_mul_ps(_mm256_loadu_ps(mixed), _mm256_set1_ps(shrink[r]));
        }
    const size_t line = d * page->key_bytes / page->head_dim;
    for (size_t j = begin; j < end; j++) {
        const unsigned char *value = page->values + j * page->value_bytes;
        attend_span_ask(value + line, 1, page->ahead);
        __m256 weight[ROWS];
        UNROLL_FOR (size_t r = 0; r < rows; r++)
            weight[r] = _mm256_set1_ps(p->of[first + r][j]);
        UNROLL_FOR (size_t v = 0; v < chunks; v++) {
            const __m256 x = load(value, d + v * HALF);
            UNROLL_FOR (size_t r = 0; r < rows; r++)
                sum[r][v] = _mm256_fmadd_ps(weight[r], x, sum[r][v]);
        }
    }
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t v = 0; v < chunks; v++)
            _mm256_storeu_ps(page->partial[first + r] + KERNEL_PARTIAL_HEAD + d + v * HALF,
                             sum[r][v]);
}

TEMPLATE void mix(const struct page *page, load_fn *load, const struct scores *p,
                  const float *shrink, size_t first, size_t rows, size_t begin, size_t end)
{
    size_t d = 0;
    for (; d + CHUNKS * HALF <= page->value_dim; d += CHUNKS * HALF)
        mix_chunk(page, load, p, shrink, first, rows, begin, end, d, CHUNKS);
    if (d < page->value_dim) /* a multiple of 16 */
        mix_chunk(page, load, p, shrink, first, rows, begin, end, d, 2);
}

TEMPLATE void attend_page(const struct page *page, load_fn *load, size_t rows)
{
    const float one = 1.0f; /* multiplying by it changes nothing */
    struct scores scores;
    float shrink[ROWS];
    score(page, load, rows, &scores);
    for (size_t r = 0; r < rows; r++)
        shrink[r] = weigh(page, r, &scores);
    mix(page, load, &scores, shrink, 0, rows, page->first, page->count[0]);
    if (rows > 1 && page->count[1] > page->count[0]) /* what only the later token sees */
        mix(page, load, &scores, &one, 1, 1, page->count[0], page->count[1]);
}

TEMPLATE void attend_rows(const struct page *page, load_fn *load, size_t rows)
{
    if (rows == 1)
        attend_page(page, load, 1);
    else
        attend_page(page, load, 2);
}

/* Rows [skipped, stop) of a tile on one page, as one when they see the same key first. */
TEMPLATE void attend_part(struct page *page, load_fn *load, const struct tile *tile, size_t key,
                          size_t skipped, size_t stop)
{
    const size_t first = tile->begin[skipped] > key ? tile->begin[skipped] - key : 0;
    const size_t last = tile->begin[stop - 1] > key ? tile->begin[stop - 1] - key : 0;
    const size_t together = first == last ? stop - skipped : 1;
    for (size_t row = skipped; row < stop; row += together) {
        page->first = tile->begin[row] > key ? tile->begin[row] - key : 0;
        for (size_t r = 0; r < together; r++) {
            const size_t left = tile->end[row + r] - key;
            page->query[r] = tile->query[row + r];
            page->partial[r] = tile->partial[row + r];
            page->count[r] = left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS;
        }
        attend_rows(page, load, together);
    }
}

/* Rows [first, first + rows) of [token][head], all of which see keys of the span. */
TEMPLATE void attend_tile(const struct kernel_attend_args *args, load_fn *load, enum kernel_kv kind,
                          size_t span, size_t first, size_t rows, float *partial)
{
    struct page page = {.key_bytes = kernel_table_kv_bytes(kind, args->head_dim),
                        .value_bytes = kernel_table_kv_bytes(kind, args->value_stride),
                        .head_dim = args->head_dim,
                        .value_dim = args->value_dim,
                        .scale = args->scale,
                        .softcap = args->softcap};
    struct tile tile;
    for (size_t r = 0; r < rows; r++) {
        const size_t token = (first + r) / args->head_count;
        const size_t head = (first + r) % args->head_count;
        const struct attend_span_keys seen = attend_span_keys(args, span, token);
        tile.query[r] = args->queries + token * args->query_stride + head * args->head_dim;
        tile.partial[r] = attend_span_partial(args, token, head, partial);
        attend_span_clear(args, tile.partial[r]);
        tile.begin[r] = seen.begin;
        tile.end[r] = seen.end;
    }
    /* Tokens come in order: the first row sees the oldest keys, the last the newest. */
    size_t key = tile.begin[0] / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
    for (; key < tile.end[rows - 1]; key += KERNEL_PAGE_TOKENS) {
        size_t skipped = 0;
        size_t stop = rows;
        while (tile.end[skipped] <= key)
            skipped++;
        while (tile.begin[stop - 1] >= key + KERNEL_PAGE_TOKENS)
            stop--;
        const size_t offset = attend_span_page(args, key);
        page.keys = (const unsigned char *)args->keys + offset;
        page.values = (const unsigned char *)args->values + offset;
        page.ahead = attend_span_ahead(args, key);
        attend_part(&page, load, &tile, key, skipped, stop);
    }
}

TEMPLATE void attend(const struct kernel_attend_args *args, load_fn *load, enum kernel_kv kind,
                     size_t span, float *partial)
{
    const struct attend_span_rows rows = attend_span_rows(args, span);
    for (size_t row = rows.begin; row < rows.end; row += ROWS)
        attend_tile(args, load, kind, span, row, rows.end - row < ROWS ? rows.end - row : ROWS,
                    partial);
}

static void attend_f16(const struct kernel_attend_args *args, size_t span, float *partial)
{
    if (args->head_dim % LANES || args->value_dim % LANES)
        attend_ref_f16(args, span, partial);
    else
        attend(args, load_f16, KERNEL_KV_F16, span, partial);
}

static void attend_f32(const struct kernel_attend_args *args, size_t span, float *partial)
{
    if (args->head_dim % LANES || args->value_dim % LANES)
        attend_ref_f32(args, span, partial);
    else
        attend(args, load_f32, KERNEL_KV_F32, span, partial);
}

static void attend_q8(const struct kernel_attend_args *args, size_t span, float *partial)
{
    if (args->head_dim % LANES || args->value_dim % LANES)
        attend_ref_q8(args, span, partial);
    else
        attend(args, load_q8, KERNEL_KV_Q8, span, partial);
}

/* ---------------------------------------------------------------- merging spans */

static void merge_one(size_t value_dim, const float *partial, float *state)
{
    const float largest = partial[ATTEND_SPAN_LARGEST] > state[ATTEND_SPAN_LARGEST]
                              ? partial[ATTEND_SPAN_LARGEST]
                              : state[ATTEND_SPAN_LARGEST];
    const float old = vector_exp(state[ATTEND_SPAN_LARGEST] - largest);
    const float new = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    state[ATTEND_SPAN_LARGEST] = largest;
    state[ATTEND_SPAN_SUM] = fmaf(state[ATTEND_SPAN_SUM], old, partial[ATTEND_SPAN_SUM] * new);
    for (size_t d = 0; d < value_dim; d += HALF) {
        const float *from = partial + KERNEL_PARTIAL_HEAD + d;
        float *to = state + KERNEL_PARTIAL_HEAD + d;
        const __m256 part =
            _mm256_mul_ps(vector_avx2_load(from, value_dim - d), _mm256_set1_ps(new));
        vector_avx2_store(
            to, value_dim - d,
            _mm256_fmadd_ps(vector_avx2_load(to, value_dim - d), _mm256_set1_ps(old), part));
    }
}

static void attend_merge(const struct kernel_attend_args *args, size_t span, const float *partial,
                         float *state)
{
    const size_t floats = KERNEL_PARTIAL_HEAD + args->value_dim;
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        for (size_t h = 0; h < args->head_count && seen.begin < seen.end; h++) {
            const size_t at = (t * args->head_count + h) * floats;
            if (seen.begin == attend_span_first(args, t))
                memcpy(&state[at], &partial[at], floats * sizeof(float));
            else
                merge_one(args->value_dim, &partial[at], &state[at]);
        }
    }
}

void attend_avx2_fill(struct kernel_table *table)
{
    table->attend_span[KERNEL_KV_F16] = attend_f16;
    table->attend_span[KERNEL_KV_F32] = attend_f32;
    table->attend_span[KERNEL_KV_Q8] = attend_q8;
    table->attend_merge = attend_merge;
}
