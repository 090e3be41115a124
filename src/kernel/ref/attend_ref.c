/*
 * attend_ref - attention over paged keys and values, one (token, head) at a time, in the order
 * that kernel_table.h fixes.
 *
 * Threads: any; no state.
 */
#include "kernel/attend_span.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_row.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"
#include "kernel/vector_exp.h"
#include "tensor/half.h"

#include <math.h>
#include <string.h>

typedef float(load_fn)(const void *row, size_t i);

static float load_f16(const void *row, size_t i)
{
    return half_to_float(((const uint16_t *)row)[i]);
}

static float load_f32(const void *row, size_t i)
{
    return ((const float *)row)[i];
}

static float load_q8(const void *row, size_t i)
{
    const unsigned char *block = kv_row_q8_block(row, i);
    uint16_t scale = 0;
    memcpy(&scale, block, sizeof(scale));
    const int8_t q = (int8_t)block[KV_ROW_Q8_SCALE + i % KV_ROW_Q8_BLOCK];
    return (float)q * half_to_float(scale);
}

static float dot(const float *query, const void *key, size_t head_dim, load_fn *load)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < head_dim; i++)
        lane[i % LANES] = fmaf(query[i], load(key, i), lane[i % LANES]);
    return lanes_sum(lane);
}

static float cap(float score, float softcap)
{
    return softcap * (1.0f - 2.0f / (vector_exp(score * (2.0f / softcap)) + 1.0f));
}

/* Folds one block into a head's partial. */
static void attend_block(const struct kernel_attend_args *args, const float *query,
                         const struct attend_span_block *block, load_fn *load, float *partial)
{
    float score[KERNEL_PAGE_TOKENS];
    float largest = partial[ATTEND_SPAN_LARGEST];
    for (size_t j = block->begin; j < block->end; j++) {
        score[j] =
            dot(query, block->keys + j * block->key_bytes, args->head_dim, load) * args->scale;
        if (args->softcap != 0)
            score[j] = cap(score[j], args->softcap);
        largest = score[j] > largest ? score[j] : largest;
    }
    const float shrink = vector_exp(partial[ATTEND_SPAN_LARGEST] - largest);
    float lane[LANES] = {0};
    for (size_t j = block->begin; j < block->end; j++) {
        score[j] = vector_exp(score[j] - largest);
        lane[j % LANES] += score[j];
    }
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], shrink, lanes_sum(lane));
    partial[ATTEND_SPAN_LARGEST] = largest;

    float *mixed = partial + KERNEL_PARTIAL_HEAD;
    for (size_t d = 0; d < args->value_dim; d++)
        mixed[d] *= shrink;
    for (size_t j = block->begin; j < block->end; j++)
        for (size_t d = 0; d < args->value_dim; d++)
            mixed[d] = fmaf(score[j], load(block->values + j * block->value_bytes, d), mixed[d]);
}

static void attend(const struct kernel_attend_args *args, size_t span, float *partial,
                   enum kernel_kv kind, load_fn *load)
{
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        for (size_t h = 0; h < args->head_count && seen.begin < seen.end; h++) {
            const float *query = args->queries + t * args->query_stride + h * args->head_dim;
            float *state = attend_span_partial(args, t, h, partial);
            attend_span_clear(args, state);
            size_t page = seen.begin / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
            for (; page < seen.end; page += KERNEL_PAGE_TOKENS) {
                const struct attend_span_block block = attend_span_block(args, seen, page, kind);
                attend_block(args, query, &block, load, state);
            }
        }
    }
}

void attend_ref_f16(const struct kernel_attend_args *args, size_t span, float *partial)
{
    attend(args, span, partial, KERNEL_KV_F16, load_f16);
}

void attend_ref_f32(const struct kernel_attend_args *args, size_t span, float *partial)
{
    attend(args, span, partial, KERNEL_KV_F32, load_f32);
}

void attend_ref_q8(const struct kernel_attend_args *args, size_t span, float *partial)
{
    attend(args, span, partial, KERNEL_KV_Q8, load_q8);
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
    for (size_t d = 0; d < args->value_dim; d++) {
        float *mixed = &state[KERNEL_PARTIAL_HEAD + d];
        *mixed = fmaf(*mixed, old, partial[KERNEL_PARTIAL_HEAD + d] * new);
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
                merge_one(args, &partial[at], &state[at]);
        }
    }
}

void attend_ref_fill(struct kernel_table *table)
{
    table->attend_span[KERNEL_KV_F16] = attend_ref_f16;
    table->attend_span[KERNEL_KV_F32] = attend_ref_f32;
    table->attend_span[KERNEL_KV_Q8] = attend_ref_q8;
    table->attend_merge = attend_merge;
}
