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
 * Of a coded kind a page holds the codes of a whole block (kernel/kv_code.h):
 *     chains of keys [kv_head], of values [kv_head], tails of keys [kv_head], of values [kv_head]
 * and some pages have an open page beside them, as above and of f16, rotated: those that are not
 * full, and each sequence's first, which is always seen so. A plain layer has its rows in the page
 * itself, as f16 and not rotated. Pages that a slice fills from their
 * first token to their last need theirs only while a layer is computed: all layers share those
 * ("passing" ones).
 *
 * Threads: a view is constant during a step; rows of a page are written by one thread each.
 * Depends on: kernel/. Used by: model/op_attention.c, infer/, engine/, cli/.
 */
#pragma once

#include "model/kv_kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KV_PAGE_TOKENS = 64 };

/* One layer that attends. */
struct kv_layer {
    size_t offset;      /* of its page 0 in bytes */
    size_t page_bytes;  /* one page in this layer: keys and values of all heads */
    size_t open_offset; /* of open page 0 in bytes; coded kinds only */
    size_t open_page_bytes;
    bool is_plain; /* rows, whatever the kind */
};

struct kv_view {
    unsigned char *bytes;
    enum kv_kind kind;
    const struct kv_layer *layers; /* [kv layers] */
    uint32_t open_count;           /* open pages from this number on are passing ones */
    size_t passing_offset;         /* of the first of them in bytes */
    size_t passing_page_bytes;
};

/* Whether a page of the layer holds codes. */
static inline bool kv_view_is_coded(const struct kv_view *view, uint32_t kv_layer)
{
    return kv_kind_is_coded(view->kind) && !view->layers[kv_layer].is_plain;
}

/* Bytes of a key or value of n numbers, as a row. */
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

static inline unsigned char *kv_view_open_page(const struct kv_view *view, uint32_t kv_layer,
                                               uint32_t open_page)
{
    const struct kv_layer *layer = &view->layers[kv_layer];
    if (open_page >= view->open_count)
        return view->bytes + view->passing_offset +
               (open_page - view->open_count) * view->passing_page_bytes;
    return view->bytes + layer->open_offset + open_page * layer->open_page_bytes;
}

/* Where the codes of one head lie in a page, in bytes; of head_count the end. `value_dim` 0: values
 * are the first `key_cut` numbers of the keys. */
struct kv_view_codes {
    size_t keys;
    size_t values;
    size_t key_tails;
    size_t value_tails;
};

static inline struct kv_view_codes kv_view_codes_of(enum kv_kind kind, uint32_t head_count,
                                                    uint32_t head, size_t key_dim, size_t value_dim,
                                                    size_t key_cut)
{
    const enum kv_code key = kv_kind_key_code(kind);
    const enum kv_code value = kv_kind_value_code(kind);
    const size_t key_bytes = kv_code_bytes(key, key_dim);
    const size_t value_bytes = kv_code_bytes(value, value_dim);
    const size_t key_tails = kv_code_tails_bytes(key, key_dim, key_cut);
    const size_t chains = head_count * (key_bytes + value_bytes);
    struct kv_view_codes at = {
        .keys = head * key_bytes,
        .values = head_count * key_bytes + head * value_bytes,
        .key_tails = chains + head * key_tails,
        .value_tails =
            chains + head_count * key_tails + head * kv_code_tails_bytes(value, value_dim, 0),
    };
    if (value_dim == 0 && head < head_count) {
        at.values = at.keys;
        at.value_tails = at.key_tails;
    }
    return at;
}
