/*
 * What op.h does with heads that each have a matrix of their own (latent attention). Threads take
 * one head after another; which takes it changes no bit.
 */
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "model/op_rows.h"
#include "os/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

enum { MULTIPLY_ADDS_MIN = 1 << 16 }; /* below, waking the threads costs more than the work */

struct heads_job {
    struct forward *f;
    const struct weight *stack;
    bool is_transposed;
    struct op_heads in;
    struct op_heads out;
    atomic_uint next_head;
};

/* The head's part of every row, converted for the kernel, in the thread's scratch. */
static void *stage(const struct heads_job *job, uint32_t head, enum kernel_activation kind,
                   unsigned char *scratch)
{
    const struct forward *f = job->f;
    const size_t bytes = kernel_table_activation_bytes(kind, job->in.head_dim);
    for (uint32_t i = 0; i < f->row_count; i++)
        f->kernels->quantize[kind](job->in.x + i * job->in.row_stride +
                                       (size_t)head * job->in.head_stride,
                                   job->in.head_dim, scratch + i * bytes);
    return scratch;
}

/* out = W in, for one head of all rows. */
static void multiply(const struct heads_job *job, uint32_t head, unsigned char *scratch)
{
    const struct forward *f = job->f;
    const struct weight weight = weight_slice(job->stack, head);
    const struct kernel_matmul *matmul = &f->kernels->matmul[weight.dtype];
    const struct kernel_matmul_args args = {
        .weights = weight.data,
        .activations = stage(job, head, matmul->activation, scratch),
        .out = job->out.x + (size_t)head * job->out.head_stride,
        .activation_stride = kernel_table_activation_bytes(matmul->activation, job->in.head_dim),
        .out_stride = job->out.row_stride,
        .columns = weight.column_count,
        .token_count = f->row_count,
        .row_begin = 0,
        .row_end = weight.row_count,
    };
    matmul->run(&args);
    for (uint32_t i = 0; i < f->row_count; i++)
        weight_scale(&weight, args.out + i * args.out_stride, weight.row_count);
}

/* out = transpose(W) in: the rows of W, each times one number of the input, in ascending order. */
static void multiply_transposed(const struct heads_job *job, uint32_t head, unsigned char *scratch)
{
    const struct forward *f = job->f;
    const struct weight weight = weight_slice(job->stack, head);
    float *values = (float *)(void *)scratch;
    float *out = job->out.x + (size_t)head * job->out.head_stride;
    const float *in = job->in.x + (size_t)head * job->in.head_stride;
    for (uint32_t i = 0; i < f->row_count; i++)
        memset(out + i * job->out.row_stride, 0, weight.column_count * sizeof(*out));
    for (uint32_t r = 0; r < weight.row_count; r++) {
        f->kernels->dequantize_row[weight.dtype](weight.data + r * weight.row_bytes,
                                                 weight.column_count, values);
        for (uint32_t i = 0; i < f->row_count; i++)
            f->kernels->add_scaled(values, in[i * job->in.row_stride + r], weight.column_count,
                                   out + i * job->out.row_stride);
    }
    for (uint32_t i = 0; i < f->row_count; i++)
        weight_scale(&weight, out + i * job->out.row_stride, weight.column_count);
}

static void heads_worker(unsigned index, unsigned count, void *context)
{
    struct heads_job *job = context;
    (void)count;
    unsigned char *scratch = job->f->head_scratch + index * job->f->head_scratch_bytes;
    for (;;) {
        const uint32_t head = atomic_fetch_add_explicit(&job->next_head, 1, memory_order_relaxed);
        if (head >= job->in.head_count)
            return;
        if (job->is_transposed)
            multiply_transposed(job, head, scratch);
        else
            multiply(job, head, scratch);
    }
}

void op_head_products(struct forward *f, const struct weight *stack, bool is_transposed,
                      struct op_heads in, struct op_heads out)
{
    if (f->row_count == 0)
        return;
    DCHECK(stack->slice_count == in.head_count && in.head_count == out.head_count);
    DCHECK((is_transposed ? stack->row_count : stack->column_count) == in.head_dim);
    DCHECK((is_transposed ? stack->column_count : stack->row_count) == out.head_dim);
    struct heads_job job = {
        .f = f, .stack = stack, .is_transposed = is_transposed, .in = in, .out = out};
    const size_t multiply_adds = (size_t)f->row_count * in.head_count * in.head_dim * out.head_dim;
    if (multiply_adds < MULTIPLY_ADDS_MIN)
        heads_worker(0, 1, &job);
    else
        worker_pool_run(f->workers, heads_worker, &job);
}

struct copy_args {
    struct op_heads from;
    struct op_heads to;
};

static void copy_rows(struct forward *f, uint32_t begin, uint32_t end, const void *args)
{
    const struct copy_args *a = args;
    (void)f;
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t h = 0; h < a->from.head_count; h++)
            memcpy(a->to.x + i * a->to.row_stride + (size_t)h * a->to.head_stride,
                   a->from.x + i * a->from.row_stride + (size_t)h * a->from.head_stride,
                   a->from.head_dim * sizeof(float));
}

void op_heads_copy(struct forward *f, struct op_heads from, struct op_heads to)
{
    DCHECK(from.head_count == to.head_count && from.head_dim == to.head_dim);
    const struct copy_args args = {.from = from, .to = to};
    op_rows_run(f, (size_t)from.head_count * from.head_dim, copy_rows, &args);
}
