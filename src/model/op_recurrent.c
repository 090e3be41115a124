#include "model/op_recurrent.h"

#include "base/check.h"
#include "model/model.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <stdatomic.h>

enum {
    CONV_COST = 8,  /* a channel costs as much as so many values of another operation */
    GATE_COST = 64, /* a gate: three exponentials in double precision */
    LANES = 16,     /* channels and columns that a vector may hold */
    UNITS_MIN = 4,  /* per thread, so that the last one leaves the others idle for little */
};

/* ---------------------------------------------------------------- runs */

/* Consecutive rows of one sequence. */
struct run {
    uint32_t begin;
    uint32_t end;
};

static struct run next_run(const struct forward *f, uint32_t begin)
{
    uint32_t end = begin + 1;
    while (end < f->row_count && f->rows[end].state == f->rows[begin].state)
        end++;
    return (struct run){.begin = begin, .end = end};
}

/* Where the state of `layer` begins for the sequence of a run: its convolution, then matrices. */
static float *layer_state(const struct forward *f, const struct run *run, uint32_t layer)
{
    const struct model_shape *s = &f->model->shape;
    return f->rows[run->begin].state +
           s->layers[layer].recurrent_layer * recurrent_shape_layer_floats(&s->recurrent);
}

/* ---------------------------------------------------------------- convolution */

struct conv_job {
    struct forward *f;
    const struct op_conv *args;
    uint32_t layer;
};

static void conv_worker(unsigned index, unsigned count, void *context)
{
    const struct conv_job *job = context;
    const struct forward *f = job->f;
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    const struct worker_share share = worker_pool_share(s->conv_channels, LANES, index, count);
    struct kernel_conv_args args = {.weights = job->args->weights,
                                    .bias = job->args->bias,
                                    .stride = job->args->channels.stride,
                                    .channel_count = s->conv_channels,
                                    .width = s->conv_width,
                                    .channel_begin = share.begin,
                                    .channel_end = share.end,
                                    .has_silu = job->args->has_silu};
    for (uint32_t begin = 0; begin < f->row_count && share.begin < share.end;) {
        const struct run run = next_run(f, begin);
        args.x = job->args->channels.x + run.begin * args.stride;
        args.state = layer_state(f, &run, job->layer);
        args.token_count = run.end - run.begin;
        f->kernels->conv(&args);
        begin = run.end;
    }
}

void op_conv(struct forward *f, uint32_t layer, const struct op_conv *args)
{
    struct conv_job job = {.f = f, .args = args, .layer = layer};
    const size_t values = (size_t)f->row_count * f->model->shape.recurrent.conv_channels;
    if (values * CONV_COST < OP_ROWS_VALUES_MIN)
        conv_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, conv_worker, &job);
}

/* ---------------------------------------------------------------- recurrences */

struct recurrence_job {
    struct forward *f;
    const struct op_recurrence *args;
    uint32_t layer;
    uint32_t unit_blocks; /* blocks of 16 columns in a unit of work; divides those of a head */
    uint32_t head_units;
    atomic_size_t next_unit;
};

/* All tokens of one head, columns in blocks [block_begin, block_end). */
static void run_head(const struct recurrence_job *job, uint32_t head, uint32_t block_begin)
{
    const struct forward *f = job->f;
    const struct op_recurrence *a = job->args;
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    const uint32_t group =
        s->groups_repeat ? head % s->group_count : head / (s->head_count / s->group_count);
    const size_t key_at = (size_t)group * s->key_dim;
    const size_t value_at = (size_t)head * s->value_dim;
    struct kernel_recurrence_args args = {
        .stride = a->keys.stride,
        .gate_stride = a->gains.stride,
        .out_stride = a->out.stride,
        .key_dim = s->key_dim,
        .block_begin = block_begin,
        .block_end = block_begin + job->unit_blocks,
        .factor = a->factors ? a->factors[head] : a->factor,
    };
    for (uint32_t begin = 0; begin < f->row_count;) {
        const struct run run = next_run(f, begin);
        const size_t row_at = run.begin * args.stride;
        const size_t gate_at = run.begin * args.gate_stride + head;
        args.state = layer_state(f, &run, job->layer) + recurrent_shape_conv_floats(s) +
                     head * (size_t)s->key_dim * s->value_dim;
        args.queries = a->queries.x + row_at + key_at;
        args.keys = a->keys.x + row_at + key_at;
        args.values = a->values.x + row_at + value_at;
        args.decays = a->decays.x + gate_at;
        args.gains = a->gains.x + gate_at;
        args.out = a->out.x + run.begin * args.out_stride + value_at;
        args.token_count = run.end - run.begin;
        (a->rule == OP_RECURRENCE_DELTA ? f->kernels->delta_rule : f->kernels->ssm_scan)(&args);
        begin = run.end;
    }
}

static void recurrence_worker(unsigned index, unsigned count, void *context)
{
    (void)index;
    (void)count;
    struct recurrence_job *job = context;
    const size_t unit_count = (size_t)job->f->model->shape.recurrent.head_count * job->head_units;
    for (;;) {
        const size_t unit = atomic_fetch_add_explicit(&job->next_unit, 1, memory_order_relaxed);
        if (unit >= unit_count)
            return;
        run_head(job, (uint32_t)(unit / job->head_units),
                 (uint32_t)(unit % job->head_units) * job->unit_blocks);
    }
}

void op_recurrence(struct forward *f, uint32_t layer, const struct op_recurrence *args)
{
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    DCHECK(args->queries.stride == args->keys.stride && args->keys.stride == args->values.stride &&
           args->decays.stride == args->gains.stride);
    struct recurrence_job job = {.f = f, .args = args, .layer = layer};
    const uint32_t blocks = s->value_dim / KERNEL_STATE_COLUMNS;
    const bool heads_suffice = s->head_count >= f->config.thread_count * UNITS_MIN;
    job.unit_blocks = heads_suffice ? blocks : 1;
    job.head_units = blocks / job.unit_blocks;
    const size_t values = (size_t)s->head_count * s->key_dim * s->value_dim * f->row_count;
    if (values < OP_ROWS_VALUES_MIN)
        recurrence_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, recurrence_worker, &job);
}

/* ---------------------------------------------------------------- row by row */

static float *row_of(struct op_part part, uint32_t row)
{
    return part.x + row * part.stride;
}

static void decay_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    (void)f;
    const struct op_decay_gates *a = args;
    for (uint32_t i = begin; i < end; i++)
        kernel_table_decay_gates(row_of(a->x, i), a->bias, a->a, a->count,
                                 a->steps.x ? row_of(a->steps, i) : NULL, row_of(a->decays, i));
}

void op_decay_gates(struct forward *f, const struct op_decay_gates *args)
{
    op_rows_run(f, (size_t)args->count * GATE_COST, decay_rows, args);
}

struct sigmoid_args {
    struct op_part x;
    uint32_t count;
};

static void sigmoid_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    (void)f;
    const struct sigmoid_args *a = args;
    for (uint32_t i = begin; i < end; i++)
        kernel_table_sigmoid(row_of(a->x, i), a->count, row_of(a->x, i));
}

void op_sigmoid(struct forward *f, struct op_part x, uint32_t count)
{
    const struct sigmoid_args args = {.x = x, .count = count};
    op_rows_run(f, (size_t)count * GATE_COST, sigmoid_rows, &args);
}

struct norm_args {
    struct op_heads heads;
    const float *weights; /* NULL: lengths become 1 */
};

static void norm_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct norm_args *a = args;
    const struct op_heads *heads = &a->heads;
    const float epsilon = f->model->shape.norm_epsilon;
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t h = 0; h < heads->head_count; h++) {
            float *x = heads->x + i * heads->row_stride + (size_t)h * heads->head_stride;
            if (a->weights)
                f->kernels->rms_norm(x, a->weights + (size_t)h * heads->head_dim, heads->head_dim,
                                     epsilon, x);
            else
                f->kernels->l2_norm(x, heads->head_dim, epsilon, x);
        }
}

void op_l2_norm_heads(struct forward *f, struct op_heads heads)
{
    const struct norm_args args = {.heads = heads};
    op_rows_run(f, (size_t)heads.head_count * heads.head_dim, norm_rows, &args);
}

void op_norm_groups(struct forward *f, struct op_heads heads, const float *weights)
{
    const struct norm_args args = {.heads = heads, .weights = weights};
    op_rows_run(f, (size_t)heads.head_count * heads.head_dim, norm_rows, &args);
}

struct combine_args {
    kernel_binary_fn *combine;
    struct op_part x;
    struct op_part y;
    struct op_part out;
    uint32_t columns;
};

static void combine_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    (void)f;
    const struct combine_args *a = args;
    for (uint32_t i = begin; i < end; i++)
        a->combine(row_of(a->x, i), row_of(a->y, i), a->columns, row_of(a->out, i));
}

void op_combine(struct forward *f, kernel_binary_fn *combine, struct op_part x, struct op_part y,
                struct op_part out, uint32_t columns)
{
    const struct combine_args args = {combine, x, y, out, columns};
    op_rows_run(f, columns, combine_rows, &args);
}
