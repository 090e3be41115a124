/*
 * attend_code_tiles - attention over codes around the arithmetic of one instruction set: which rows
 * are worked on together, which blocks they see, and for which bits code is made.
 *
 * Up to ROWS rows share what is looked up while it is in registers. Where there are more, as in a
 * prompt, a block is looked up once for up to SHARED_ROWS of them, into chains of
 * ATTEND_CODE_LOOKED_UP bits: table values in the order in which the instruction set looks them up.
 *
 * A file of an instruction set defines, before it includes this:
 *
 *   ROWS            rows whose products are found together
 *   struct tables   what codes are looked up in
 *   load_tables()   of the kinds of `args`
 *   quantize()      one query
 *   look_up_keys(), look_up_values()
 *                   `count` chains (a multiple of 8) of `bits`, to chains of table values
 *   attend_block()  one block for `count` rows; `count` and the bits are constants
 *
 * and gets attend_code(), a kernel_attend_fn.
 */
#pragma once

#include "kernel/attend_code.h"
#include "kernel/attend_span.h"
#include "kernel/unroll.h"

enum {
    SHARED_ROWS = 32,
    SHARED_NUMBERS = 1024, /* of a key and a value, for blocks that are looked up once */
};

/* The block at `key` for rows [0, count), as many at a time as share registers. */
TEMPLATE void attend_rows(const struct kernel_attend_args *args, const struct attend_code_row *rows,
                          size_t count, size_t key, struct attend_code_block block,
                          unsigned key_bits, unsigned value_bits, const struct tables *tables)
{
    _Static_assert(ROWS == 4, "a case below for each number of rows");
    for (; count >= 4; count -= 4, rows += 4)
        attend_block(args, rows, 4, key, block, key_bits, value_bits, tables);
    if (count == 3)
        attend_block(args, rows, 3, key, block, key_bits, value_bits, tables);
    else if (count == 2)
        attend_block(args, rows, 2, key, block, key_bits, value_bits, tables);
    else if (count == 1)
        attend_block(args, rows, 1, key, block, key_bits, value_bits, tables);
}

typedef void(attend_rows_fn)(const struct kernel_attend_args *args,
                             const struct attend_code_row *rows, size_t count, size_t key,
                             struct attend_code_block block, const struct tables *tables);

static void attend_rows_44(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, const struct tables *tables)
{
    attend_rows(args, rows, count, key, block, 4, 4, tables);
}

static void attend_rows_43(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, const struct tables *tables)
{
    attend_rows(args, rows, count, key, block, 4, 3, tables);
}

static void attend_rows_34(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, const struct tables *tables)
{
    attend_rows(args, rows, count, key, block, 3, 4, tables);
}

static void attend_rows_33(const struct kernel_attend_args *args,
                           const struct attend_code_row *rows, size_t count, size_t key,
                           struct attend_code_block block, const struct tables *tables)
{
    attend_rows(args, rows, count, key, block, 3, 3, tables);
}

/* As above, of a block that was looked up. */
static void attend_rows_looked_up(const struct kernel_attend_args *args,
                                  const struct attend_code_row *rows, size_t count, size_t key,
                                  struct attend_code_block block, const struct tables *tables)
{
    attend_rows(args, rows, count, key, block, ATTEND_CODE_LOOKED_UP, ATTEND_CODE_LOOKED_UP,
                tables);
}

/* Chains of a block of n numbers. */
TEMPLATE size_t chain_count(size_t n)
{
    return KV_CODE_TOKENS / KV_CODE_CHAIN * n;
}

static struct attend_code_block look_up_block(const struct kernel_attend_args *args,
                                              struct attend_code_block block, unsigned char *to,
                                              const struct tables *tables)
{
    const size_t keys = chain_count(args->head_dim);
    const size_t values = chain_count(args->value_dim);
    unsigned char *to_values = to + KV_CODE_TOKENS * args->head_dim;
    if (kv_code_formats[args->key_code].bits == 4)
        look_up_keys(block.keys, keys, 4, tables, to);
    else
        look_up_keys(block.keys, keys, 3, tables, to);
    if (kv_code_formats[args->value_code].bits == 4)
        look_up_values(block.values, values, 4, tables, to_values);
    else
        look_up_values(block.values, values, 3, tables, to_values);
    block.keys = to;
    block.values = to_values;
    block.ahead = 0;
    return block;
}

/* Rows [first, first + count) of [token][head], all of which see keys of the span. */
static void attend_shared(const struct kernel_attend_args *args, size_t span, size_t first,
                          size_t count, float *partial, attend_rows_fn *attend_coded,
                          const struct tables *tables)
{
    _Alignas(64) unsigned char looked_up[KV_CODE_TOKENS * SHARED_NUMBERS];
    struct attend_code_row rows[SHARED_ROWS];
    for (size_t r = 0; r < count; r++) {
        const size_t token = (first + r) / args->head_count;
        const size_t head = (first + r) % args->head_count;
        const struct attend_span_keys seen = attend_span_keys(args, span, token);
        rows[r].begin = seen.begin;
        rows[r].end = seen.end;
        rows[r].partial = attend_span_partial(args, token, head, partial);
        attend_span_clear(args, rows[r].partial);
        quantize(args, args->queries + token * args->query_stride + head * args->head_dim,
                 &rows[r].query);
    }
    /* Tokens come in order, and all see the coded keys to their end. */
    size_t key = rows[0].begin / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS;
    for (; key < rows[count - 1].end; key += KERNEL_PAGE_TOKENS) {
        const struct attend_code_block block = attend_code_block_at(args, key);
        attend_code_ask_tails(args, &block);
        size_t stop = count;
        while (rows[stop - 1].begin >= key + KERNEL_PAGE_TOKENS)
            stop--;
        if (stop > ROWS && args->head_dim + args->value_dim <= SHARED_NUMBERS)
            attend_rows_looked_up(args, rows, stop, key,
                                  look_up_block(args, block, looked_up, tables), tables);
        else
            attend_coded(args, rows, stop, key, block, tables);
    }
}

static void attend_code(const struct kernel_attend_args *args, size_t span, float *partial)
{
    static attend_rows_fn *const attend_coded[2][2] = {{attend_rows_33, attend_rows_34},
                                                       {attend_rows_43, attend_rows_44}};
    if (args->head_dim % 32 || args->value_dim % 32 || args->values == args->keys) {
        attend_code_ref(args, span, partial);
        return;
    }
    const struct tables tables = load_tables(args);
    const bool has_4 = kv_code_formats[args->key_code].bits == 4;
    const bool values_have_4 = kv_code_formats[args->value_code].bits == 4;
    const struct attend_span_rows rows = attend_span_rows(args, span);
    for (size_t row = rows.begin; row < rows.end; row += SHARED_ROWS)
        attend_shared(args, span, row, rows.end - row < SHARED_ROWS ? rows.end - row : SHARED_ROWS,
                      partial, attend_coded[has_4][values_have_4], &tables);
}
