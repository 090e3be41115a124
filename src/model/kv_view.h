/*
 * kv_view - where a step of the model finds and leaves keys and values.
 *
 * model/ computes with it, infer/kv_cache.c owns the memory behind it. A page holds
 * KV_PAGE_TOKENS tokens of one sequence in all layers. Inside a layer a page is
 *     keys   [kv_head][KV_PAGE_TOKENS][head_dim]
 *     values [kv_head][KV_PAGE_TOKENS][head_dim]
 * in elements of the view's kind.
 *
 * Threads: a view is constant during a step; rows of a page are written by one thread each.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KV_PAGE_TOKENS = 64 };

enum kv_kind { KV_KIND_F16, KV_KIND_F32 }; /* IEEE half; float, for tests and measurements */

struct kv_view {
    unsigned char *bytes; /* [layer_count][page_count][page_layer_bytes] */
    enum kv_kind kind;
    size_t element_bytes;    /* 2 or 4 */
    size_t page_layer_bytes; /* one page in one layer: keys and values of all heads */
    size_t layer_bytes;      /* page_count * page_layer_bytes */
};
