/*
 * tensor - a typed view of numbers with a name and a shape. Owns nothing.
 *
 * dims[0] is the fastest dimension: the columns of one row. A weight that maps n inputs to m
 * outputs has dims {n, m}: m rows of n columns. Dimensions past dim_count are 1, so that products
 * over all four are always right.
 *
 * Threads: any; nobody changes a tensor. Depends on: base/. Used by: gguf/, model/, kernel/.
 */
#pragma once

#include "base/str.h"
#include "tensor/dtype.h"

enum { TENSOR_DIMS_MAX = 4 };

struct tensor {
    struct str name; /* lives as long as the file it comes from */
    enum dtype dtype;
    uint32_t dim_count; /* 1..TENSOR_DIMS_MAX */
    uint64_t dims[TENSOR_DIMS_MAX];
    const void *data;  /* rows one after another, without padding */
    size_t byte_count; /* of data: rows * dtype_row_bytes */
};

/* Number of rows: product of all dimensions but the first. */
static inline uint64_t tensor_row_count(const struct tensor *tensor)
{
    return tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
}

static inline uint64_t tensor_element_count(const struct tensor *tensor)
{
    return tensor->dims[0] * tensor_row_count(tensor);
}

/* Bytes from one row to the next. */
static inline size_t tensor_row_bytes(const struct tensor *tensor)
{
    return tensor->byte_count / tensor_row_count(tensor);
}

/* First byte of row `row` (< tensor_row_count). */
static inline const void *tensor_row(const struct tensor *tensor, uint64_t row)
{
    return (const unsigned char *)tensor->data + row * tensor_row_bytes(tensor);
}

/* Bytes of a tensor of this type and shape, checked: false when a dimension is 0, dims[0] is no
 * multiple of the block length, or the count passes TENSOR_ELEMENTS_MAX or SIZE_MAX bytes. */
bool tensor_byte_count(enum dtype dtype, uint32_t dim_count, const uint64_t *dims,
                       size_t *out_byte_count);

#define TENSOR_ELEMENTS_MAX (UINT64_C(1) << 62)
