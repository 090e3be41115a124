/*
 * op_recurrent - the operations of layers that remember by a state instead of keys and values.
 *
 * A state is updated token by token, in order, in every mode: the rows of one sequence in a slice
 * are one run after another, and the threads split channels, heads and columns of states, never
 * tokens or sums. States lie where forward_row.state says, in the layout of recurrent_shape.h.
 *
 * Most arguments are parts of rows: a pointer into row 0 and the floats from one row to the next.
 *
 * Threads: the caller's plus the pool of the forward, inside the call.
 * Depends on: model/op.h. Used by: the families with recurrent layers.
 */
#pragma once

#include "model/op.h"

/* Columns of a buffer with one row per token. */
struct op_part {
    float *x; /* the first column of row 0 */
    size_t stride;
};

/* Causal convolution of shape.recurrent.conv_channels channels in place, over the layer's last
 * inputs, which it keeps: kernel_conv_args. */
struct op_conv {
    struct op_part channels;
    const float *weights; /* [conv_width][conv_channels] */
    const float *bias;    /* [conv_channels] or NULL */
    bool has_silu;
};

void op_conv(struct forward *f, uint32_t layer, const struct op_conv *args);

enum op_recurrence_rule { OP_RECURRENCE_DELTA, OP_RECURRENCE_SSM };

/* The recurrence of kernel_recurrence_args for every head of the layer. */
struct op_recurrence {
    enum op_recurrence_rule rule;
    struct op_part queries; /* [rows][group_count][key_dim] */
    struct op_part keys;    /* the same; same stride */
    struct op_part values;  /* [rows][head_count][value_dim]; same stride */
    struct op_part decays;  /* [rows][head_count] */
    struct op_part gains;   /* [rows][head_count]; same stride as decays */
    struct op_part out;     /* [rows][head_count][value_dim] */
    const float *factors;   /* [head_count], or NULL: factor */
    float factor;
};

void op_recurrence(struct forward *f, uint32_t layer, const struct op_recurrence *args);

/*
 * Rows that are drafts (forward_row.draft) go through a copy of the state: op_conv() and
 * op_recurrence() keep what such a row feeds into each layer instead. op_drafts_take() then moves
 * `state` behind the first `count` drafts of a run that begins at place `first`: only the
 * recurrences run again, to the same bits. Until the next slice with drafts in these places.
 */
void op_drafts_take(struct forward *f, float *state, uint32_t first, uint32_t count);

struct carver;
struct recurrent_shape;

/* For forward.c: memory of config->draft_rows_max drafts; NULL without recurrent layers. */
struct forward_drafts *op_drafts_carve(struct carver *carver, const struct recurrent_shape *shape,
                                       const struct forward_config *config);

/* The gates of a recurrence from `x` [rows][count]: kernel_table_decay_gates(); steps may have a
 * NULL pointer: they are not wanted. */
struct op_decay_gates {
    struct op_part x;
    const float *bias; /* [count] */
    const float *a;    /* [count] */
    struct op_part steps;
    struct op_part decays;
    uint32_t count;
};

void op_decay_gates(struct forward *f, const struct op_decay_gates *args);

/* x = 1 / (1 + exp(-x)), [rows][count]. */
void op_sigmoid(struct forward *f, struct op_part x, uint32_t count);

/* Divides each head by its length (not below the norm's epsilon), in place. */
void op_l2_norm_heads(struct forward *f, struct op_heads heads);

/* RMS norm of each head on its own, in place; each has weights of its own: [head_count][head_dim].
 */
void op_norm_groups(struct forward *f, struct op_heads heads, const float *weights);

/* out = x (op) y by one of the kernels, [rows][columns]; out may be x or y. */
void op_combine(struct forward *f, kernel_binary_fn *combine, struct op_part x, struct op_part y,
                struct op_part out, uint32_t columns);
