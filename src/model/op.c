#include "model/op.h"

#include "base/attr.h"
#include "base/check.h"
#include "model/model.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <string.h>

/* ---------------------------------------------------------------- rows one by one */

struct rows_job {
    struct forward *f;
    op_rows_fn *fn;
    const void *args;
};

static void rows_worker(unsigned index, unsigned count, void *context)
{
    const struct rows_job *job = context;
    const struct worker_share share = worker_pool_share(job->f->row_count, 1, index, count);
    job->fn(job->f, (uint32_t)share.begin, (uint32_t)share.end, job->args);
}

void op_rows_run(struct forward *f, size_t values_per_row, op_rows_fn *fn, const void *args)
{
    struct rows_job job = {.f = f, .fn = fn, .args = args};
    if (f->row_count < 2 || f->row_count * values_per_row < OP_ROWS_VALUES_MIN)
        rows_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, rows_worker, &job);
}

struct embed_args {
    const struct weight *table;
    float *out;
};

static void embed_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct embed_args *a = args;
    const struct weight *table = a->table;
    kernel_dequantize_fn *dequantize = f->kernels->dequantize_row[table->dtype];
    for (uint32_t i = begin; i < end; i++)
        dequantize(table->data + (size_t)f->rows[i].token * table->row_bytes, table->column_count,
                   a->out + i * forward_stride(table->column_count));
}

void op_embed(struct forward *f, const struct weight *table, float *out)
{
    const struct embed_args args = {.table = table, .out = out};
    op_rows_run(f, table->column_count, embed_rows, &args);
}

struct norm_args {
    const float *x;
    const float *weight;
    float *out;
    uint32_t part_count; /* parts of a row, each normed on its own */
    uint32_t part_len;
};

static void norm_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct norm_args *a = args;
    const size_t stride = forward_stride((size_t)a->part_count * a->part_len);
    const float epsilon = f->model->shape.norm_epsilon;
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t part = 0; part < a->part_count; part++) {
            const size_t at = i * stride + (size_t)part * a->part_len;
            f->kernels->rms_norm(a->x + at, a->weight, a->part_len, epsilon, a->out + at);
        }
}

void op_norm(struct forward *f, const float *x, const float *weight, float *out)
{
    const uint32_t n = f->model->shape.embd_dim;
    const struct norm_args args = {
        .x = x, .weight = weight, .out = out, .part_count = 1, .part_len = n};
    op_rows_run(f, n, norm_rows, &args);
}

void op_norm_heads(struct forward *f, float *x, uint32_t head_count, const float *weight)
{
    const uint32_t n = f->model->shape.head_dim;
    const struct norm_args args = {
        .x = x, .weight = weight, .out = x, .part_count = head_count, .part_len = n};
    op_rows_run(f, (size_t)head_count * n, norm_rows, &args);
}

struct rope_args {
    kernel_rope_fn *rotate;
    float *x;
    uint32_t head_count;
};

static void rope_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct rope_args *a = args;
    const struct model_shape *s = &f->model->shape;
    const size_t stride = forward_stride((size_t)a->head_count * s->head_dim);
    const size_t angle_stride = forward_stride(s->rope.dim / 2);
    for (uint32_t i = begin; i < end; i++)
        a->rotate(a->x + i * stride, f->cosines + i * angle_stride, f->sines + i * angle_stride,
                  a->head_count, s->head_dim, s->rope.dim);
}

static void rope(struct forward *f, kernel_rope_fn *rotate, float *x, uint32_t head_count)
{
    const struct rope_args args = {.rotate = rotate, .x = x, .head_count = head_count};
    op_rows_run(f, (size_t)head_count * f->model->shape.head_dim, rope_rows, &args);
}

void op_rope_pairs(struct forward *f, float *x, uint32_t head_count)
{
    rope(f, f->kernels->rope_pairs, x, head_count);
}

void op_rope_halves(struct forward *f, float *x, uint32_t head_count)
{
    rope(f, f->kernels->rope_halves, x, head_count);
}

static void keep_row(float *rows, size_t columns, uint32_t from, uint32_t to)
{
    const size_t stride = forward_stride(columns);
    memcpy(rows + to * stride, rows + from * stride, columns * sizeof(*rows));
}

void op_keep_wanted_rows(struct forward *f)
{
    const struct model_shape *s = &f->model->shape;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (!f->rows[i].wants_logits)
            continue;
        if (kept != i) {
            f->rows[kept] = f->rows[i];
            keep_row(f->x, s->embd_dim, i, kept);
            keep_row(f->q, (size_t)s->head_count * s->head_dim, i, kept);
        }
        kept++;
    }
    f->row_count = kept;
    forward_cut_tiles(f);
}
