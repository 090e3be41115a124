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
    size_t begin;
    size_t end; /* begin == end: token sees none of the span */
};

/* The first position that a token sees. */
static inline size_t attend_span_first(const struct kernel_attend_args *args, size_t token)
{
    const size_t visible = args->key_count + token;
    const size_t reach = args->key_limit ? args->window / 2 + 1 : args->window;
    return args->window && visible > reach ? visible - reach : 0;
}

/* The position behind the last one that a token sees. */
static inline size_t attend_span_last(const struct kernel_attend_args *args, size_t token)
{
    const size_t visible = args->key_count + token;
    if (!args->key_limit)
        return visible;
    const size_t reach = visible + args->window / 2;
    return args->window && reach < args->key_limit ? reach : args->key_limit;
}

/* What a token sees of a span, inside the part that args tell. */
static inline struct attend_span_keys attend_span_keys(const struct kernel_attend_args *args,
                                                       size_t span, size_t token)
{
    const size_t span_begin = span * KERNEL_SPAN_TOKENS;
    const size_t span_end = span_begin + KERNEL_SPAN_TOKENS;
    const size_t first = attend_span_first(args, token);
    const size_t visible = attend_span_last(args, token);
    size_t begin = first > span_begin ? first : span_begin;
    size_t end = span_end < visible ? span_end : visible;
    if (args->key_end) { /* a part */
        begin = args->key_begin > begin ? args->key_begin : begin;
        end = args->key_end < end ? args->key_end : end;
    }
    return (struct attend_span_keys){begin, end > begin ? end : begin};
}

/* Rows [begin, end) of [token][head]: from the first token that sees keys of the span to the last;
 * those between see some, too. */
struct attend_span_rows {
    size_t begin;
    size_t end;
};

static inline struct attend_span_rows attend_span_rows(const struct kernel_attend_args *args,
                                                       size_t span)
{
    struct attend_span_rows rows = {0};
    for (size_t t = 0; t < args->token_count; t++) {
        const struct attend_span_keys seen = attend_span_keys(args, span, t);
        if (seen.begin == seen.end)
            continue;
        if (rows.end == 0)
            rows.begin = t * args->head_count;
        rows.end = (t + 1) * args->head_count;
    }
    return rows;
}

/* Offset in bytes from args->keys (values) of the page that holds position `key`. */
static inline size_t attend_span_page(const struct kernel_attend_args *args, size_t key)
{
    return args->pages[key / KERNEL_PAGE_TOKENS] * args->page_bytes;
}

/* Bytes from the page of position `key` to the page behind it; 0: none is behind. */
static inline ptrdiff_t attend_span_ahead(const struct kernel_attend_args *args, size_t key)
{
    if (key / KERNEL_PAGE_TOKENS * KERNEL_PAGE_TOKENS + KERNEL_PAGE_TOKENS >= args->key_count)
        return 0;
    return (ptrdiff_t)attend_span_page(args, key + KERNEL_PAGE_TOKENS) -
           (ptrdiff_t)attend_span_page(args, key);
}

/* Asks memory for the lines that lie `ahead` bytes behind `size` bytes at `at`, which are read now.
 * What a head reads of a page is small and lies apart: the processor's own prefetching begins anew
 * in each, and asking for a whole page at once makes what is read now wait. */
static inline void attend_span_ask(const unsigned char *at, size_t size, ptrdiff_t ahead)
{
    for (size_t i = 0; i < size; i += 64)
        __builtin_prefetch(at + ahead + i);
}

/* One block of keys and values as a head sees it: those at [begin, end) of the page. */
struct attend_span_block {
    const unsigned char *keys;
    const unsigned char *values;
    size_t begin;
    size_t end;
    size_t key_bytes;
    size_t value_bytes;
};

/* The part of [seen.begin, seen.end) that lies in the page at position `page`, a multiple of 64. */
static inline struct attend_span_block attend_span_block(const struct kernel_attend_args *args,
                                                         struct attend_span_keys seen, size_t page,
                                                         enum kernel_kv kind)
{
    const size_t offset = attend_span_page(args, page);
    const size_t left = seen.end - page;
    return (struct attend_span_block){
        .keys = (const unsigned char *)args->keys + offset,
        .values = (const unsigned char *)args->values + offset,
        .begin = seen.begin > page ? seen.begin - page : 0,
        .end = left < KERNEL_PAGE_TOKENS ? left : KERNEL_PAGE_TOKENS,
        .key_bytes = kernel_table_kv_bytes(kind, args->head_dim),
        .value_bytes = kernel_table_kv_bytes(kind, args->value_stride),
    };
}

static inline float *attend_span_partial(const struct kernel_attend_args *args, size_t token,
                                         size_t head, float *partial)
{
    return partial + (token * args->head_count + head) * (KERNEL_PARTIAL_HEAD + args->value_dim);
}

/* A partial that has seen no key: largest -infinity, sum 0, vector 0. */
static inline void attend_span_clear(const struct kernel_attend_args *args, float *partial)
{
    memset(partial, 0, (KERNEL_PARTIAL_HEAD + args->value_dim) * sizeof(float));
    partial[ATTEND_SPAN_LARGEST] = -INFINITY;
}
