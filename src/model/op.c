#include "model/op.h"

#include "base/attr.h"
#include "base/check.h"
#include "kernel/exact_math.h"
#include "model/model.h"
#include "model/op_rows.h"
#include "os/memory.h"
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

/* A system maps far more of a file than the rows that are read: many rows would bring in most of a
 * table of which few are needed again. */
static void give_back_rows(const struct forward *f, const struct weight *table)
{
    enum { ROWS_MANY = 64 };
    if (f->row_count >= ROWS_MANY && f->model->is_mapped && table->data != f->model->output.data)
        memory_advise_unused(table->data, table->row_bytes * table->row_count);
}

void op_embed(struct forward *f, const struct weight *table, float *out)
{
    const struct embed_args args = {.table = table, .out = out};
    op_rows_run(f, table->column_count, embed_rows, &args);
    give_back_rows(f, table);
}

struct numbered_args {
    const float *table;
    enum op_row_number number;
    uint32_t columns;
    float *sum;
};

static void add_numbered_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct numbered_args *a = args;
    for (uint32_t i = begin; i < end; i++) {
        const struct forward_row *row = &f->rows[i];
        const uint32_t last = f->model->input.segment_count - 1;
        const uint32_t segment = row->segment < last ? row->segment : last;
        const uint32_t number = a->number == OP_ROW_POSITION ? row->position : segment;
        float *sum = a->sum + i * forward_stride(a->columns);
        f->kernels->add(sum, a->table + (size_t)number * a->columns, a->columns, sum);
    }
}

void op_add_numbered(struct forward *f, const float *table, enum op_row_number number,
                     uint32_t columns, float *sum)
{
    const struct numbered_args args = {
        .table = table, .number = number, .columns = columns, .sum = sum};
    op_rows_run(f, columns, add_numbered_rows, &args);
}

struct norm_args {
    const float *x;
    const float *weight;
    const float *bias; /* of a layer norm */
    float *out;
};

static void norm_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct norm_args *a = args;
    const struct model_shape *s = &f->model->shape;
    const size_t stride = forward_stride(s->embd_dim);
    for (uint32_t i = begin; i < end; i++)
        f->kernels->rms_norm(a->x + i * stride, a->weight, s->embd_dim, s->norm_epsilon,
                             a->out + i * stride);
}

void op_norm(struct forward *f, const float *x, const float *weight, float *out)
{
    const struct norm_args args = {.x = x, .weight = weight, .out = out};
    op_rows_run(f, f->model->shape.embd_dim, norm_rows, &args);
}

static void layer_norm_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct norm_args *a = args;
    const struct model_shape *s = &f->model->shape;
    const size_t stride = forward_stride(s->embd_dim);
    for (uint32_t i = begin; i < end; i++)
        f->kernels->layer_norm(a->x + i * stride, a->weight, a->bias, s->embd_dim, s->norm_epsilon,
                               a->out + i * stride);
}

void op_layer_norm(struct forward *f, const float *x, const float *weight, const float *bias,
                   float *out)
{
    const struct norm_args args = {.x = x, .weight = weight, .bias = bias, .out = out};
    op_rows_run(f, f->model->shape.embd_dim, layer_norm_rows, &args);
}

struct add_args {
    const float *x;
    uint32_t columns;
    float scale;
    float *sum;
};

static void add_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct add_args *a = args;
    const size_t stride = forward_stride(a->columns);
    for (uint32_t i = begin; i < end; i++) {
        const float *x = a->x + i * stride;
        float *sum = a->sum + i * stride;
        if (a->scale == 1.0f)
            f->kernels->add(sum, x, a->columns, sum);
        else
            f->kernels->add_scaled(x, a->scale, a->columns, sum);
    }
}

void op_add(struct forward *f, const float *x, uint32_t columns, float scale, float *sum)
{
    const struct add_args args = {.x = x, .columns = columns, .scale = scale, .sum = sum};
    op_rows_run(f, columns, add_rows, &args);
}

static void scale_values(float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

static void scale_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct add_args *a = args;
    (void)f;
    for (uint32_t i = begin; i < end; i++)
        scale_values(a->sum + i * forward_stride(a->columns), a->columns, a->scale);
}

void op_scale(struct forward *f, float *x, uint32_t columns, float scale)
{
    const struct add_args args = {.columns = columns, .scale = scale, .sum = x};
    op_rows_run(f, columns, scale_rows, &args);
}

/* ---------------------------------------------------------------- heads */

struct heads_args {
    struct op_heads heads;
    const float *weight; /* of a norm */
    uint32_t rope;       /* index in shape.rope */
    kernel_rope_fn *turn;
};

static void norm_heads_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct heads_args *a = args;
    const struct op_heads *heads = &a->heads;
    const float epsilon = f->model->shape.norm_epsilon;
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t h = 0; h < heads->head_count; h++) {
            float *x = heads->x + i * heads->row_stride + (size_t)h * heads->head_stride;
            f->kernels->rms_norm(x, a->weight, heads->head_dim, epsilon, x);
        }
}

void op_norm_heads(struct forward *f, struct op_heads heads, const float *weight)
{
    const struct heads_args args = {.heads = heads, .weight = weight};
    op_rows_run(f, (size_t)heads.head_count * heads.head_dim, norm_heads_rows, &args);
}

static void rope_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct heads_args *a = args;
    const struct forward_rope *rope = &f->rope[a->rope];
    const uint32_t dim = f->model->shape.rope[a->rope].dim;
    const size_t stride = forward_stride(dim / 2);
    for (uint32_t i = begin; i < end; i++)
        a->turn(a->heads.x + i * a->heads.row_stride, rope->cosines + i * stride,
                rope->sines + i * stride, a->heads.head_count, a->heads.head_stride, dim);
}

void op_rope(struct forward *f, uint32_t layer, struct op_heads heads)
{
    const struct model_shape *s = &f->model->shape;
    const int index = s->layers[layer].rope;
    if (index == LAYER_ROPE_NONE)
        return;
    const struct rope_shape *rope = &s->rope[index];
    DCHECK(rope->dim <= heads.head_dim);
    const struct heads_args args = {.heads = heads,
                                    .rope = (uint32_t)index,
                                    .turn = rope->style == ROPE_PAIRS ? f->kernels->rope_pairs
                                                                      : f->kernels->rope_halves};
    op_rows_run(f, (size_t)heads.head_count * heads.head_dim, rope_rows, &args);
}

static void softcap_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct add_args *a = args;
    for (uint32_t i = begin; i < end; i++) {
        float *x = a->sum + i * forward_stride(a->columns);
        scale_values(x, a->columns, 2.0f / a->scale);
        f->kernels->exp_row(x, a->columns, x);
        for (uint32_t c = 0; c < a->columns; c++)
            x[c] = a->scale * (1.0f - 2.0f / (x[c] + 1.0f));
    }
}

void op_softcap(struct forward *f, float *x, uint32_t columns, float softcap)
{
    const struct add_args args = {.columns = columns, .scale = softcap, .sum = x};
    op_rows_run(f, columns, softcap_rows, &args);
}

static void temperature_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct op_heads *heads = args;
    const struct model_shape *s = &f->model->shape;
    for (uint32_t i = begin; i < end; i++) {
        const double passed = (double)(f->rows[i].position / s->temperature_length);
        const double scale = 1.0 + s->temperature_scale * exact_math_log(passed + 1.0);
        for (uint32_t h = 0; h < heads->head_count; h++)
            scale_values(heads->x + i * heads->row_stride + (size_t)h * heads->head_stride,
                         heads->head_dim, (float)scale);
    }
}

void op_temperature(struct forward *f, struct op_heads heads)
{
    if (f->model->shape.temperature_scale != 0)
        op_rows_run(f, (size_t)heads.head_count * heads.head_dim, temperature_rows, &heads);
}

/* ---------------------------------------------------------------- wanted rows */

static void keep_row(float *rows, size_t columns, uint32_t from, uint32_t to)
{
    const size_t stride = forward_stride(columns);
    memcpy(rows + to * stride, rows + from * stride, columns * sizeof(*rows));
}

static void keep_angles(const struct forward *f, uint32_t from, uint32_t to)
{
    const struct model_shape *s = &f->model->shape;
    for (uint32_t i = 0; i < s->rope_count; i++) {
        keep_row(f->rope[i].cosines, s->rope[i].dim / 2, from, to);
        keep_row(f->rope[i].sines, s->rope[i].dim / 2, from, to);
    }
}

void op_keep_wanted_rows(struct forward *f, const struct op_rows *moved, size_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (!f->rows[i].wants_logits)
            continue;
        if (kept != i) {
            f->rows[kept] = f->rows[i];
            keep_row(f->x, f->model->shape.embd_dim, i, kept);
            keep_angles(f, i, kept);
            for (size_t m = 0; m < count; m++)
                keep_row(moved[m].x, moved[m].columns, i, kept);
        }
        kept++;
    }
    f->row_count = kept;
    forward_cut_tiles(f);
}
