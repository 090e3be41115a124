/*
 * kv_view - where a step of the model finds and leaves keys and values.
 *
 * model/ computes with it, infer/kv_cache.c owns the memory behind it. A page holds
 * KV_PAGE_TOKENS tokens of one sequence in all layers that attend; those are counted by
 * layer_shape.kv_layer. Inside a layer a page is
 *     keys   [kv_head][KV_PAGE_TOKENS][head_dim]
 *     values [kv_head][KV_PAGE_TOKENS][value_dim]   absent when values lie in the keys
 * each key and value as a row of the view's kind (kernel_table_kv_bytes()).
 *
 * Threads: a view is constant during a step; rows of a page are written by one thread each.
 * Depends on: kernel/. Used by: model/op_attention.c, infer/, engine/, cli/.
 */
#pragma once

#include "model/kv_kind.h"

#include <stddef.h>
#include <stdint.h>

enum { KV_PAGE_TOKENS = 64 };

/* One layer that attends. */
struct kv_layer {
    size_t offset;     /* of its page 0 in bytes */
    size_t page_bytes; /* one page in this layer: keys and values of all heads */
};

struct kv_view {
    unsigned char *bytes;
    enum kv_kind kind;
    const struct kv_layer *layers; /* [kv layers] */
};

/* Bytes of a key or value of n numbers. */
static inline size_t kv_view_row_bytes(const struct kv_view *view, size_t n)
{
    return kernel_table_kv_bytes(kv_kind_kernel(view->kind), n);
}

static inline unsigned char *kv_view_page(const struct kv_view *view, uint32_t kv_layer,
                                          uint32_t page)
{
    const struct kv_layer *layer = &view->layers[kv_layer];
    return view->bytes + layer->offset + page * layer->page_bytes;
}
