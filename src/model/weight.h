/*
 * weight - one matrix of a model as it lies in the file: a borrowed view.
 *
 * [row_count][column_count], rows one after another; a row is column_count values in blocks of the
 * element type. Products are out[row] = sum over columns of weight[row][column] * x[column].
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
};
