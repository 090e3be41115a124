/*
 * op_experts - a mixture of experts: every token goes through the few experts its router chooses.
 *
 *   out[row] (+)= sum over chosen e of weight_e * down_e * activation(gate_e * x, up_e * x)
 *
 * with x = input[row], expert biases included, chosen and weighted by expert_routing.h from
 * router * router_input[row] (+ bias). Rows are grouped by expert, so that a weight is read once
 * for all rows that use it; a row's outputs are added in ascending order of experts, each by one
 * fused multiply-add. The result of a row does not depend on the other rows.
 *
 * The shared expert, if the layer has one, is added afterwards by op_shared_expert().
 *
 * Threads: the caller's plus the pool of the forward, inside the call.
 * Depends on: model/op.h, model/expert_routing.h. Used by: model/arch_*.c, forward.c.
 */
#pragma once

#include "model/forward.h"
#include "model/model.h"

struct carver;

struct op_experts {
    const struct experts_weights *weights;
    const float *input;        /* [rows][weights->each.up.column_count] */
    const float *router_input; /* [rows][weights->router.column_count]; mostly the input */
    float *out;                /* [rows][weights->each.down.row_count]; not an input */
    bool adds;                 /* to what is in out; otherwise out is overwritten */
};

void op_experts(struct forward *f, const struct op_experts *args);

/* out[row] += (sigmoid(shared_gate * input[row])) shared(input[row]); nothing without a shared
 * expert. input [rows][embd_dim]; uses f->gate, f->up, f->normed as op_ffn() does. */
void op_shared_expert(struct forward *f, const struct experts_weights *weights, const float *input,
                      float *out);

/* Reserves what op_experts() works in for `rows` rows; NULL without experts, or while counting. */
struct forward_experts *op_experts_carve(struct carver *carver, const struct model *model,
                                         uint32_t rows);
