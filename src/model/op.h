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

/* One product of op_products(): out[row] = weight * input[row] (+ bias). */
struct op_product {
    const struct weight *weight;
    const float *bias; /* [weight->row_count], or NULL */
    float *out;        /* [rows][weight->row_count] */
};

/* out[row] = the table's row of the token; [rows][table->column_count]. */
void op_embed(struct forward *f, const struct weight *table, float *out);

/* out[row] = RMS norm of x[row], times weight; [rows][embd_dim]. */
void op_norm(struct forward *f, const float *x, const float *weight, float *out);

/* The same for each head of x [rows][head_count][head_dim], in place; weight [head_dim]. */
void op_norm_heads(struct forward *f, float *x, uint32_t head_count, const float *weight);

/* Products of one input [rows][columns], which is converted for the kernels once. */
void op_products(struct forward *f, const float *input, const struct op_product *products,
                 size_t count);

/* sum[row] += weight * input[row] (+ bias). Uses f->normed for the product: [rows][embd_dim]. */
void op_product_add(struct forward *f, const float *input, const struct weight *weight,
                    const float *bias, float *sum);

/* f->gate[row] = silu(gate * input[row]) times (up * input[row]), element by element; f->up is
 * overwritten. */
void op_swiglu_products(struct forward *f, const float *input, const struct weight *gate,
                        const struct weight *up);

/* Rotates x [rows][head_count][head_dim] by each row's position. */
void op_rope_pairs(struct forward *f, float *x, uint32_t head_count);
void op_rope_halves(struct forward *f, float *x, uint32_t head_count);

/* Writes f->k and f->v of every row into the pages of its sequence. */
void op_kv_store(struct forward *f, uint32_t layer);

/* f->mixed[row] = attention of f->q[row] over the stored keys and values of its sequence at
 * positions up to its own. */
void op_attend(struct forward *f, uint32_t layer);

/* Drops the rows whose logits nobody wants, from f->rows, f->x and f->q: in the last layer, once
 * keys and values are stored, nothing else depends on them. */
void op_keep_wanted_rows(struct forward *f);
