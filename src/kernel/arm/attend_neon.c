/*
 * attend_neon - attention over paged keys and values in the order that kernel_table.h fixes, one
 * (token, head) at a time, for head sizes that are multiples of 16.
 *
 * Threads: any; no state.
 */
#include "kernel/arm/kernel_arm.h"
#include "kernel/arm/vector_neon.h"
#include "kernel/attend_span.h"
#include "kernel/lanes.h"
#include "kernel/ref/kernel_ref.h"

/* Four elements from `i` of a row on. */
typedef float32x4_t(load_fn)(const unsigned char *row, size_t i);

static inline float32x4_t load_f16(const unsigned char *row, size_t i)
{
    return vector_neon_halves((const uint16_t *)(const void *)row + i);
}

static inline float32x4_t load_f32(const unsigned char *row, size_t i)
{
    return vld1q_f32((const float *)(const void *)row + i);
}

TEMPLATE float dot(const float *query, const unsigned char *key, size_t head_dim, load_fn *load)
{
    float32x4_t sum[VECTOR_NEON_VECTORS];
    UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
        sum[v] = vdupq_n_f32(0.0f);
    for (size_t i = 0; i < head_dim; i += LANES)
        UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
            sum[v] = vfmaq_f32(sum[v], vld1q_f32(query + i + 4 * v), load(key, i + 4 * v));
    return vector_neon_sum(sum);
}

/* kernel_table.h: the score after the softcap. */
static float cap(float score, float softcap)
{
    return softcap * (1.0f - 2.0f / (vector_exp(score * (2.0f / softcap)) + 1.0f));
}

/* Scores at [begin, end) become exp(score - largest); returns their sum, by lanes. */
static float exp_scores(float score[KERNEL_PAGE_TOKENS], size_t begin, size_t end, float largest)
{
    float lane[LANES] = {0};
    for (size_t j = begin; j < end; j += VECTOR_NEON_LANES) {
        const float32x4_t shifted =
            vsubq_f32(vector_neon_load(score + j, end - j), vdupq_n_f32(largest));
        vector_neon_store(score + j, end - j, vector_neon_exp(shifted));
    }
    for (size_t j = begin; j < end; j++)
        lane[j % LANES] += score[j];
    return lanes_sum(lane);
}

/* Folds one block into a head's partial. */
TEMPLATE void attend_block(const struct kernel_attend_args *args, const float *query,
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
    const float sum = exp_scores(score, block->begin, block->end, largest);
    partial[ATTEND_SPAN_SUM] = fmaf(partial[ATTEND_SPAN_SUM], shrink, sum);
    partial[ATTEND_SPAN_LARGEST] = largest;

    float *mixed = partial + KERNEL_PARTIAL_HEAD;
    for (size_t d = 0; d < args->value_dim; d += LANES) {
        float32x4_t part[VECTOR_NEON_VECTORS];
        UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
            part[v] = vmulq_n_f32(vld1q_f32(mixed + d + 4 * v), shrink);
        for (size_t j = block->begin; j < block->end; j++) {
            const unsigned char *value = block->values + j * block->value_bytes;
            UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
                part[v] = vfmaq_n_f32(part[v], load(value, d + 4 * v), score[j]);
        }
        UNROLL_FOR (size_t v = 0; v < VECTOR_NEON_VECTORS; v++)
            vst1q_f32(mixed + d + 4 * v, part[v]);
    }
}

TEMPLATE void attend(const struct kernel_attend_args *args, size_t span, float *partial,
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

static void attend_f16(const struct kernel_attend_args *args, size_t span, float *partial)
{
    if (args->head_dim % LANES != 0 || args->value_dim % LANES != 0)
        attend_ref_f16(args, span, partial);
    else
        attend(args, span, partial, KERNEL_KV_F16, load_f16);
}

static void attend_f32(const struct kernel_attend_args *args, size_t span, float *partial)
{
    if (args->head_dim % LANES != 0 || args->value_dim % LANES != 0)
        attend_ref_f32(args, span, partial);
    else
        attend(args, span, partial, KERNEL_KV_F32, load_f32);
}

void attend_neon_fill(struct kernel_table *table)
{
    table->attend_span[KERNEL_KV_F16] = attend_f16;
    table->attend_span[KERNEL_KV_F32] = attend_f32;
}
