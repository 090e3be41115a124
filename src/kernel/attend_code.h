/*
 * attend_code - the query of attention over codes: int8 with a scale for each piece. Shared by the
 * kernels of all instruction sets.
 *
 * Threads: any. Only static inline functions: files built for one instruction set may include it.
 */
#pragma once

#include "kernel/attend_span.h"
#include "kernel/kernel_table.h"
#include "kernel/kv_code.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    ATTEND_CODE_PIECES_MAX = 16,
    ATTEND_CODE_LOOKED_UP = 8, /* bits of a symbol for which its table value stands */
};

/* 1 / (255 * KV_CODE_SCALE): weights are bytes, scales are kept larger than they are. */
#define ATTEND_CODE_WEIGHT_STEP (1.0f / 4080.0f)
#define ATTEND_CODE_SMALLEST    1e-30f

struct attend_code_query {
    const float *x; /* [head_dim] rotated */
    _Alignas(16) int8_t q[KV_CODE_DIM_MAX];
    float scale[ATTEND_CODE_PIECES_MAX]; /* of what a product with table values and a scale is */
    int sum[ATTEND_CODE_PIECES_MAX];     /* of the q of the piece */
};

/* A (token, head) in a span. */
struct attend_code_row {
    struct attend_code_query query;
    float *partial;
    size_t begin; /* keys of the span that it sees */
    size_t end;
};

/* One piece to the nearest of 255 steps of its largest magnitude, as kernel_table.h says. */
static inline void attend_code_quantize_piece(const float *x, size_t dim, int8_t *q, float *scale,
                                              int *sum)
{
    float largest = 0;
    bool is_finite = true;
    for (size_t i = 0; i < dim; i++) {
        const float magnitude = fabsf(x[i]);
        largest = magnitude > largest ? magnitude : largest;
        is_finite = is_finite && magnitude <= FLT_MAX;
    }
    const float factor = is_finite && largest > ATTEND_CODE_SMALLEST ? 127.0f / largest : 0.0f;
    const float magic = 12582912.0f; /* rounds to nearest even */
    *sum = 0;
    for (size_t i = 0; i < dim; i++) {
        const float z = (is_finite ? x[i] : 0.0f) * factor + magic;
        int32_t bits = 0;
        memcpy(&bits, &z, sizeof(bits));
        q[i] = (int8_t)(bits - 0x4b400000);
        *sum += q[i];
    }
    *scale = is_finite ? largest / 127.0f / KV_CODE_SCALE : NAN;
}

/* Where values of `args` end inside the keys; 0: they are not there. */
static inline size_t attend_code_cut(const struct kernel_attend_args *args)
{
    return args->values == args->keys ? args->value_dim : 0;
}

static inline void attend_code_quantize(const struct kernel_attend_args *args, const float *x,
                                        struct attend_code_query *out)
{
    const size_t cut = attend_code_cut(args);
    size_t dim = 0;
    out->x = x;
    for (size_t at = 0, i = 0; at < args->head_dim; at += dim, i++) {
        dim = kv_code_piece(args->head_dim, cut, at);
        attend_code_quantize_piece(x + at, dim, out->q + at, &out->scale[i], &out->sum[i]);
    }
}

/* A piece of the keys or values of a page. */
struct attend_code_piece {
    const unsigned char *chains;
    struct kv_code_tail tail;
    float mean_scale; /* 0 without a mean */
    ptrdiff_t ahead;  /* see attend_code_block */
    size_t at;        /* its first number */
    size_t dim;
};

/* Goes from piece to piece; begin with what is of the page in chains and tail, and at = dim = 0.
 * `bits` are those of a symbol of the chains. False behind the last one of n numbers. */
static inline bool attend_code_next(enum kv_code code, unsigned bits, size_t n, size_t cut,
                                    const unsigned char **chains, unsigned char **tail,
                                    struct attend_code_piece *piece)
{
    piece->at += piece->dim;
    if (piece->at >= n)
        return false;
    piece->dim = kv_code_piece(n, cut, piece->at);
    piece->chains = *chains;
    piece->tail = kv_code_tail_at(code, *tail);
    piece->mean_scale = 0;
    if (piece->tail.mean_scale)
        memcpy(&piece->mean_scale, piece->tail.mean_scale, sizeof(float));
    *chains += KV_CODE_TOKENS * piece->dim * bits / 8;
    *tail += kv_code_tail_bytes(code, piece->dim);
    return true;
}

/* A block of coded keys and values as a head sees it. */
struct attend_code_block {
    const unsigned char *keys;
    const unsigned char *values;
    unsigned char *key_tails;
    unsigned char *value_tails;
    ptrdiff_t ahead; /* bytes from each of these to those of the block behind */
};

static inline struct attend_code_block attend_code_block_at(const struct kernel_attend_args *args,
                                                            size_t key)
{
    const size_t offset = args->pages[key / KERNEL_PAGE_TOKENS] * args->page_bytes;
    return (struct attend_code_block){
        .keys = (const unsigned char *)args->keys + offset,
        .values = (const unsigned char *)args->values + offset,
        .key_tails = args->key_tails + offset,
        .value_tails = args->value_tails + offset,
        .ahead = attend_span_ahead(args, key),
    };
}

/* Asks memory for the tails of the block behind. */
static inline void attend_code_ask_tails(const struct kernel_attend_args *args,
                                         const struct attend_code_block *block)
{
    attend_span_ask(block->key_tails, kv_code_tail_bytes(args->key_code, args->head_dim),
                    block->ahead);
    attend_span_ask(block->value_tails, kv_code_tail_bytes(args->value_code, args->value_dim),
                    block->ahead);
}
