/*
 * recurrent_shape - what the recurrent layers of a model remember, and how it lies in memory.
 *
 * All recurrent layers of a model are alike. The state of one sequence is
 *     [layer_count] of  convolution [conv_width - 1][conv_channels], rounded up to 16 floats
 *                       matrices    [head_count][value_dim / 16][key_dim][16]
 * in f32; see kernel_conv_args and kernel_recurrence_args.
 *
 * Threads: a shape never changes after it was read.
 * Depends on: base/, model/shape_reader. Used by: model_shape.h, op_recurrent.c, infer/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shape_reader;

enum {
    RECURRENT_DIM_MAX = 1 << 10,      /* of keys and of values */
    RECURRENT_CHANNELS_MAX = 1 << 19, /* of a convolution */
};

struct recurrent_shape {
    uint32_t conv_width; /* tokens a convolution sees; 0: the model has no recurrent layers */
    uint32_t conv_channels;
    uint32_t head_count;  /* matrices of a layer; 0: only a convolution */
    uint32_t group_count; /* of queries and keys; divides head_count */
    uint32_t key_dim;     /* a matrix is [key_dim][value_dim], both multiples of 16 */
    uint32_t value_dim;
    bool groups_repeat; /* head h uses group h mod group_count, else consecutive heads share one */
    uint32_t layer_count; /* model_shape_finish() counts them */
};

/* Reads the ssm.* keys: heads with matrices, and a convolution over values, keys and queries. */
MUST_USE enum status recurrent_shape_read_ssm(const struct shape_reader *reader,
                                              struct recurrent_shape *out, struct error *err);

/* Reads shortconv.l_cache: only a convolution, of `channel_count` channels. */
MUST_USE enum status recurrent_shape_read_conv(const struct shape_reader *reader,
                                               uint32_t channel_count, struct recurrent_shape *out,
                                               struct error *err);

static inline size_t recurrent_shape_conv_floats(const struct recurrent_shape *s)
{
    const size_t floats = s->conv_width ? (size_t)(s->conv_width - 1) * s->conv_channels : 0;
    return (floats + 15) / 16 * 16;
}

static inline size_t recurrent_shape_layer_floats(const struct recurrent_shape *s)
{
    return recurrent_shape_conv_floats(s) + (size_t)s->head_count * s->key_dim * s->value_dim;
}

/* Of one sequence; 0 without recurrent layers. Cannot overflow: every factor has its _MAX. */
static inline size_t recurrent_shape_floats(const struct recurrent_shape *s)
{
    return s->layer_count * recurrent_shape_layer_floats(s);
}
