/*
 * The products of op.h: convert the input once, multiply, and finish the columns just made (bias,
 * residual sum, activation) while they are in the cache.
 *
 * The work is cut into units of result rows, which the threads share (op_units.h): a slow or busy
 * core takes fewer. Which thread computes a unit changes no bit of it.
 */
#include "base/attr.h"
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "model/op_rows.h"
#include "model/op_units.h"
#include "model/packed_weights.h"
#include "os/worker_pool.h"

enum {
    MULTIPLY_ADDS_MIN = 1 << 16, /* in all; below, waking the threads costs more than the work */
    UNITS_PER_THREAD = 16,       /* so that the last one leaves the others idle for little */
    UNIT_BYTES_MIN = 64 << 10,   /* of weights: one stream of memory for a while */
};

enum finish { FINISH_NOTHING, FINISH_ADD, FINISH_ACTIVATE };

struct products_job {
    struct forward *f;
    const float *input;
    size_t columns; /* of the input */
    const struct op_product *products;
    size_t product_count;
    enum finish finish;
    float *sum;              /* FINISH_ADD */
    const float *row_scales; /* of what is added; NULL: 1 */
    bool needs_kind[KERNEL_ACTIVATION_COUNT];
    bool converts_in_workers;
    size_t unit_rows;
    size_t unit_count;
};

static void convert_rows(const struct products_job *job, size_t begin, size_t end)
{
    struct forward *f = job->f;
    const size_t stride = forward_stride(job->columns);
    for (int kind = 0; kind < KERNEL_ACTIVATION_COUNT; kind++) {
        if (!job->needs_kind[kind] || kind == KERNEL_ACTIVATION_F32) /* that is the input itself */
            continue;
        const size_t bytes =
            kernel_table_activation_bytes((enum kernel_activation)kind, job->columns);
        for (size_t i = begin; i < end; i++)
            f->kernels->quantize[kind](job->input + i * stride, job->columns,
                                       f->quantized[kind] + i * bytes);
    }
}

static void multiply(const struct products_job *job, const struct op_product *product,
                     struct worker_share share)
{
    struct forward *f = job->f;
    const struct weight *weight = product->weight;
    const struct kernel_matmul *matmul = &f->kernels->matmul[weight->dtype];
    const size_t stride = forward_stride(weight->row_count);
    const struct kernel_matmul_args args = {
        .weights = weight->data,
        .activations = matmul->activation == KERNEL_ACTIVATION_F32
                           ? (const void *)job->input
                           : f->quantized[matmul->activation],
        .out = product->out,
        .activation_stride = kernel_table_activation_bytes(matmul->activation, job->columns),
        .out_stride = stride,
        .columns = job->columns,
        .token_count = f->row_count,
        .row_begin = share.begin,
        .row_end = share.end,
    };
    packed_weights_multiply(f->packed, f->kernels, weight, &args);
    if (!product->bias && !weight->scales)
        return;
    for (uint32_t i = 0; i < f->row_count; i++) {
        float *out = product->out + i * stride + share.begin;
        weight_scale(weight, out, share.end - share.begin);
        if (product->bias)
            f->kernels->add(out, product->bias + share.begin, share.end - share.begin, out);
    }
}

static void finish(const struct products_job *job, struct worker_share share)
{
    struct forward *f = job->f;
    const size_t stride = forward_stride(job->products[0].weight->row_count);
    const size_t n = share.end - share.begin;
    for (uint32_t i = 0; i < f->row_count; i++) {
        const size_t at = i * stride + share.begin;
        float *first = job->products[0].out + at;
        if (job->finish == FINISH_ACTIVATE)
            op_activate(f, first, job->product_count > 1 ? job->products[1].out + at : NULL, n);
        else if (job->row_scales)
            f->kernels->add_scaled(first, job->row_scales[i], n, job->sum + at);
        else
            f->kernels->add(job->sum + at, first, n, job->sum + at);
    }
}

/* Units of one product; an activation needs the same rows of both in one unit. */
static size_t units_of(const struct products_job *job, size_t product)
{
    return (job->products[product].weight->row_count + job->unit_rows - 1) / job->unit_rows;
}

static struct worker_share rows_of_unit(const struct products_job *job, size_t product, size_t unit)
{
    const size_t row_count = job->products[product].weight->row_count;
    const size_t begin = unit * job->unit_rows;
    const size_t end = begin + job->unit_rows;
    return (struct worker_share){.begin = begin, .end = end < row_count ? end : row_count};
}

static void run_unit(const struct products_job *job, size_t unit)
{
    size_t product = 0;
    size_t last = 0;
    if (job->finish == FINISH_ACTIVATE)
        last = job->product_count - 1;
    else
        for (; unit >= units_of(job, product); product++, last++)
            unit -= units_of(job, product);
    const struct worker_share rows = rows_of_unit(job, product, unit);
    for (; product <= last; product++)
        multiply(job, &job->products[product], rows);
    if (job->finish != FINISH_NOTHING)
        finish(job, rows);
}

static void products_worker(unsigned index, unsigned count, void *context)
{
    struct products_job *job = context;
    if (job->converts_in_workers) {
        const struct worker_share rows = worker_pool_share(job->f->row_count, 1, index, count);
        convert_rows(job, rows.begin, rows.end);
        worker_pool_barrier(job->f->workers);
    }
    for (size_t unit = 0; op_units_take(job->f->units[0], count, index, &unit);)
        run_unit(job, unit);
}

/* Chooses the size of units for `thread_count` threads. */
static void cut_units(struct products_job *job, size_t thread_count)
{
    const bool is_fused = job->finish == FINISH_ACTIVATE;
    size_t row_count = 0;
    size_t row_bytes = 1; /* of the widest row */
    for (size_t i = 0; i < job->product_count; i++) {
        const struct weight *weight = job->products[i].weight;
        row_count += i == 0 || !is_fused ? weight->row_count : 0;
        row_bytes = weight->row_bytes > row_bytes ? weight->row_bytes : row_bytes;
    }
    const size_t even = row_count / (thread_count * UNITS_PER_THREAD);
    const size_t worth = UNIT_BYTES_MIN / row_bytes;
    const size_t rows = (even > worth ? even : worth) + 1;
    job->unit_rows = (rows + KERNEL_ROW_ALIGN - 1) / KERNEL_ROW_ALIGN * KERNEL_ROW_ALIGN;
    for (size_t i = 0; i < (is_fused ? 1 : job->product_count); i++)
        job->unit_count += units_of(job, i);
}

static void run(struct products_job *job)
{
    struct forward *f = job->f;
    if (f->row_count == 0)
        return;
    job->columns = job->products[0].weight->column_count;
    size_t multiply_adds = 0;
    for (size_t i = 0; i < job->product_count; i++) {
        const struct weight *weight = job->products[i].weight;
        DCHECK(weight->column_count == job->columns);
        job->needs_kind[f->kernels->matmul[weight->dtype].activation] = true;
        if (f->packed)
            packed_weights_prepare(f->packed, weight);
        multiply_adds += (size_t)weight->row_count * weight->column_count * f->row_count;
    }
    DCHECK(kernel_table_activation_bytes(KERNEL_ACTIVATION_F32, job->columns) ==
           forward_stride(job->columns) * sizeof(float));
    const bool is_small = multiply_adds < MULTIPLY_ADDS_MIN;
    job->converts_in_workers = f->row_count > 1 && !is_small;
    if (!job->converts_in_workers)
        convert_rows(job, 0, f->row_count);
    const uint32_t thread_count = is_small ? 1 : f->config.thread_count;
    cut_units(job, thread_count);
    op_units_begin(f->units[0], thread_count, job->unit_count);
    if (is_small)
        products_worker(0, 1, job);
    else
        worker_pool_run(f->workers, products_worker, job);
}

void op_products(struct forward *f, const float *input, const struct op_product *products,
                 size_t count)
{
    struct products_job job = {
        .f = f, .input = input, .products = products, .product_count = count};
    run(&job);
}

static void product_add(struct forward *f, const float *input, const struct op_product *product,
                        const float *row_scales, float *sum)
{
    struct products_job job = {.f = f,
                               .input = input,
                               .products = product,
                               .product_count = 1,
                               .finish = FINISH_ADD,
                               .sum = sum,
                               .row_scales = row_scales};
    run(&job);
}

void op_product_add(struct forward *f, const float *input, const struct weight *weight,
                    const float *bias, float *sum)
{
    const struct op_product product = {.weight = weight, .bias = bias, .out = f->normed};
    product_add(f, input, &product, NULL, sum);
}

/* ---------------------------------------------------------------- feed-forward */

void op_activate(const struct forward *f, float *gate, const float *up, size_t n)
{
    const struct kernel_table *kernels = f->kernels;
    switch (f->model->shape.activation) {
    case FFN_SILU_GATED: kernels->swiglu(gate, up, n, gate); break;
    case FFN_GELU_GATED: kernels->geglu(gate, up, n, gate); break;
    case FFN_CLAMPED_GATED: kernels->swiglu_clamped(gate, up, n, gate); break;
    case FFN_RELU_SQUARED: kernels->relu_squared(gate, n, gate); break;
    case FFN_GELU: kernels->gelu(gate, n, gate); break;
    }
}

void op_ffn(struct forward *f, const struct op_ffn *args)
{
    const struct ffn_weights *w = args->weights;
    const struct op_product products[] = {
        {.weight = &w->gate, .bias = w->gate_bias, .out = f->gate},
        {.weight = &w->up, .bias = w->up_bias, .out = f->up},
    };
    const struct op_product no_gate = {.weight = &w->up, .bias = w->up_bias, .out = f->gate};
    const bool has_gate = model_shape_has_gate(&f->model->shape);
    struct products_job job = {.f = f,
                               .input = args->input,
                               .products = has_gate ? products : &no_gate,
                               .product_count = has_gate ? ARRAY_LEN(products) : 1,
                               .finish = FINISH_ACTIVATE};
    run(&job);
    struct op_product down = {.weight = &w->down, .bias = w->down_bias, .out = f->normed};
    if (args->adds) {
        product_add(f, f->gate, &down, args->row_scales, args->out);
    } else {
        down.out = args->out;
        op_products(f, f->gate, &down, 1);
    }
}
