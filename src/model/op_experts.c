#include "model/op_experts.h"

#include "base/check.h"
#include "kernel/vector_exp.h"
#include "model/carver.h"
#include "model/expert_routing.h"
#include "model/op.h"
#include "model/op_rows.h"
#include "model/op_units.h"
#include "model/packed_weights.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MULTIPLY_ADDS_MIN = 1 << 16, /* in all; below, waking the threads costs more than the work */
    UNITS_PER_THREAD = 8,        /* so that the last one leaves the others idle for little */
    UNIT_BYTES_MIN = 64 << 10,   /* of weights: one stream of memory for a while */
};

/* A place is one (row, chosen expert); places are numbered by expert, then by row. */
struct forward_experts {
    float *products;       /* [rows][expert_count] of the router */
    float *shared_scales;  /* [rows] */
    uint32_t *chosen;      /* [rows][used_count] experts, ascending */
    float *weights;        /* [rows][used_count] */
    uint32_t *places;      /* [rows][used_count] of each chosen expert */
    uint32_t *place_rows;  /* [places] */
    uint32_t *place_begin; /* [expert_count + 1] first place of each expert */
    uint32_t *active;      /* experts that have places */
    uint32_t active_count;
    float *gate;                                       /* [places][ffn_dim] */
    float *up;                                         /* [places][ffn_dim] */
    float *out;                                        /* [places][what an expert takes or gives] */
    unsigned char *quantized[KERNEL_ACTIVATION_COUNT]; /* [places] rows of a product's input */
};

/* The widest input or output of an expert. */
static uint32_t width_of(const struct model *model)
{
    uint32_t width = 1;
    for (uint32_t i = 0; i < model->shape.block_count; i++) {
        const struct ffn_weights *each = &model->layers[i].experts.each;
        width = each->up.column_count > width ? each->up.column_count : width;
        width = each->down.row_count > width ? each->down.row_count : width;
    }
    return width;
}

struct forward_experts *op_experts_carve(struct carver *carver, const struct model *model,
                                         uint32_t rows)
{
    const struct experts_shape *s = &model->shape.experts;
    if (s->count == 0)
        return NULL;
    const size_t places = (size_t)rows * s->used_count;
    const uint32_t width = width_of(model);
    const uint32_t columns_max = width > s->ffn_dim ? width : s->ffn_dim;
    struct forward_experts *experts = carver_take(carver, sizeof(*experts));
    struct forward_experts e = {
        .products = carver_rows(carver, rows, s->count),
        .shared_scales = carver_rows(carver, rows, 1),
        .chosen = carver_take(carver, places * sizeof(uint32_t)),
        .weights = carver_take(carver, places * sizeof(float)),
        .places = carver_take(carver, places * sizeof(uint32_t)),
        .place_rows = carver_take(carver, places * sizeof(uint32_t)),
        .place_begin = carver_take(carver, (s->count + 1) * sizeof(uint32_t)),
        .active = carver_take(carver, s->count * sizeof(uint32_t)),
        .gate = carver_rows(carver, places, s->ffn_dim),
        .up = carver_rows(carver, places, s->ffn_dim),
        .out = carver_rows(carver, places, width),
    };
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++)
        if (kind != KERNEL_ACTIVATION_F32)
            e.quantized[kind] = carver_take(
                carver,
                places * kernel_table_activation_bytes((enum kernel_activation)kind, columns_max));
    if (experts)
        *experts = e;
    return experts;
}

/* ---------------------------------------------------------------- routing */

static void choose_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct op_experts *a = args;
    const struct experts_shape *s = &f->model->shape.experts;
    const size_t stride = forward_stride(s->count);
    for (uint32_t i = begin; i < end; i++)
        expert_routing_choose(s, f->experts->products + i * stride, a->weights->selection_bias,
                              f->experts->chosen + (size_t)i * s->used_count,
                              f->experts->weights + (size_t)i * s->used_count);
}

/* Numbers the places: by expert, inside an expert by row. */
static void number_places(struct forward *f)
{
    const struct experts_shape *s = &f->model->shape.experts;
    struct forward_experts *e = f->experts;
    const size_t place_count = (size_t)f->row_count * s->used_count;
    memset(e->place_begin, 0, (s->count + 1) * sizeof(*e->place_begin));
    for (size_t i = 0; i < place_count; i++)
        e->place_begin[e->chosen[i] + 1]++;
    e->active_count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (e->place_begin[i + 1] > 0)
            e->active[e->active_count++] = i;
        e->place_begin[i + 1] += e->place_begin[i];
    }
    for (size_t i = 0; i < place_count; i++) { /* place_begin[x] moves to where x + 1 begins */
        e->places[i] = e->place_begin[e->chosen[i]]++;
        e->place_rows[e->places[i]] = (uint32_t)(i / s->used_count);
    }
    memmove(e->place_begin + 1, e->place_begin, s->count * sizeof(*e->place_begin));
    e->place_begin[0] = 0;
}

/* ---------------------------------------------------------------- products */

struct experts_job {
    struct forward *f;
    const struct op_experts *args;
    const struct kernel_matmul *kinds[2]; /* of the products that read the input: gate and up */
    size_t unit_rows_up;
    size_t unit_rows_down;
};

static const struct kernel_matmul *matmul_of(const struct forward *f, const struct weight *weight)
{
    return &f->kernels->matmul[weight->dtype];
}

static size_t units_of(const struct weight *weight, size_t unit_rows)
{
    return (weight->row_count + unit_rows - 1) / unit_rows;
}

static size_t row_bytes(enum kernel_activation kind, size_t columns)
{
    return kernel_table_activation_bytes(kind, columns);
}

/* Copies the inputs of places [begin, end) beside each other, converted for the kernels. */
static void gather(const struct experts_job *job, size_t begin, size_t end)
{
    struct forward *f = job->f;
    struct forward_experts *e = f->experts;
    const size_t columns = job->args->weights->each.up.column_count;
    const size_t stride = forward_stride(columns);
    for (size_t place = begin; place < end; place++) {
        const float *x = job->args->input + e->place_rows[place] * stride;
        for (size_t i = 0; i < 2; i++) {
            const enum kernel_activation kind = job->kinds[i]->activation;
            if (i == 1 && kind == job->kinds[0]->activation)
                continue;
            if (kind == KERNEL_ACTIVATION_F32)
                memcpy(e->out + place * stride, x, columns * sizeof(*x));
            else
                f->kernels->quantize[kind](x, columns,
                                           e->quantized[kind] + place * row_bytes(kind, columns));
        }
    }
}

/* out[place] = slice `expert` of weight * the input of the place, rows [rows.begin, rows.end). */
static void multiply(const struct experts_job *job, const struct weight *weight, const float *bias,
                     const float *input, uint32_t expert, struct worker_share rows, float *out)
{
    struct forward *f = job->f;
    struct forward_experts *e = f->experts;
    const struct weight slice = weight_slice(weight, expert);
    const struct kernel_matmul *matmul = matmul_of(f, weight);
    const enum kernel_activation kind = matmul->activation;
    const size_t first = e->place_begin[expert];
    const size_t count = e->place_begin[expert + 1] - first;
    const size_t bytes = row_bytes(kind, slice.column_count);
    const size_t out_stride = forward_stride(slice.row_count);
    const void *activations = kind == KERNEL_ACTIVATION_F32
                                  ? (const void *)(input + first * bytes / sizeof(float))
                                  : e->quantized[kind] + first * bytes;
    const struct kernel_matmul_args args = {
        .weights = slice.data,
        .activations = activations,
        .out = out + first * out_stride,
        .activation_stride = bytes,
        .out_stride = out_stride,
        .columns = slice.column_count,
        .token_count = count,
        .row_begin = rows.begin,
        .row_end = rows.end,
    };
    packed_weights_multiply(f->packed, f->kernels, &slice, &args);
    for (size_t i = 0; (bias || slice.scales) && i < count; i++) {
        float *values = args.out + i * out_stride + rows.begin;
        weight_scale(&slice, values, rows.end - rows.begin);
        if (bias)
            f->kernels->add(values, bias + (size_t)expert * slice.row_count + rows.begin,
                            rows.end - rows.begin, values);
    }
}

static struct worker_share rows_of_unit(const struct weight *weight, size_t unit_rows, size_t unit)
{
    const size_t begin = unit * unit_rows;
    const size_t end = begin + unit_rows;
    return (struct worker_share){begin, end < weight->row_count ? end : weight->row_count};
}

/* Gate and up of some rows of one expert, and the activation of what they give. */
static void up_unit(const struct experts_job *job, size_t unit)
{
    struct forward *f = job->f;
    struct forward_experts *e = f->experts;
    const struct ffn_weights *w = &job->args->weights->each;
    const size_t per_expert = units_of(&w->up, job->unit_rows_up);
    const uint32_t expert = e->active[unit / per_expert];
    const struct worker_share rows = rows_of_unit(&w->up, job->unit_rows_up, unit % per_expert);
    const bool has_gate = w->gate.data != NULL;
    const size_t stride = forward_stride(w->up.row_count);
    multiply(job, &w->up, w->up_bias, e->out, expert, rows, has_gate ? e->up : e->gate);
    if (has_gate)
        multiply(job, &w->gate, w->gate_bias, e->out, expert, rows, e->gate);
    for (size_t place = e->place_begin[expert]; place < e->place_begin[expert + 1]; place++) {
        const size_t at = place * stride + rows.begin;
        op_activate(f, e->gate + at, e->up + at, rows.end - rows.begin);
    }
}

static void down_unit(const struct experts_job *job, size_t unit)
{
    struct forward_experts *e = job->f->experts;
    const struct ffn_weights *w = &job->args->weights->each;
    const size_t per_expert = units_of(&w->down, job->unit_rows_down);
    multiply(job, &w->down, w->down_bias, e->gate, e->active[unit / per_expert],
             rows_of_unit(&w->down, job->unit_rows_down, unit % per_expert), e->out);
}

static void quantize_gate(const struct experts_job *job, size_t begin, size_t end)
{
    struct forward *f = job->f;
    struct forward_experts *e = f->experts;
    const struct weight *down = &job->args->weights->each.down;
    const enum kernel_activation kind = matmul_of(f, down)->activation;
    const size_t columns = down->column_count;
    for (size_t i = begin; i < end && kind != KERNEL_ACTIVATION_F32; i++)
        f->kernels->quantize[kind](e->gate + i * forward_stride(columns), columns,
                                   e->quantized[kind] + i * row_bytes(kind, columns));
}

/* Adds what the experts of rows [begin, end) gave, in ascending order of experts. */
static void combine(const struct experts_job *job, size_t begin, size_t end)
{
    struct forward *f = job->f;
    struct forward_experts *e = f->experts;
    const uint32_t used_count = f->model->shape.experts.used_count;
    const uint32_t n = job->args->weights->each.down.row_count;
    const size_t stride = forward_stride(n);
    for (size_t i = begin; i < end; i++) {
        float *out = job->args->out + i * stride;
        if (!job->args->adds)
            memset(out, 0, n * sizeof(*out));
        for (size_t k = i * used_count; k < (i + 1) * used_count; k++)
            f->kernels->add_scaled(e->out + e->places[k] * stride, e->weights[k], n, out);
    }
}

static void experts_worker(unsigned index, unsigned count, void *context)
{
    struct experts_job *job = context;
    struct forward *f = job->f;
    const size_t place_count = (size_t)f->row_count * f->model->shape.experts.used_count;
    const struct worker_share places = worker_pool_share(place_count, 1, index, count);
    const struct worker_share rows = worker_pool_share(f->row_count, 1, index, count);
    const bool waits = count > 1;

    gather(job, places.begin, places.end);
    if (waits)
        worker_pool_barrier(f->workers);
    for (size_t unit = 0; op_units_take(f->units[0], count, index, &unit);)
        up_unit(job, unit);
    if (waits)
        worker_pool_barrier(f->workers);
    quantize_gate(job, places.begin, places.end);
    if (waits)
        worker_pool_barrier(f->workers);
    for (size_t unit = 0; op_units_take(f->units[1], count, index, &unit);)
        down_unit(job, unit);
    if (waits)
        worker_pool_barrier(f->workers);
    combine(job, rows.begin, rows.end);
}

static size_t unit_rows(const struct weight *weight, size_t active_count, size_t thread_count)
{
    const size_t even = weight->row_count * active_count / (thread_count * UNITS_PER_THREAD);
    const size_t worth = UNIT_BYTES_MIN / (weight->row_bytes + 1);
    const size_t rows = (even > worth ? even : worth) + 1;
    const size_t most = rows < weight->row_count ? rows : weight->row_count;
    return (most + KERNEL_ROW_ALIGN - 1) / KERNEL_ROW_ALIGN * KERNEL_ROW_ALIGN;
}

void op_experts(struct forward *f, const struct op_experts *args)
{
    if (f->row_count == 0)
        return;
    const struct experts_weights *w = args->weights;
    const struct experts_shape *s = &f->model->shape.experts;
    const struct op_product router = {
        .weight = &w->router, .bias = w->router_bias, .out = f->experts->products};
    op_products(f, args->router_input, &router, 1);
    op_rows_run(f, (size_t)s->count * s->used_count, choose_rows, args);
    number_places(f);

    const size_t multiply_adds =
        (size_t)f->row_count * s->used_count * 2 * w->each.up.row_count * w->each.up.column_count;
    const bool is_small = multiply_adds < MULTIPLY_ADDS_MIN;
    const size_t thread_count = is_small ? 1 : f->config.thread_count;
    const struct weight *gate = w->each.gate.data ? &w->each.gate : &w->each.up;
    const struct weight *stacks[] = {gate, &w->each.up, &w->each.down};
    for (size_t i = 0; f->packed && i < ARRAY_LEN(stacks); i++)
        packed_weights_prepare(f->packed, stacks[i]);
    struct experts_job job = {
        .f = f,
        .args = args,
        .kinds = {matmul_of(f, gate), matmul_of(f, &w->each.up)},
        .unit_rows_up = unit_rows(&w->each.up, f->experts->active_count, thread_count),
        .unit_rows_down = unit_rows(&w->each.down, f->experts->active_count, thread_count),
    };
    const size_t active_count = f->experts->active_count;
    op_units_begin(f->units[0], thread_count,
                   active_count * units_of(&w->each.up, job.unit_rows_up));
    op_units_begin(f->units[1], thread_count,
                   active_count * units_of(&w->each.down, job.unit_rows_down));
    if (is_small)
        experts_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, experts_worker, &job);
}

/* ---------------------------------------------------------------- the shared expert */

static void sigmoid_rows(struct forward *f, const struct experts_weights *weights,
                         const float *input)
{
    struct forward_experts *e = f->experts;
    const size_t stride = forward_stride(1);
    const struct op_product product = {.weight = &weights->shared_gate, .out = e->products};
    op_products(f, input, &product, 1);
    for (uint32_t i = 0; i < f->row_count; i++)
        e->shared_scales[i] = 1.0f / (1.0f + vector_exp(-e->products[i * stride]));
}

void op_shared_expert(struct forward *f, const struct experts_weights *weights, const float *input,
                      float *out)
{
    if (!weights->shared.up.data)
        return;
    const bool is_gated = weights->shared_gate.data != NULL;
    if (is_gated)
        sigmoid_rows(f, weights, input);
    op_ffn(f, &(struct op_ffn){.input = input,
                               .weights = &weights->shared,
                               .out = out,
                               .adds = true,
                               .row_scales = is_gated ? f->experts->shared_scales : NULL});
}
