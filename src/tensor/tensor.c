/* tensor - sizes of shapes, with every product checked. */
#include "tensor/tensor.h"

bool tensor_byte_count(enum dtype dtype, uint32_t dim_count, const uint64_t *dims,
                       size_t *out_byte_count)
{
    const struct dtype_info *info = dtype_find((uint32_t)dtype);
    if (!info || dim_count < 1 || dim_count > TENSOR_DIMS_MAX)
        return false;

    uint64_t elements = 1;
    for (uint32_t i = 0; i < dim_count; i++) {
        if (dims[i] == 0 || dims[i] > TENSOR_ELEMENTS_MAX / elements)
            return false;
        elements *= dims[i];
    }
    const uint64_t row_bytes = dtype_row_bytes(info, dims[0]);
    uint64_t bytes = 0;
    if (row_bytes == 0 || __builtin_mul_overflow(row_bytes, elements / dims[0], &bytes) ||
        bytes > SIZE_MAX)
        return false;
    *out_byte_count = (size_t)bytes;
    return true;
}
