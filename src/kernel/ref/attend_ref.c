/*
 * attend_ref - attention over paged keys and values, one (token, head) at a time, in the order
 * that kernel_table.h fixes.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_span.h"
#include "kernel/kernel_table.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"
#include "tensor/half.h"

#include <math.h>

typedef float(load_fn)(const void *row, size_t i);

static float load_f16(const void *row, size_t i)
{
    return half_to_float(((const uint16_t *)row)[i]);
}

static float load_f32(const void *row, size_t i)
{
    return ((const float *)row)[i];
}

static float dot(const float *query, const void *key, size_t head_dim, load_fn *load)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < head_dim; i++)
        lane[i % LANES] = fmaf(query[i], load(key, i), lane[i % LANES]);
    return lanes_sum(lane);
}

/* Folds the `count` keys and values of one page into one head's partial. */
static void attend_page(const struct kernel_attend_args *args, const float *query,
                        const unsigned char *keys, const unsigned char *values, size_t count,
                        size_t row_bytes, load_fn *load, float *partial)
{
    float score[KERNEL_PAGE_TOKENS];
    float largest = partial[ATTEND_SPAN_LARGEST];
    for (size_t j = 0; j < count; j++) {
        score[j] = dot(query, keys + j * row_bytes, args->head_dim, load) * args->scale;
        largest = score[j] > largest ? score[j] : largest;
    }
    const float shrink = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    float lane[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        score[j] = vector_exp(score[j] - largest);
        lane[j % LANES] += score[j];
    }
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], shrink, lanes_sum(lane));
    partial[ATTEND_SPAN_LARGEST] = largest;

    float *mixed = partial + KERNEL_PARTIAL_HEAD;
    for (size_t d = 0; d < args->head_dim; d++)
        mixed[d] *= shrink;
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < args->head_dim; d++)
            mixed[d] = fmaf(score[j], load(values + j * row_bytes, d), mixed[d]);
}

static void attend(const struct kernel_attend_args *args, size_t span, float *partial,
                   size_t element_bytes, load_fn *load)
{
    const size_t row_bytes = args->head_dim * element_bytes;
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        for (size_t h = 0; h < args->head_count; h++) {
            const float *query = args->queries + t * args->query_stride + h * args->head_dim;
            float *state = attend_span_partial(args, t, h, partial);
            if (seen.begin < seen.end)
                attend_span_clear(args, state);
            for (size_t key = seen.begin; key < seen.end; key += KERNEL_PAGE_TOKENS) {
                const size_t left = seen.end - key;
                const size_t offset = attend_span_page(args, key);
                attend_page(args, query, (const unsigned char *)args->keys + offset,
                            (const unsigned char *)args->values + offset,
                            left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS, row_bytes, load,
                            state);
            }
        }
    }
}

void attend_ref_f16(const struct kernel_attend_args *args, size_t span, float *partial)
{
    attend(args, span, partial, sizeof(uint16_t), load_f16);
}

void attend_ref_f32(const struct kernel_attend_args *args, size_t span, float *partial)
{
    attend(args, span, partial, sizeof(float), load_f32);
}

static void merge_one(const struct kernel_attend_args *args, const float *partial, float *state)
{
    const float largest = partial[ATTEND_SPAN_LARGEST] > state[ATTEND_SPAN_LARGEST]
                              ? partial[ATTEND_SPAN_LARGEST]
                              : state[ATTEND_SPAN_LARGEST];
    const float old = vector_exp(state[ATTEND_SPAN_LARGEST] - largest);
    const float new = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    state[ATTEND_SPAN_LARGEST] = largest;
    state[ATTEND_SPAN_SUM] = fmaf(state[ATTEND_SPAN_SUM], old, partial[ATTEND_SPAN_SUM] * new);
    for (size_t d = 0; d < args->head_dim; d++) {
        float *mixed = &state[KERNEL_PARTIAL_HEAD + d];
        *mixed = fmaf(*mixed, old, partial[KERNEL_PARTIAL_HEAD + d] * new);
    }
}

static void attend_merge(const struct kernel_attend_args *args, size_t span, const float *partial,
                         float *state)
{
    const size_t floats = KERNEL_PARTIAL_HEAD + args->head_dim;
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        for (size_t h = 0; h < args->head_count && seen.begin < seen.end; h++) {
            const size_t at = (t * args->head_count + h) * floats;
            if (span == 0)
                memcpy(&state[at], &partial[at], floats * sizeof(float));
            else
                merge_one(args, &partial[at], &state[at]);
        }
    }
}

void attend_ref_fill(struct kernel_table *table)
{
    table->attend_span[KERNEL_KV_F16] = attend_ref_f16;
    table->attend_span[KERNEL_KV_F32] = attend_ref_f32;
    table->attend_merge = attend_merge;
}
