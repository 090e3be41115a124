/*
 * carver - hands out parts of one block of memory, or counts what they would need; inside model/
 * only.
 *
 * The same code runs twice: first without a block, to learn its size, then with it.
 */
#pragma once

#include "model/forward.h"

enum { CARVER_ALIGNMENT = 64 };

struct carver {
    unsigned char *next; /* NULL: only count */
    size_t used_bytes;
};

static inline void *carver_take(struct carver *carver, size_t size)
{
    size = (size + CARVER_ALIGNMENT - 1) / CARVER_ALIGNMENT * CARVER_ALIGNMENT;
    unsigned char *part = carver->next;
    carver->used_bytes += size;
    if (part)
        carver->next += size;
    return part;
}

/* [row_count][columns] floats, rows forward_stride(columns) apart. */
static inline float *carver_rows(struct carver *carver, size_t row_count, size_t columns)
{
    return carver_take(carver, row_count * forward_stride(columns) * sizeof(float));
}
