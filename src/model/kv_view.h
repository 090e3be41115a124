/*
 * kv_view - where a step of the model finds and leaves keys and values.
 *
 * model/ computes with it, infer/kv_cache.c owns the memory behind it. A page holds
 * KV_PAGE_TOKENS tokens of one sequence in all layers that attend; those are counted by
 * layer_shape.kv_layer. Inside a layer a page is
 *     keys   [kv_head][KV_PAGE_TOKENS][head_dim]
 *     values [kv_head][KV_PAGE_TOKENS][value_dim]   absent when values lie in the keys
 * in elements of the view's kind.
 *
 * Threads: a view is constant during a step; rows of a page are written by one thread each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KV_PAGE_TOKENS = 64 };

enum kv_kind { KV_KIND_F16, KV_KIND_F32 }; /* IEEE half; float, for tests and measurements */

/* One layer that attends. */
struct kv_layer {
    size_t offset;     /* of its page 0 in bytes */
    size_t page_bytes; /* one page in this layer: keys and values of all heads */
};

struct kv_view {
    unsigned char *bytes;
    enum kv_kind kind;
    size_t element_bytes;          /* 2 or 4 */
    const struct kv_layer *layers; /* [kv layers] */
};

static inline unsigned char *kv_view_page(const struct kv_view *view, uint32_t kv_layer,
                                          uint32_t page)
{
    const struct kv_layer *layer = &view->layers[kv_layer];
    return view->bytes + layer->offset + page * layer->page_bytes;
}
