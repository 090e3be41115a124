#include "model/op_recurrent.h"

#include "base/check.h"
#include "model/carver.h"
#include "model/model.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

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
    while (end < f->row_count && f->rows[end].state == f->rows[begin].state &&
           (f->rows[end].draft > 0) == (f->rows[begin].draft > 0))
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

/* ---------------------------------------------------------------- drafts */

/* What drafts feed into the layers, row by row: of a layer the inputs of the convolution, keys,
 * values, decays, gains. */
struct forward_drafts {
    float *rows;        /* [layer_count][draft_rows_max][row_floats] */
    float *conv_state;  /* of one layer: what a convolution over drafts changes */
    float *head_states; /* [thread_count] matrices of one head, and its output */
    size_t row_floats;
    size_t keys_at; /* floats from the beginning of a row */
    size_t values_at;
    size_t gates_at;
    size_t head_floats;
    enum op_recurrence_rule rule;
};

struct forward_drafts *op_drafts_carve(struct carver *carver, const struct recurrent_shape *shape,
                                       const struct forward_config *config)
{
    if (shape->layer_count == 0 || config->draft_rows_max == 0)
        return NULL;
    const size_t keys_at = forward_stride(shape->conv_channels);
    const size_t values_at = keys_at + (size_t)shape->group_count * shape->key_dim;
    const size_t gates_at = values_at + (size_t)shape->head_count * shape->value_dim;
    const size_t row_floats = forward_stride(gates_at + (size_t)2 * shape->head_count);
    const size_t head_floats = ((size_t)shape->key_dim + 1) * shape->value_dim;
    struct forward_drafts *drafts = carver_take(carver, sizeof(*drafts));
    const struct forward_drafts d = {
        .rows =
            carver_rows(carver, (size_t)shape->layer_count * config->draft_rows_max, row_floats),
        .conv_state = carver_rows(carver, 1, recurrent_shape_conv_floats(shape)),
        .head_states = carver_rows(carver, config->thread_count, head_floats),
        .row_floats = row_floats,
        .keys_at = keys_at,
        .values_at = values_at,
        .gates_at = gates_at,
        .head_floats = forward_stride(head_floats),
    };
    if (drafts)
        *drafts = d;
    return drafts;
}

/* Row of `recurrent_layer` at `place` among the drafts, from 0. */
static float *draft_row(const struct forward *f, uint32_t recurrent_layer, uint32_t place)
{
    const struct forward_drafts *d = f->drafts;
    DCHECK(place < f->config.draft_rows_max);
    return d->rows + ((size_t)recurrent_layer * f->config.draft_rows_max + place) * d->row_floats;
}

/* A scratch copy of the state for channels of a convolution; their inputs are kept. */
static float *conv_draft_state(const struct forward *f, const struct run *run, uint32_t layer,
                               const struct kernel_conv_args *args)
{
    const size_t count = args->channel_end - args->channel_begin;
    for (uint32_t i = run->begin; i < run->end; i++)
        memcpy(draft_row(f, f->model->shape.layers[layer].recurrent_layer, f->rows[i].draft - 1) +
                   args->channel_begin,
               args->x + (i - run->begin) * args->stride + args->channel_begin,
               count * sizeof(float));
    for (size_t t = 0; t + 1 < args->width; t++) {
        const size_t at = t * args->channel_count + args->channel_begin;
        memcpy(f->drafts->conv_state + at, args->state + at, count * sizeof(float));
    }
    return f->drafts->conv_state;
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
        if (f->rows[begin].draft > 0)
            args.state = conv_draft_state(f, &run, job->layer, &args);
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

/* The group of queries and keys that a head uses. */
static uint32_t group_of(const struct recurrent_shape *s, uint32_t head)
{
    return s->groups_repeat ? head % s->group_count : head / (s->head_count / s->group_count);
}

/* A scratch copy of the blocks of a head's state, for drafts. */
static float *head_draft_state(const struct forward *f, const struct kernel_recurrence_args *args,
                               unsigned thread)
{
    float *copy = f->drafts->head_states + thread * f->drafts->head_floats;
    const size_t block_floats = args->key_dim * KERNEL_STATE_COLUMNS;
    const size_t at = args->block_begin * block_floats;
    memcpy(copy + at, args->state + at,
           (args->block_end - args->block_begin) * block_floats * sizeof(float));
    return copy;
}

/* All tokens of one head, columns in blocks [block_begin, block_end). */
static void run_head(const struct recurrence_job *job, uint32_t head, uint32_t block_begin,
                     unsigned thread)
{
    const struct forward *f = job->f;
    const struct op_recurrence *a = job->args;
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    const size_t key_at = (size_t)group_of(s, head) * s->key_dim;
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
        if (f->rows[begin].draft > 0)
            args.state = head_draft_state(f, &args, thread);
        (a->rule == OP_RECURRENCE_DELTA ? f->kernels->delta_rule : f->kernels->ssm_scan)(&args);
        begin = run.end;
    }
}

static void recurrence_worker(unsigned index, unsigned count, void *context)
{
    (void)count;
    struct recurrence_job *job = context;
    const size_t unit_count = (size_t)job->f->model->shape.recurrent.head_count * job->head_units;
    for (;;) {
        const size_t unit = atomic_fetch_add_explicit(&job->next_unit, 1, memory_order_relaxed);
        if (unit >= unit_count)
            return;
        run_head(job, (uint32_t)(unit / job->head_units),
                 (uint32_t)(unit % job->head_units) * job->unit_blocks, index);
    }
}

/* Keeps what the rows that are drafts feed into the recurrence. */
static void keep_drafts(struct forward *f, uint32_t layer, const struct op_recurrence *args)
{
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    struct forward_drafts *d = f->drafts;
    const size_t gates_bytes = s->head_count * sizeof(float);
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (f->rows[i].draft == 0)
            continue;
        float *row =
            draft_row(f, f->model->shape.layers[layer].recurrent_layer, f->rows[i].draft - 1);
        memcpy(row + d->keys_at, args->keys.x + i * args->keys.stride,
               (d->values_at - d->keys_at) * sizeof(float));
        memcpy(row + d->values_at, args->values.x + i * args->values.stride,
               (d->gates_at - d->values_at) * sizeof(float));
        memcpy(row + d->gates_at, args->decays.x + i * args->decays.stride, gates_bytes);
        memcpy(row + d->gates_at + s->head_count, args->gains.x + i * args->gains.stride,
               gates_bytes);
        d->rule = args->rule;
    }
}

void op_recurrence(struct forward *f, uint32_t layer, const struct op_recurrence *args)
{
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    DCHECK(args->queries.stride == args->keys.stride && args->keys.stride == args->values.stride &&
           args->decays.stride == args->gains.stride);
    struct recurrence_job job = {.f = f, .args = args, .layer = layer};
    keep_drafts(f, layer, args);
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

/* ---------------------------------------------------------------- taking drafts */

struct take_job {
    struct forward *f;
    float *state;
    uint32_t first;
    uint32_t count;
    atomic_size_t next_unit;
};

/* The last inputs of the convolution of a layer. */
static void take_conv(const struct take_job *job, uint32_t layer, float *state)
{
    const struct recurrent_shape *s = &job->f->model->shape.recurrent;
    const size_t past = s->conv_width - 1;
    const size_t row_bytes = s->conv_channels * sizeof(float);
    const size_t kept = past > job->count ? past - job->count : 0;
    memmove(state, state + (past - kept) * s->conv_channels, kept * row_bytes);
    for (size_t t = kept; t < past; t++)
        memcpy(state + t * s->conv_channels,
               draft_row(job->f, layer, job->first + (uint32_t)(job->count - past + t)), row_bytes);
}

static void take_head(const struct take_job *job, uint32_t layer, uint32_t head, float *state,
                      float *out)
{
    const struct forward *f = job->f;
    const struct forward_drafts *d = f->drafts;
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    const float *row = draft_row(f, layer, job->first);
    const float *keys = row + d->keys_at + (size_t)group_of(s, head) * s->key_dim;
    const struct kernel_recurrence_args args = {
        .state = state + (size_t)head * s->key_dim * s->value_dim,
        .queries = keys, /* what comes out is not looked at */
        .keys = keys,
        .values = row + d->values_at + (size_t)head * s->value_dim,
        .decays = row + d->gates_at + head,
        .gains = row + d->gates_at + s->head_count + head,
        .out = out,
        .stride = d->row_floats,
        .gate_stride = d->row_floats,
        .token_count = job->count,
        .key_dim = s->key_dim,
        .block_end = s->value_dim / KERNEL_STATE_COLUMNS,
    };
    (d->rule == OP_RECURRENCE_DELTA ? f->kernels->delta_rule : f->kernels->ssm_scan)(&args);
}

/* Units: the heads of every layer, and before them its convolution. */
static void take_worker(unsigned index, unsigned count, void *context)
{
    (void)count;
    struct take_job *job = context;
    const struct forward_drafts *d = job->f->drafts;
    const struct recurrent_shape *s = &job->f->model->shape.recurrent;
    const size_t layer_units = (size_t)s->head_count + 1;
    float *out = d->head_states + (index + 1) * d->head_floats - forward_stride(s->value_dim);
    for (;;) {
        const size_t unit = atomic_fetch_add_explicit(&job->next_unit, 1, memory_order_relaxed);
        if (unit >= s->layer_count * layer_units)
            return;
        const uint32_t layer = (uint32_t)(unit / layer_units);
        const uint32_t part = (uint32_t)(unit % layer_units);
        float *state = job->state + layer * recurrent_shape_layer_floats(s);
        if (part == 0)
            take_conv(job, layer, state);
        else
            take_head(job, layer, part - 1, state + recurrent_shape_conv_floats(s), out);
    }
}

void op_drafts_take(struct forward *f, float *state, uint32_t first, uint32_t count)
{
    const struct recurrent_shape *s = &f->model->shape.recurrent;
    struct take_job job = {.f = f, .state = state, .first = first, .count = count};
    const size_t values = recurrent_shape_floats(s) * count;
    if (count == 0)
        return;
    if (values < OP_ROWS_VALUES_MIN)
        take_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, take_worker, &job);
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
