/*
 * op_rows - what operations share: spreading one that treats every row alike, activations; inside
 * model/op*.c only.
 */
#pragma once

#include "model/forward.h"

/* Below this many values in all, waking the threads costs more than the work. */
enum { OP_ROWS_VALUES_MIN = 16384 };

/* Does rows [begin, end). */
typedef void(op_rows_fn)(struct forward *f, uint32_t begin, uint32_t end, const void *args);

/* Calls fn for all rows of f, in shares of the compute threads when there is enough to do. */
void op_rows_run(struct forward *f, size_t values_per_row, op_rows_fn *fn, const void *args);

/* gate[i] = the shape's activation of gate[i] and up[i]; without gate, of gate[i] alone. */
void op_activate(const struct forward *f, float *gate, const float *up, size_t n);
