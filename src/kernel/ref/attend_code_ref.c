/*
 * attend_code_ref - attention over coded keys and values, one (token, head) of a page at a time:
 * the definition (kernel_table.h).
 *
 * Threads: any; no state.
 */
#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"
#include "tensor/half.h"

static float half_at(const unsigned char *halfs, size_t i)
{
    uint16_t half = 0;
    memcpy(&half, halfs + i * sizeof(half), sizeof(half));
    return half_to_float(half);
}

static float mean_product(const float *x, const struct attend_code_piece *piece)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < piece->dim; i++)
        lane[i % LANES] = fmaf(x[i], (float)(int8_t)piece->tail.mean[i], lane[i % LANES]);
    return lanes_sum(lane);
}

/* A page as table values, read once for all (token, head): pieces one behind the other, each
 * [KERNEL_PAGE_TOKENS][its dim]. */
struct page_values {
    struct attend_code_block block;
    int8_t keys[KERNEL_PAGE_TOKENS * KV_CODE_DIM_MAX];
    int8_t values[KERNEL_PAGE_TOKENS * KV_CODE_DIM_MAX]; /* not set where they are in the keys */
};

static void read_page(const struct kernel_attend_args *args, size_t page, struct page_values *out)
{
    const size_t cut = attend_code_cut(args);
    struct attend_code_block block = attend_code_block_at(args, page);
    struct attend_code_piece piece = {0};
    out->block = block;
    while (attend_code_next(args->key_code, kv_code_formats[args->key_code].bits, args->head_dim,
                            cut, &block.keys, &block.key_tails, &piece))
        code_ref_read(args->key_code, false, piece.chains, piece.dim,
                      out->keys + KERNEL_PAGE_TOKENS * piece.at);
    piece = (struct attend_code_piece){0};
    while (cut == 0 &&
           attend_code_next(args->value_code, kv_code_formats[args->value_code].bits,
                            args->value_dim, 0, &block.values, &block.value_tails, &piece))
        code_ref_read(args->value_code, true, piece.chains, piece.dim,
                      out->values + KERNEL_PAGE_TOKENS * piece.at);
}

static void find_scores(const struct kernel_attend_args *args,
                        const struct attend_code_query *query, const struct page_values *page,
                        float score[KERNEL_PAGE_TOKENS])
{
    struct attend_code_block block = page->block;
    const size_t cut = attend_code_cut(args);
    const unsigned bits = kv_code_formats[args->key_code].bits;
    struct attend_code_piece piece = {0};
    float mean = 0;
    while (attend_code_next(args->key_code, bits, args->head_dim, cut, &block.keys,
                            &block.key_tails, &piece))
        if (piece.tail.mean)
            mean += piece.mean_scale * mean_product(query->x + piece.at, &piece);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++)
        score[t] = mean;
    block = page->block;
    piece = (struct attend_code_piece){0};
    for (size_t i = 0; attend_code_next(args->key_code, bits, args->head_dim, cut, &block.keys,
                                        &block.key_tails, &piece);
         i++) {
        const int8_t *values = page->keys + KERNEL_PAGE_TOKENS * piece.at;
        for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++) {
            int product = 0;
            for (size_t d = 0; d < piece.dim; d++)
                product += values[t * piece.dim + d] * query->q[piece.at + d];
            score[t] =
                fmaf((float)product * half_at(piece.tail.scales, t), query->scale[i], score[t]);
        }
    }
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++)
        score[t] *= args->scale;
}

/* Weights times scales as bytes; returns what one step of a byte is. */
static float find_bytes(const unsigned char *scales, const float p[KERNEL_PAGE_TOKENS],
                        int out[KERNEL_PAGE_TOKENS])
{
    float weight[KERNEL_PAGE_TOKENS];
    float largest = 0;
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++) {
        weight[t] = p[t] * half_at(scales, t);
        largest = weight[t] > largest ? weight[t] : largest;
    }
    const float factor = largest > ATTEND_CODE_SMALLEST ? 255.0f / largest : 0.0f;
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++) {
        const float x = weight[t] * factor;
        out[t] = x > 0 ? (int)lrintf(x) : 0;
    }
    return fmaf(half_at(scales, 0), 0.0f, largest * ATTEND_CODE_WEIGHT_STEP);
}

static void mix(const struct kernel_attend_args *args, const struct page_values *page,
                const float p[KERNEL_PAGE_TOKENS], float sum, float *mixed)
{
    struct attend_code_block block = page->block;
    int bytes[KERNEL_PAGE_TOKENS];
    const size_t cut = attend_code_cut(args);
    struct attend_code_piece piece = {0};
    const enum kv_code code = cut ? args->key_code : args->value_code;
    const unsigned bits = kv_code_formats[code].bits;
    while (attend_code_next(code, bits, args->value_dim, 0, &block.values, &block.value_tails,
                            &piece)) {
        const float step = find_bytes(piece.tail.scales, p, bytes);
        const int8_t *values = (cut ? page->keys : page->values) + KERNEL_PAGE_TOKENS * piece.at;
        for (size_t d = 0; d < piece.dim; d++) {
            float *out = &mixed[piece.at + d];
            int total = 0;
            for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++)
                total += bytes[t] * values[t * piece.dim + d];
            *out = fmaf((float)total, step, *out);
            if (piece.tail.mean)
                *out = fmaf((float)(int8_t)piece.tail.mean[d], sum * piece.mean_scale, *out);
        }
    }
}

static float cap(float score, float softcap)
{
    return softcap * (1.0f - 2.0f / (vector_exp(score * (2.0f / softcap)) + 1.0f));
}

/* Keys [begin, end) of one page. */
static void attend_page(const struct kernel_attend_args *args,
                        const struct attend_code_query *query, const struct page_values *page,
                        size_t begin, size_t end, float *partial)
{
    float p[KERNEL_PAGE_TOKENS];
    float lane[LANES] = {0};
    float largest = partial[ATTEND_SPAN_LARGEST];
    find_scores(args, query, page, p);
    for (size_t t = begin; t < end; t++) {
        if (args->softcap != 0)
            p[t] = cap(p[t], args->softcap);
        largest = p[t] > largest ? p[t] : largest;
    }
    const float shrink = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    for (size_t t = 0; t < KERNEL_PAGE_TOKENS; t++) {
        const bool is_seen = t >= begin && t < end;
        p[t] = is_seen ? vector_exp(p[t] - largest) : 0.0f;
        if (is_seen)
            lane[t % LANES] += p[t];
    }
    const float sum = lanes_sum(lane);
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], shrink, sum);
    partial[ATTEND_SPAN_LARGEST] = largest;
    for (size_t d = 0; d < args->value_dim; d++)
        partial[KERNEL_PARTIAL_HEAD + d] *= shrink;
    mix(args, page, p, sum, partial + KERNEL_PARTIAL_HEAD);
}

/* Clears what is to be found, and says which keys of the span any token sees. */
static struct attend_span_keys begin_span(const struct kernel_attend_args *args, size_t span,
                                          float *partial)
{
    struct attend_span_keys all = {SIZE_MAX, 0};
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        if (seen.begin >= seen.end)
            continue;
        for (size_t h = 0; h < args->head_count; h++)
            attend_span_clear(args, attend_span_partial(args, t, h, partial));
        all.begin = seen.begin < all.begin ? seen.begin : all.begin;
        all.end = seen.end > all.end ? seen.end : all.end;
    }
    return all;
}

void attend_code_ref(const struct kernel_attend_args *args, size_t span, float *partial)
{
    const struct attend_span_keys all = begin_span(args, span, partial);
    struct page_values page;
    struct attend_code_query query;
    size_t first = all.begin / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
    for (; first < all.end; first += KERNEL_PAGE_TOKENS) {
        read_page(args, first, &page);
        for (size_t t = 0; t < args->token_count; t++) {
            const struct attend_span_keys seen = attend_span_keys(args, span, t);
            const size_t begin = seen.begin > first ? seen.begin - first : 0;
            const size_t left = seen.end > first ? seen.end - first : 0;
            const size_t end = left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS;
            const float *x = args->queries + t * args->query_stride;
            for (size_t h = 0; h < args->head_count && begin < end; h++, x += args->head_dim) {
                attend_code_quantize(args, x, &query);
                attend_page(args, &query, &page, begin, end,
                            attend_span_partial(args, t, h, partial));
            }
        }
    }
}

void attend_code_ref_fill(struct kernel_table *table)
{
    table->attend_code = attend_code_ref;
}
