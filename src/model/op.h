/*
 * op - the operations a model family is written with: plain calls over all rows of a slice.
 *
 * Each call reads and writes buffers of `struct forward` and spreads its work over the compute
 * threads: over rows and columns of its result, never over a sum, so the number of threads changes
 * no bit. A row's result does not depend on the other rows. With no rows left a call does nothing.
 *
 * Shapes: [rows] is f->row_count; rows of n floats are forward_stride(n) floats apart.
 *
 * Threads: the caller's plus the pool of the forward, inside the call.
 * Depends on: kernel/, os/worker_pool, model/forward.h. Used by: model/arch_*.c.
 */
#pragma once

#include "model/forward.h"
#include "model/weight.h"

struct ffn_weights;

/* One product of op_products(): out[row] = weight * input[row] (+ bias). */
struct op_product {
    const struct weight *weight;
    const float *bias; /* [weight->row_count], or NULL */
    float *out;        /* [rows][weight->row_count] */
};

/* out[row] = the table's row of the token; [rows][table->column_count]. */
void op_embed(struct forward *f, const struct weight *table, float *out);

/* sum[row] += table[number of the row]; [rows][columns]. The number is the row's position, or its
 * segment, the last of the model's where it has fewer. */
enum op_row_number { OP_ROW_POSITION, OP_ROW_SEGMENT };
void op_add_numbered(struct forward *f, const float *table, enum op_row_number number,
                     uint32_t columns, float *sum);

/* out[row] = RMS norm of x[row], times weight; [rows][embd_dim]. */
void op_norm(struct forward *f, const float *x, const float *weight, float *out);

/* out[row] = layer norm of x[row], times weight, plus bias; [rows][embd_dim]; out may be x. */
void op_layer_norm(struct forward *f, const float *x, const float *weight, const float *bias,
                   float *out);

/* Heads inside rows: head h of row i is head_dim floats at x + i * row_stride + h * head_stride. */
struct op_heads {
    float *x;
    size_t row_stride;
    uint32_t head_stride;
    uint32_t head_count;
    uint32_t head_dim;
};

/* Heads that fill their rows: x [rows][head_count][head_dim]. */
static inline struct op_heads op_heads(float *x, uint32_t head_count, uint32_t head_dim)
{
    return (struct op_heads){.x = x,
                             .row_stride = forward_stride((size_t)head_count * head_dim),
                             .head_stride = head_dim,
                             .head_count = head_count,
                             .head_dim = head_dim};
}

/* Numbers [begin, begin + count) of each head. */
static inline struct op_heads op_heads_part(struct op_heads heads, uint32_t begin, uint32_t count)
{
    heads.x += begin;
    heads.head_dim = count;
    return heads;
}

/* to = from, for all rows; as many heads of the same length. */
void op_heads_copy(struct forward *f, struct op_heads from, struct op_heads to);

/* out = W * in for each head, with a slice of `stack` for each; with `is_transposed` its transpose.
 * Needs shape.latent; in and out must not overlap. */
void op_head_products(struct forward *f, const struct weight *stack, bool is_transposed,
                      struct op_heads in, struct op_heads out);

/* RMS norm of each head on its own, in place, times weight [head_dim] (NULL: 1). */
void op_norm_heads(struct forward *f, struct op_heads heads, const float *weight);

/* Products of one input [rows][columns], which is converted for the kernels once. */
void op_products(struct forward *f, const float *input, const struct op_product *products,
                 size_t count);

/* sum[row] += weight * input[row] (+ bias). Uses f->normed for the product: [rows][embd_dim]. */
void op_product_add(struct forward *f, const float *input, const struct weight *weight,
                    const float *bias, float *sum);

/* out[row] (+)= down * activation(gate * input[row], up * input[row]), biases included; the
 * activation is the shape's. [rows][w->down.row_count]. With `adds` the result is added to out,
 * after it was multiplied by row_scales[row] (NULL: 1). Uses f->gate, f->up and f->normed, which
 * may be the input; out may be f->normed unless `adds`. */
struct op_ffn {
    const float *input;
    const struct ffn_weights *weights;
    float *out;
    bool adds;
    const float *row_scales;
};
void op_ffn(struct forward *f, const struct op_ffn *args);

/* sum[row] += scale * x[row], [rows][columns]; by a plain addition when the scale is 1. */
void op_add(struct forward *f, const float *x, uint32_t columns, float scale, float *sum);

/* x[row] *= scale, [rows][columns]. */
void op_scale(struct forward *f, float *x, uint32_t columns, float scale);

/* Rotates heads by each row's position, as the layer's shape says; without rotation it does
 * nothing. */
void op_rope(struct forward *f, uint32_t layer, struct op_heads heads);

/* x[row] = softcap * tanh(x[row] / softcap), [rows][columns]; tanh by exp as in kernel_table.h. */
void op_softcap(struct forward *f, float *x, uint32_t columns, float softcap);

/* Multiplies heads by 1 + temperature_scale * log(floor(position / temperature_length) + 1), the
 * attention temperature of Llama 4; without a scale in the shape it does nothing. */
void op_temperature(struct forward *f, struct op_heads heads);

/* Writes f->k and f->v (unless values lie in the keys) of every row into the pages of its
 * sequence. */
void op_kv_store(struct forward *f, uint32_t layer);

/* f->mixed[row] = attention of f->q[row] over the stored keys and values of its sequence at
 * positions up to its own. */
void op_attend(struct forward *f, uint32_t layer);

/* Rows that op_keep_wanted_rows() moves. */
struct op_rows {
    float *x; /* [rows][columns] */
    size_t columns;
};

/* Drops the rows whose logits nobody wants, from f->rows, their angles, f->x and `moved`: in the
 * last layer, once keys and values are stored, nothing else depends on them. */
void op_keep_wanted_rows(struct forward *f, const struct op_rows *moved, size_t count);
