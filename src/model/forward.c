#include "model/forward.h"

#include "base/check.h"
#include "base/mem.h"
#include "model/carver.h"
#include "model/model.h"
#include "model/op_experts.h"
#include "model/op_recurrent.h"
#include "model/op_rows.h"
#include "model/op_units.h"
#include "model/packed_weights.h"
#include "model/rope.h"
#include "os/worker_pool.h"

enum {
    ANGLE_COST = 16,    /* a sine costs as much as so many values of another operation */
    TILE_ROWS_MAX = 16, /* tokens that share loads of keys; more need more scratch in L1 */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

uint32_t forward_spans_max(const struct forward_config *config)
{
    /* The two more: what coded kinds see of a span as f16. */
    return config->positions_max / KERNEL_SPAN_TOKENS + 3;
}

static void carve_attention(struct forward *f, struct carver *carver, const struct model_shape *s)
{
    const struct forward_config *config = &f->config;
    size_t group = 1; /* query heads of one key head */
    for (uint32_t i = 0; i < s->block_count; i++)
        if (s->layers[i].mixer == LAYER_MIXER_ATTENTION)
            group = larger(group, s->layers[i].head_count / s->layers[i].kv_head_count);
    group = group < FORWARD_TILE_HEADS_MAX ? group : FORWARD_TILE_HEADS_MAX;
    const size_t tile_rows = config->rows_max < TILE_ROWS_MAX ? config->rows_max : TILE_ROWS_MAX;
    const struct kernel_attend_args one_token = {
        .token_count = 1, .head_count = group, .value_dim = s->value_dim, .key_count = 1};
    f->attend_floats = kernel_table_attend_bytes(tile_rows, group, s->value_dim) / sizeof(float);
    f->attend_scratch = carver_rows(carver, config->thread_count, f->attend_floats);
    f->span_partials =
        carver_rows(carver, (size_t)(config->thread_count - 1) * forward_spans_max(config),
                    kernel_table_partial_floats(&one_token));
}

static void carve_ropes(struct forward *f, struct carver *carver, const struct model_shape *s)
{
    for (uint32_t i = 0; i < s->rope_count; i++) {
        const size_t half = s->rope[i].dim / 2;
        f->rope[i].cosines = carver_rows(carver, f->config.rows_max, half);
        f->rope[i].sines = carver_rows(carver, f->config.rows_max, half);
        f->rope[i].frequencies = carver_take(carver, half * sizeof(double));
    }
}

/* One head's part of all rows, for each thread. */
static void carve_head_scratch(struct forward *f, struct carver *carver,
                               const struct model_shape *s)
{
    const size_t columns =
        larger(larger(s->latent.kv_rank, s->latent.still_dim), s->latent.value_dim);
    if (columns == 0)
        return;
    size_t row_bytes = 0;
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++)
        row_bytes =
            larger(row_bytes, kernel_table_activation_bytes((enum kernel_activation)kind, columns));
    f->head_scratch_bytes = f->config.rows_max * row_bytes;
    f->head_scratch = carver_take(carver, f->config.thread_count * f->head_scratch_bytes);
}

/* Points every buffer into the block at carver->next, or only counts its bytes. */
static void carve_all(struct forward *f, struct carver *carver)
{
    const struct model_shape *s = &f->model->shape;
    const size_t rows = f->config.rows_max;
    f->rows = carver_take(carver, rows * sizeof(*f->rows));
    f->tiles = carver_take(carver, rows * sizeof(*f->tiles));
    f->x = carver_rows(carver, rows, s->embd_dim);
    f->normed = carver_rows(carver, rows, s->embd_dim);
    f->q = carver_rows(carver, rows, (size_t)s->head_count_max * s->head_dim);
    f->k = carver_rows(carver, rows, (size_t)s->kv_head_count_max * s->head_dim);
    f->v = carver_rows(carver, rows, (size_t)s->kv_head_count_max * s->value_dim);
    f->mixed = carver_rows(carver, rows, (size_t)s->head_count_max * s->value_dim);
    f->gate = carver_rows(carver, rows, s->ffn_dim_max);
    f->up = carver_rows(carver, rows, s->ffn_dim_max);
    for (size_t i = 0; i < MODEL_SCRATCH_MAX; i++)
        f->scratch[i] = carver_rows(carver, rows, s->scratch_columns[i]);
    f->hidden = NULL;
    if (s->block_count > s->layer_count)
        f->hidden = carver_rows(carver, rows, s->embd_dim);
    f->latent_in = carver_rows(carver, rows, s->experts.latent_dim);
    f->latent_out = carver_rows(carver, rows, s->experts.latent_dim);
    carve_ropes(f, carver, s);
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++) {
        if (kind == KERNEL_ACTIVATION_F32) /* products read the buffers themselves */
            continue;
        f->quantized[kind] =
            carver_take(carver, rows * kernel_table_activation_bytes((enum kernel_activation)kind,
                                                                     f->model->columns_max));
    }
    for (size_t i = 0; i < ARRAY_LEN(f->units); i++)
        f->units[i] = carver_take(carver, f->config.thread_count * sizeof(*f->units[i]));
    carve_attention(f, carver, s);
    carve_head_scratch(f, carver, s);
    f->experts = op_experts_carve(carver, f->model, (uint32_t)rows);
    f->drafts = op_drafts_carve(carver, &s->recurrent, &f->config);
    /* One more for the block for speculation, which leaves those of the step alone. */
    f->logits_block = carver_rows(
        carver, f->config.logits_rows_max + (s->block_count > s->layer_count), s->vocab_size);
}

size_t forward_bytes(const struct model *model, const struct forward_config *config)
{
    struct forward f = {.model = model, .config = *config};
    struct carver carver = {0};
    carve_all(&f, &carver);
    return sizeof(f) + carver.used_bytes + CARVER_ALIGNMENT;
}

enum status forward_new(const struct model *model, const struct forward_config *config,
                        const struct kernel_table *kernels, struct worker_pool *workers,
                        const struct kv_view *kv, struct forward **out, struct error *err)
{
    const size_t bytes = forward_bytes(model, config);
    CLEANUP(forward_freep) struct forward *f = mem_zalloc(sizeof(*f));
    /* Zeroed: kernels may load what lies behind the last column of a row. */
    f->block = mem_try_zalloc(1, bytes);
    if (!f->block)
        return error_set(err, E_NO_MEMORY, "scratch memory of %zu MiB is not available",
                         bytes >> 20);
    f->model = model;
    f->config = *config;
    f->kernels = kernels;
    f->workers = workers;
    f->kv = kv;
    CHECK(worker_pool_size(workers) == config->thread_count);
    const uintptr_t address = (uintptr_t)f->block;
    const size_t shift = (CARVER_ALIGNMENT - address % CARVER_ALIGNMENT) % CARVER_ALIGNMENT;
    struct carver carver = {.next = (unsigned char *)f->block + shift};
    carve_all(f, &carver);
    f->logits = f->logits_block;
    if (config->packs_weights)
        TRY(packed_weights_new(model, kernels, &f->packed, err));
    for (uint32_t i = 0; i < model->shape.rope_count; i++) {
        const struct rope_shape *rope = &model->shape.rope[i];
        rope_frequencies(rope, rope->uses_factors ? model->rope_factors : NULL,
                         f->rope[i].frequencies);
        f->rope[i].magnitude = rope_magnitude(rope);
    }
    *out = f;
    f = NULL;
    return OK;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    packed_weights_free(f->packed);
    mem_free(f->block);
    mem_free(f);
}

void forward_cut_tiles(struct forward *f)
{
    f->tile_count = 0;
    for (uint32_t i = 0; i < f->row_count; i++) {
        const struct forward_row *row = &f->rows[i];
        struct forward_tile *last = f->tile_count ? &f->tiles[f->tile_count - 1] : NULL;
        /* A tile's tokens see the same blocks as codes. */
        const bool begins = kv_kind_is_coded(f->kv->kind) && row->position % KV_PAGE_TOKENS == 0;
        if (last && last->row_count < TILE_ROWS_MAX && row[-1].pages == row->pages &&
            row[-1].position + 1 == row->position && !begins)
            last->row_count++;
        else
            f->tiles[f->tile_count++] = (struct forward_tile){.row_first = i, .row_count = 1};
    }
}

static void angle_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const uint32_t index = *(const uint32_t *)args;
    const struct forward_rope *rope = &f->rope[index];
    const uint32_t half = f->model->shape.rope[index].dim / 2;
    const size_t stride = forward_stride(half);
    for (uint32_t i = begin; i < end; i++)
        kernel_table_rope_angles(f->rows[i].position, rope->frequencies, half, rope->magnitude,
                                 rope->cosines + i * stride, rope->sines + i * stride);
}

void forward_begin(struct forward *f)
{
    const struct model_shape *s = &f->model->shape;
    DCHECK(f->row_count <= f->config.rows_max);
    if (f->packed)
        packed_weights_begin(f->packed, f->row_count);
    for (uint32_t i = 0; i < s->rope_count; i++)
        op_rows_run(f, (size_t)s->rope[i].dim * ANGLE_COST, angle_rows, &i);
    forward_cut_tiles(f);
}
