/*
 * attend_span - which keys a token sees in a span, and where its partial result lies. Shared by the
 * attention kernels of all instruction sets.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include "kernel/kernel_table.h"

#include <math.h>
#include <string.h>

enum { ATTEND_SPAN_LARGEST = 0, ATTEND_SPAN_SUM = 1 }; /* floats of a partial before the vector */

struct attend_span_keys {
    size_t begin; /* a multiple of KERNEL_SPAN_TOKENS */
    size_t end;   /* begin == end: token sees none of the span */
};

static inline struct attend_span_keys attend_span_keys(const struct kernel_attend_args *args,
                                                       size_t span, size_t token)
{
    const size_t begin = span * KERNEL_SPAN_TOKENS;
    const size_t visible = args->key_count + token;
    size_t end = begin + KERNEL_SPAN_TOKENS;
    end = end < visible ? end : visible;
    return (struct attend_span_keys){begin, end > begin ? end : begin};
}

/* Offset in bytes from args->keys (values) of the page that holds position `key`. */
static inline size_t attend_span_page(const struct kernel_attend_args *args, size_t key)
{
    return args->pages[key / KERNEL_PAGE_TOKENS] * args->page_bytes;
}

static inline float *attend_span_partial(const struct kernel_attend_args *args, size_t token,
                                         size_t head, float *partial)
{
    return partial + (token * args->head_count + head) * (KERNEL_PARTIAL_HEAD + args->head_dim);
}

/* A partial that has seen no key: largest -infinity, sum 0, vector 0. */
static inline void attend_span_clear(const struct kernel_attend_args *args, float *partial)
{
    memset(partial, 0, (KERNEL_PARTIAL_HEAD + args->head_dim) * sizeof(float));
    partial[ATTEND_SPAN_LARGEST] = -INFINITY;
}
