/*
 * attend_code_tiles - attention over codes around the arithmetic of one instruction set: which rows
 * are worked on together, which blocks they see, and for which bits code is made.
 *
 * A file of an instruction set defines, before it includes this:
 *
 *   ROWS            rows of a tile, at most 4
 *   struct rows     query, begin, end and partial of the rows, each [ROWS]
 *   struct tables   what codes are looked up in
 *   load_tables()   of the kinds of `args`
 *   quantize()      one query into an element of rows.query
 *   attend_block()  one block for `count` rows; `count` and the bits are constants
 *
 * and gets attend_code(), a kernel_attend_fn. Everything is inlined into it.
 */
#pragma once

#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/unroll.h"

TEMPLATE void attend_rows(const struct kernel_attend_args *args, const struct rows *rows,
                          size_t count, size_t key, unsigned key_bits, unsigned value_bits,
                          const struct tables *tables)
{
    switch (count) {
    case 1: attend_block(args, rows, 1, key, key_bits, value_bits, tables); break;
    case 2: attend_block(args, rows, 2, key, key_bits, value_bits, tables); break;
    case 3: attend_block(args, rows, 3, key, key_bits, value_bits, tables); break;
    default: attend_block(args, rows, 4, key, key_bits, value_bits, tables); break;
    }
}

/* Rows [first, first + count) of [token][head], all of which see keys of the span. */
TEMPLATE void attend_tile(const struct kernel_attend_args *args, size_t span, size_t first,
                          size_t count, float *partial, unsigned key_bits, unsigned value_bits,
                          const struct tables *tables)
{
    struct rows rows;
    for (size_t r = 0; r < count; r++) {
        const size_t token = (first + r) / args->head_count;
        const size_t head = (first + r) % args->head_count;
        const struct attend_span_keys seen = attend_span_keys(args, span, token);
        rows.begin[r] = seen.begin;
        rows.end[r] = seen.end;
        rows.partial[r] = attend_span_partial(args, token, head, partial);
        attend_span_clear(args, rows.partial[r]);
        quantize(args, args->queries + token * args->query_stride + head * args->head_dim,
                 &rows.query[r]);
    }
    /* Tokens come in order, and all see the coded keys to their end. */
    size_t key = rows.begin[0] / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
    for (; key < rows.end[count - 1]; key += KERNEL_PAGE_TOKENS) {
        size_t stop = count;
        while (rows.begin[stop - 1] >= key + KERNEL_PAGE_TOKENS)
            stop--;
        attend_rows(args, &rows, stop, key, key_bits, value_bits, tables);
    }
}

TEMPLATE void attend(const struct kernel_attend_args *args, size_t span, float *partial,
                     unsigned key_bits, unsigned value_bits)
{
    const struct tables tables = load_tables(args);
    const struct attend_span_rows rows = attend_span_rows(args, span);
    for (size_t row = rows.begin; row < rows.end; row += ROWS)
        attend_tile(args, span, row, rows.end - row < ROWS ? rows.end - row : ROWS, partial,
                    key_bits, value_bits, &tables);
}

static void attend_code(const struct kernel_attend_args *args, size_t span, float *partial)
{
    const unsigned key_bits = kv_code_formats[args->key_code].bits;
    const unsigned value_bits = kv_code_formats[args->value_code].bits;
    if (args->head_dim % 32 || args->value_dim % 32 || args->values == args->keys)
        attend_code_ref(args, span, partial);
    else if (key_bits == 4 && value_bits == 4)
        attend(args, span, partial, 4, 4);
    else if (key_bits == 4)
        attend(args, span, partial, 4, 3);
    else if (value_bits == 4)
        attend(args, span, partial, 3, 4);
    else
        attend(args, span, partial, 3, 3);
}
