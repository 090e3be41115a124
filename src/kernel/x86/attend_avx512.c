/*
 * attend_avx512 - attention over paged keys and values: up to four (token, head) rows share every
 * load of a key or value.
 *
 * The sixteen lanes of the definition are the lanes of a vector. Sixteen dot products are added up
 * together: the tree of lanes.h on sixteen vectors at once, by transposing as it goes.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_span.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_row.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/unroll.h"
#include "kernel/x86/kernel_x86.h"
#include "kernel/x86/vector_avx512.h"

enum {
    LANES = 16,
    ROWS = 4,   /* (token, head) pairs that share loads */
    KEYS = 4,   /* keys whose dot products with the rows are in registers */
    CHUNKS = 4, /* vectors of a value that are added to at a time */
};

/* Sixteen elements from index i of a row of keys or values. */
typedef __m512(load_fn)(const unsigned char *row, size_t i);

static inline __m512 load_f16(const unsigned char *row, size_t i)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(row + i * sizeof(uint16_t))));
}

static inline __m512 load_f32(const unsigned char *row, size_t i)
{
    return _mm512_loadu_ps(row + i * sizeof(float));
}

static inline __m512 load_q8(const unsigned char *row, size_t i)
{
    const unsigned char *block = kv_row_q8_block(row, i);
    const unsigned char *q = block + KV_ROW_Q8_SCALE + i % KV_ROW_Q8_BLOCK;
    int16_t scale = 0;
    memcpy(&scale, block, sizeof(scale));
    return _mm512_mul_ps(
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)q))),
        _mm512_cvtph_ps(_mm256_set1_epi16(scale)));
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

/* Lane 4r + k of the result: the tree sum of v[4k + r]. */
TEMPLATE __m512 sum_each(const __m512 v[16])
{
    __m512 eight[8]; /* l + l8: two sums of eight lanes in each */
    UNROLL_FOR (size_t i = 0; i < 8; i++)
        eight[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x44),
                                 _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xee));
    __m512d four[4]; /* l + l4: four sums of four lanes */
    UNROLL_FOR (size_t i = 0; i < 4; i++)
        four[i] = _mm512_castps_pd(
            _mm512_add_ps(_mm512_shuffle_f32x4(eight[2 * i], eight[2 * i + 1], 0x88),
                          _mm512_shuffle_f32x4(eight[2 * i], eight[2 * i + 1], 0xdd)));
    __m512 two[2];
    UNROLL_FOR (size_t i = 0; i < 2; i++)
        two[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(four[2 * i], four[2 * i + 1])),
                               _mm512_castpd_ps(_mm512_unpackhi_pd(four[2 * i], four[2 * i + 1])));
    return _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88),
                         _mm512_shuffle_ps(two[0], two[1], 0xdd));
}

/* Scores of the keys [first, count) rounded to whole fours: a page has them all, some mean nothing.
 */
TEMPLATE void score(const struct page *page, load_fn *load, size_t rows, struct scores *out)
{
    const __m512 scale = _mm512_set1_ps(page->scale);
    for (size_t j = page->first / KEYS * KEYS; j < page->count[rows - 1]; j += KEYS) {
        const unsigned char *key = page->keys + j * page->key_bytes;
        attend_span_ask(key, KEYS * page->key_bytes, page->ahead);
        __m512 sum[KEYS * ROWS];
        UNROLL_FOR (size_t i = 0; i < KEYS * ROWS; i++)
            sum[i] = _mm512_setzero_ps();
        for (size_t d = 0; d < page->head_dim; d += LANES) {
            __m512 query[ROWS];
            UNROLL_FOR (size_t r = 0; r < rows; r++)
                query[r] = _mm512_loadu_ps(page->query[r] + d);
            UNROLL_FOR (size_t k = 0; k < KEYS; k++) {
                const __m512 value = load(key + k * page->key_bytes, d);
                UNROLL_FOR (size_t r = 0; r < rows; r++)
                    sum[ROWS * k + r] = _mm512_fmadd_ps(query[r], value, sum[ROWS * k + r]);
            }
        }
        const __m512 dots = _mm512_mul_ps(sum_each(sum), scale);
        _mm_storeu_ps(&out->of[0][j], _mm512_castps512_ps128(dots));
        if (rows > 1)
            _mm_storeu_ps(&out->of[1][j], _mm512_extractf32x4_ps(dots, 1));
        if (rows > 2)
            _mm_storeu_ps(&out->of[2][j], _mm512_extractf32x4_ps(dots, 2));
        if (rows > 3)
            _mm_storeu_ps(&out->of[3][j], _mm512_extractf32x4_ps(dots, 3));
    }
}

/* kernel_table.h: the score after the softcap. */
TEMPLATE __m512 cap(__m512 score, float softcap)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __m512 e = vector_avx512_exp(_mm512_mul_ps(score, _mm512_set1_ps(2.0f / softcap)));
    const __m512 part = _mm512_div_ps(_mm512_set1_ps(2.0f), _mm512_add_ps(e, one));
    return _mm512_mul_ps(_mm512_set1_ps(softcap), _mm512_sub_ps(one, part));
}

/* Turns the scores of row r into weights, updates largest and sum, returns what the vector shrinks
 * by. */
TEMPLATE float weigh(const struct page *page, size_t r, struct scores *scores)
{
    enum { VECTORS = KERNEL_PAGE_TOKENS / LANES };
    float *partial = page->partial[r];
    __m512 s[VECTORS];
    __mmask16 there[VECTORS];
    __m512 most = _mm512_set1_ps(partial[ATTEND_SPAN_LARGEST]);
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
        const size_t left = page->count[r] > v * LANES ? page->count[r] - v * LANES : 0;
        const size_t hidden = page->first > v * LANES ? page->first - v * LANES : 0;
        there[v] = vector_avx512_first(left) & (__mmask16)~vector_avx512_first(hidden);
        s[v] = _mm512_loadu_ps(&scores->of[r][v * LANES]);
        if (page->softcap != 0)
            s[v] = cap(s[v], page->softcap);
        most = _mm512_mask_max_ps(most, there[v], s[v], most);
    }
    const float largest = _mm512_reduce_max_ps(most);
    const float shrink = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    __m512 sums = _mm512_setzero_ps();
    UNROLL_FOR (size_t v = 0; v < VECTORS; v++) {
        const __m512 p = vector_avx512_exp(_mm512_sub_ps(s[v], _mm512_set1_ps(largest)));
        sums = _mm512_mask_add_ps(sums, there[v], sums, p);
        _mm512_storeu_ps(&scores->of[r][v * LANES], p);
    }
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], shrink, vector_avx512_sum(sums));
    partial[ATTEND_SPAN_LARGEST] = largest;
    return shrink;
}

/* Adds the values of keys [begin, end) to `chunks` vectors from element d of rows [first, first +
 * rows), after these were multiplied by `shrink`. */
TEMPLATE void mix_chunk(const struct page *page, load_fn *load, const struct scores *p,
                        const float *shrink, size_t first, size_t rows, size_t begin, size_t end,
                        size_t d, size_t chunks)
{
    __m512 sum[ROWS][CHUNKS];
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t v = 0; v < chunks; v++) {
            const float *mixed = page->partial[first + r] + KERNEL_PARTIAL_HEAD + d + v * LANES;
            sum[r][v] = _mm512_mul_ps(_mm512_loadu_ps(mixed), _mm512_set1_ps(shrink[r]));
        }
    const size_t offset = d * page->key_bytes / page->head_dim;
    const size_t size = chunks * LANES * page->key_bytes / page->head_dim;
    for (size_t j = begin; j < end; j++) {
        const unsigned char *value = page->values + j * page->value_bytes;
        attend_span_ask(value + offset, size, page->ahead);
        __m512 x[CHUNKS];
        UNROLL_FOR (size_t v = 0; v < chunks; v++)
            x[v] = load(value, d + v * LANES);
        UNROLL_FOR (size_t r = 0; r < rows; r++) {
            const __m512 weight = _mm512_set1_ps(p->of[first + r][j]);
            UNROLL_FOR (size_t v = 0; v < chunks; v++)
                sum[r][v] = _mm512_fmadd_ps(weight, x[v], sum[r][v]);
        }
    }
    UNROLL_FOR (size_t r = 0; r < rows; r++)
        UNROLL_FOR (size_t v = 0; v < chunks; v++)
            _mm512_storeu_ps(page->partial[first + r] + KERNEL_PARTIAL_HEAD + d + v * LANES,
                             sum[r][v]);
}

TEMPLATE void mix(const struct page *page, load_fn *load, const struct scores *p,
                  const float *shrink, size_t first, size_t rows, size_t begin, size_t end)
{
    size_t d = 0;
    for (; d + CHUNKS * LANES <= page->value_dim; d += CHUNKS * LANES)
        mix_chunk(page, load, p, shrink, first, rows, begin, end, d, CHUNKS);
    for (; d + 2 * LANES <= page->value_dim; d += 2 * LANES)
        mix_chunk(page, load, p, shrink, first, rows, begin, end, d, 2);
    if (d < page->value_dim)
        mix_chunk(page, load, p, shrink, first, rows, begin, end, d, 1);
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
    /* What only later tokens of the tile see. */
    for (size_t r = 0; r < rows; r++)
        if (page->count[r] > page->count[0])
            mix(page, load, &scores, &one, r, 1, page->count[0], page->count[r]);
}

TEMPLATE void attend_rows(const struct page *page, load_fn *load, size_t rows)
{
    switch (rows) {
    case 1: attend_page(page, load, 1); break;
    case 2: attend_page(page, load, 2); break;
    case 3: attend_page(page, load, 3); break;
    default: attend_page(page, load, 4); break;
    }
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

void attend_avx512_fill(struct kernel_table *table)
{
    table->attend_span[KERNEL_KV_F16] = attend_f16;
    table->attend_span[KERNEL_KV_F32] = attend_f32;
    table->attend_span[KERNEL_KV_Q8] = attend_q8;
}
