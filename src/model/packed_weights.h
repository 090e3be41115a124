/*
 * packed_weights - the weights of a model in the layout that kernels read fastest
 * (kernel/packed.h), made on the way: a step packs rows just before it multiplies them.
 *
 * A long prompt packs all it touches; a first step of few rows packs nothing, so that the first
 * answer does not wait, and the next ones an eighth of the weights each. Until then, and where
 * memory for it cannot be had, products read the file. Packed or not, a product is the same bits
 * (kernel_table.h), so nothing else need know. Pages of the file whose weights are packed are given
 * back.
 *
 * Threads: prepare() by one; multiply() by the compute threads, each with rows of its own. A step
 * is seen as a whole by the next one (worker_pool).
 * Depends on: kernel/, os/memory, model/. Used by: model/op_products.c, op_experts.c, forward.c.
 */
#pragma once

#include "base/error.h"
#include "model/weight.h"

#include <stddef.h>
#include <stdint.h>

struct kernel_matmul_args;
struct kernel_table;
struct model;
struct packed_weights;

/* Borrows both. Reserves nothing but a table: E_NO_MEMORY. */
MUST_USE enum status packed_weights_new(const struct model *model,
                                        const struct kernel_table *kernels,
                                        struct packed_weights **out, struct error *err);
void packed_weights_free(struct packed_weights *packed); /* NULL is allowed */

/* A step of `row_count` rows begins. */
void packed_weights_begin(struct packed_weights *packed, uint32_t row_count);

/* Before a product with `weight`, in no worker: reserves the memory. */
void packed_weights_prepare(struct packed_weights *packed, const struct weight *weight);

/* Rows [args->row_begin, args->row_end) of a plain matrix (weight_slice() of a stack); row_begin is
 * a multiple of KERNEL_ROW_ALIGN. `packed` may be NULL: then nothing is packed. */
void packed_weights_multiply(struct packed_weights *packed, const struct kernel_table *kernels,
                             const struct weight *weight, const struct kernel_matmul_args *args);

/* Bytes that are packed. */
uint64_t packed_weights_bytes(const struct packed_weights *packed);
