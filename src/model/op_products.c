/*
 * The products of op.h: convert the input once, multiply, and finish each thread's own columns
 * (bias, residual sum, SwiGLU) while they are in its cache.
 */
#include "base/attr.h"
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "os/worker_pool.h"

/* Below this many multiply-adds in all, waking the threads costs more than the work. */
enum { MULTIPLY_ADDS_MIN = 1 << 16 };

enum finish { FINISH_NOTHING, FINISH_ADD, FINISH_SWIGLU };

struct products_job {
    struct forward *f;
    const float *input;
    size_t columns; /* of the input */
    const struct op_product *products;
    size_t product_count;
    enum finish finish;
    float *sum; /* FINISH_ADD */
    bool needs_kind[KERNEL_ACTIVATION_COUNT];
    bool converts_in_workers;
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
    matmul->run(&args);
    if (!product->bias)
        return;
    for (uint32_t i = 0; i < f->row_count; i++) {
        float *out = product->out + i * stride + share.begin;
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
        if (job->finish == FINISH_ADD)
            f->kernels->add(job->sum + at, first, n, job->sum + at);
        else
            f->kernels->swiglu(first, job->products[1].out + at, n, first);
    }
}

static void products_worker(unsigned index, unsigned count, void *context)
{
    const struct products_job *job = context;
    if (job->converts_in_workers) {
        const struct worker_share rows = worker_pool_share(job->f->row_count, 1, index, count);
        convert_rows(job, rows.begin, rows.end);
        worker_pool_barrier(job->f->workers);
    }
    struct worker_share share = {0};
    for (size_t i = 0; i < job->product_count; i++) {
        share =
            worker_pool_share(job->products[i].weight->row_count, KERNEL_ROW_ALIGN, index, count);
        if (share.begin < share.end)
            multiply(job, &job->products[i], share);
    }
    if (job->finish != FINISH_NOTHING && share.begin < share.end)
        finish(job, share);
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
        DCHECK(kernel_table_activation_bytes(KERNEL_ACTIVATION_F32, job->columns) ==
               forward_stride(job->columns) * sizeof(float));
        job->needs_kind[f->kernels->matmul[weight->dtype].activation] = true;
        multiply_adds += (size_t)weight->row_count * weight->column_count * f->row_count;
    }
    if (multiply_adds < MULTIPLY_ADDS_MIN) {
        convert_rows(job, 0, f->row_count);
        products_worker(0, 1, job);
        return;
    }
    job->converts_in_workers = f->row_count > 1;
    if (!job->converts_in_workers)
        convert_rows(job, 0, f->row_count);
    worker_pool_run(f->workers, products_worker, job);
}

void op_products(struct forward *f, const float *input, const struct op_product *products,
                 size_t count)
{
    struct products_job job = {
        .f = f, .input = input, .products = products, .product_count = count};
    run(&job);
}

void op_product_add(struct forward *f, const float *input, const struct weight *weight,
                    const float *bias, float *sum)
{
    const struct op_product product = {.weight = weight, .bias = bias, .out = f->normed};
    struct products_job job = {.f = f,
                               .input = input,
                               .products = &product,
                               .product_count = 1,
                               .finish = FINISH_ADD,
                               .sum = sum};
    run(&job);
}

void op_swiglu_products(struct forward *f, const float *input, const struct weight *gate,
                        const struct weight *up)
{
    const struct op_product products[] = {{.weight = gate, .out = f->gate},
                                          {.weight = up, .out = f->up}};
    struct products_job job = {.f = f,
                               .input = input,
                               .products = products,
                               .product_count = ARRAY_LEN(products),
                               .finish = FINISH_SWIGLU};
    run(&job);
}
