/*
 * weight - one matrix of a model as it lies in the file: a borrowed view.
 *
 * [row_count][column_count], rows one after another; a row is column_count values in blocks of the
 * element type. Products are out[row] = sum over columns of weight[row][column] * x[column].
 *
 * A tensor of three dimensions (one matrix per expert, or per head) is a stack of slices of that
 * shape, slice_bytes apart; weight_slice() takes one out.
 */
#pragma once

#include "tensor/dtype.h"

#include <stddef.h>
#include <stdint.h>

struct weight {
    const unsigned char *data;
    size_t row_bytes;
    uint32_t row_count;
    uint32_t column_count;
    enum dtype dtype;
    uint32_t slice_count; /* 1: a plain matrix; 0: the model has no such weight */
    size_t slice_bytes;   /* from one slice to the next */
    uint32_t id;          /* of the matrix or stack in its model, from 0; see packed_weights.h */
    uint32_t slice;       /* of its stack, after weight_slice() */
    const float *scales;  /* [slice_count] factors of a slice's products; NULL: none (1) */
};

/* Slice `slice` (< slice_count) as a plain matrix; slice_count stays that of the stack. */
static inline struct weight weight_slice(const struct weight *weight, uint32_t slice)
{
    struct weight one = *weight;
    one.data += slice * weight->slice_bytes;
    one.slice = slice;
    if (one.scales)
        one.scales += slice;
    return one;
}

/* Finishes products of a plain matrix: out[i] times its factor, if it has one. */
static inline void weight_scale(const struct weight *weight, float *out, size_t n)
{
    for (size_t i = 0; weight->scales && i < n; i++)
        out[i] *= weight->scales[0];
}
