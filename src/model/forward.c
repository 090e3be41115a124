#include "model/forward.h"

#include "base/check.h"
#include "base/mem.h"
#include "model/model.h"
#include "model/op_rows.h"
#include "model/rope.h"
#include "os/worker_pool.h"

enum {
    BLOCK_ALIGNMENT = 64,
    ANGLE_COST = 16,    /* a sine costs as much as so many values of another operation */
    TILE_ROWS_MAX = 16, /* tokens that share loads of keys; more need more scratch in L1 */
};

/* Hands out parts of one block. With `next` NULL it only counts. */
struct carver {
    unsigned char *next;
    size_t used_bytes;
};

static void *carve(struct carver *carver, size_t size)
{
    size = (size + BLOCK_ALIGNMENT - 1) / BLOCK_ALIGNMENT * BLOCK_ALIGNMENT;
    unsigned char *part = carver->next;
    carver->used_bytes += size;
    if (part)
        carver->next += size;
    return part;
}

static float *carve_rows(struct carver *carver, size_t row_count, size_t columns)
{
    return carve(carver, row_count * forward_stride(columns) * sizeof(float));
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

uint32_t forward_spans_max(const struct forward_config *config)
{
    return config->positions_max / KERNEL_SPAN_TOKENS + 1;
}

static void carve_attention(struct forward *f, struct carver *carver, const struct model_shape *s)
{
    const struct forward_config *config = &f->config;
    const size_t group = s->head_count / s->kv_head_count;
    const size_t tile_rows = config->rows_max < TILE_ROWS_MAX ? config->rows_max : TILE_ROWS_MAX;
    const struct kernel_attend_args one_token = {
        .token_count = 1, .head_count = group, .head_dim = s->head_dim, .key_count = 1};
    f->attend_floats = kernel_table_attend_bytes(tile_rows, group, s->head_dim) / sizeof(float);
    f->attend_scratch = carve_rows(carver, config->thread_count, f->attend_floats);
    f->span_partials =
        carve_rows(carver, (size_t)(config->thread_count - 1) * forward_spans_max(config),
                   kernel_table_partial_floats(&one_token));
}

/* Points every buffer into the block at carver->next, or only counts its bytes. */
static void carve_all(struct forward *f, struct carver *carver)
{
    const struct model_shape *s = &f->model->shape;
    const size_t rows = f->config.rows_max;
    const size_t q_dim = (size_t)s->head_count * s->head_dim;
    const size_t kv_dim = (size_t)s->kv_head_count * s->head_dim;
    f->rows = carve(carver, rows * sizeof(*f->rows));
    f->tiles = carve(carver, rows * sizeof(*f->tiles));
    f->x = carve_rows(carver, rows, s->embd_dim);
    f->normed = carve_rows(carver, rows, s->embd_dim);
    f->q = carve_rows(carver, rows, q_dim);
    f->k = carve_rows(carver, rows, kv_dim);
    f->v = carve_rows(carver, rows, kv_dim);
    f->mixed = carve_rows(carver, rows, q_dim);
    f->gate = carve_rows(carver, rows, s->ffn_dim);
    f->up = carve_rows(carver, rows, s->ffn_dim);
    f->cosines = carve_rows(carver, rows, s->rope.dim / 2);
    f->sines = carve_rows(carver, rows, s->rope.dim / 2);
    f->rope_frequencies = carve(carver, s->rope.dim / 2 * sizeof(double));
    const size_t columns_max = larger(larger(s->embd_dim, q_dim), s->ffn_dim);
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++) {
        if (kind == KERNEL_ACTIVATION_F32) /* products read the buffers themselves */
            continue;
        f->quantized[kind] =
            carve(carver,
                  rows * kernel_table_activation_bytes((enum kernel_activation)kind, columns_max));
    }
    carve_attention(f, carver, s);
    f->logits_block = carve_rows(carver, f->config.logits_rows_max, s->vocab_size);
}

size_t forward_bytes(const struct model *model, const struct forward_config *config)
{
    struct forward f = {.model = model, .config = *config};
    struct carver carver = {0};
    carve_all(&f, &carver);
    return sizeof(f) + carver.used_bytes + BLOCK_ALIGNMENT;
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
    const size_t shift = (BLOCK_ALIGNMENT - address % BLOCK_ALIGNMENT) % BLOCK_ALIGNMENT;
    struct carver carver = {.next = (unsigned char *)f->block + shift};
    carve_all(f, &carver);
    f->logits = f->logits_block;
    rope_frequencies(&model->shape.rope, model->rope_factors, f->rope_frequencies);
    f->rope_magnitude = rope_magnitude(&model->shape.rope);
    *out = f;
    f = NULL;
    return OK;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    mem_free(f->block);
    mem_free(f);
}

void forward_cut_tiles(struct forward *f)
{
    f->tile_count = 0;
    for (uint32_t i = 0; i < f->row_count; i++) {
        const struct forward_row *row = &f->rows[i];
        struct forward_tile *last = f->tile_count ? &f->tiles[f->tile_count - 1] : NULL;
        if (last && last->row_count < TILE_ROWS_MAX && row[-1].pages == row->pages &&
            row[-1].position + 1 == row->position)
            last->row_count++;
        else
            f->tiles[f->tile_count++] = (struct forward_tile){.row_first = i, .row_count = 1};
    }
}

static void angle_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    (void)args;
    const uint32_t half = f->model->shape.rope.dim / 2;
    const size_t stride = forward_stride(half);
    for (uint32_t i = begin; i < end; i++)
        kernel_table_rope_angles(f->rows[i].position, f->rope_frequencies, half, f->rope_magnitude,
                                 f->cosines + i * stride, f->sines + i * stride);
}

void forward_begin(struct forward *f)
{
    DCHECK(f->row_count <= f->config.rows_max);
    op_rows_run(f, (size_t)f->model->shape.rope.dim * ANGLE_COST, angle_rows, NULL);
    forward_cut_tiles(f);
}
