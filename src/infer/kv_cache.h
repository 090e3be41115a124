/*
 * kv_cache - paged storage for the keys and values of every live sequence.
 *
 * One cache belongs to one loaded model. Its memory is one block, reserved by kv_cache_new() and
 * cut into pages of KV_PAGE_TOKENS tokens (all layers); sequences map positions to pages and share
 * them by counting references. Who writes into a shared page gets a copy of its own first, and who
 * changes a list of pages that a fork shares gets its own list (sized once for the whole capacity):
 * a fork costs the same whatever its length. Otherwise nothing is allocated after creation.
 *
 * Threads: engine thread only; nothing here locks.
 * Depends on: base/, model/kv_view.h. Used by: infer/infer.c.
 */
#pragma once

#include "base/error.h"
#include "model/kv_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_cache;     /* opaque: see kv_cache.c */
struct kv_cache_seq; /* opaque: one sequence's page table */

enum {
    KV_CACHE_TOKENS_MAX = 1 << 26,
    KV_CACHE_OPEN_PAGES_MIN = 3, /* one row of one sequence needs two; the rest is for speed */
};

/* One layer that attends: numbers a page holds for each of its tokens. */
struct kv_cache_layer {
    uint32_t kv_head_count;
    uint32_t key_dim;
    uint32_t value_dim; /* 0: values lie in the keys */
    uint32_t key_cut;   /* then: where they end */
    bool is_plain;      /* rows of f16 also where the kind is coded, for what only guesses read */
};

struct kv_cache_config {
    const struct kv_cache_layer *layers; /* [layer_count], may be none; borrowed for the call */
    uint32_t layer_count;
    enum kv_kind kind;
    uint32_t token_capacity;     /* across all sequences; rounded up to whole pages */
    uint32_t open_page_count;    /* of coded kinds, see below; at least KV_CACHE_OPEN_PAGES_MIN */
    uint32_t passing_page_count; /* of coded kinds; memory of one layer each */
    bool keeps_tokens;           /* pages also hold the ids: kv_cache_seq_set_token() */
};

/* Bytes kv_cache_new() would reserve; SIZE_MAX when they cannot be counted. Pure: lets a caller
 * refuse before it allocates. */
size_t kv_cache_bytes(const struct kv_cache_config *config);

/* On success *out owns the reservation; release it with kv_cache_free(). E_INVALID when the
 * capacity is 0 or beyond KV_CACHE_TOKENS_MAX, E_NO_MEMORY. */
MUST_USE enum status kv_cache_new(const struct kv_cache_config *config, struct kv_cache **out,
                                  struct error *err);
void kv_cache_free(struct kv_cache *cache); /* NULL is allowed; its sequences must be gone */

static inline void kv_cache_freep(struct kv_cache **cache)
{
    kv_cache_free(*cache);
}

/* What the model needs to reach the pages. */
const struct kv_view *kv_cache_view(const struct kv_cache *cache);

uint32_t kv_cache_page_count(const struct kv_cache *cache);
uint32_t kv_cache_free_page_count(const struct kv_cache *cache);

/* An empty sequence. It borrows `cache` and must be freed before it. */
MUST_USE enum status kv_cache_seq_new(struct kv_cache *cache, struct kv_cache_seq **out,
                                      struct error *err);
void kv_cache_seq_free(struct kv_cache_seq *seq); /* gives its pages back; NULL is allowed */

static inline void kv_cache_seq_freep(struct kv_cache_seq **seq)
{
    kv_cache_seq_free(*seq);
}

/* A new sequence that shares the first `token_count` tokens of `seq` without copying them; the list
 * of pages too, unless it has fewer pages. E_INVALID when `seq` has fewer tokens, E_NO_MEMORY. */
MUST_USE enum status kv_cache_seq_fork(const struct kv_cache_seq *seq, uint32_t token_count,
                                       struct kv_cache_seq **out, struct error *err);

/* Pages that kv_cache_seq_append() of `token_count` tokens would take from the free ones now. */
uint32_t kv_cache_seq_append_pages(const struct kv_cache_seq *seq, uint32_t token_count);

/* Tokens that kv_cache_seq_append() could add now. */
uint32_t kv_cache_seq_room(const struct kv_cache_seq *seq);

/* Makes room for `token_count` more tokens, whose keys and values the next step writes: takes
 * pages, and copies a partly filled last page that others share. E_LIMIT when too few pages are
 * free, E_NO_MEMORY for a list of pages of its own; `seq` is then unchanged. */
MUST_USE enum status kv_cache_seq_append(struct kv_cache_seq *seq, uint32_t token_count,
                                         struct error *err);

/* As kv_cache_seq_append(), for an empty sequence whose pages the caller fills at once: they hold
 * whatever was there before. */
MUST_USE enum status kv_cache_seq_load(struct kv_cache_seq *seq, uint32_t token_count,
                                       struct error *err);

/* Forgets every token at position >= `token_count` (speculative rejects, edited prompts); no
 * effect when there are none. */
void kv_cache_seq_truncate(struct kv_cache_seq *seq, uint32_t token_count);

uint32_t kv_cache_seq_token_count(const struct kv_cache_seq *seq);

/* ---------------------------------------------------------------- pages as bytes
 *
 * For snapshots: a page is kv_cache_piece_count() pieces of memory, one for each layer, whose bytes
 * stand for its tokens whatever the kind. Between two caches of the same configuration (capacity
 * aside) they may be copied: what is computed on them is the same.
 */

struct kv_cache_piece {
    unsigned char *bytes;
    size_t size;
};

uint32_t kv_cache_piece_count(const struct kv_cache *cache);
size_t kv_cache_page_bytes(const struct kv_cache *cache); /* all pieces together */

/* Piece `piece` of the sequence's page `index` (tokens from index * KV_PAGE_TOKENS on). Its bytes
 * may be read, and written while the page is not shared and no step runs. */
struct kv_cache_piece kv_cache_seq_piece(const struct kv_cache_seq *seq, uint32_t index,
                                         uint32_t piece);

/* Zeroes in a copy of a piece what does not belong to its first `token_count` tokens: leftovers of
 * whoever had the page before. */
void kv_cache_clear_tail(const struct kv_cache *cache, uint32_t piece, unsigned char *copy,
                         uint32_t token_count);

/* The pages in token order; valid until `seq` grows or is cut. */
const uint32_t *kv_cache_seq_pages(const struct kv_cache_seq *seq);

/* With keeps_tokens: the id at `position`, which the sequence has. Setting it without is of no
 * effect. Set by who has appended it, so that no other sequence's is changed. */
void kv_cache_seq_set_token(struct kv_cache_seq *seq, uint32_t position, int32_t token);
int32_t kv_cache_seq_token(const struct kv_cache_seq *seq, uint32_t position);

/* ---------------------------------------------------------------- open pages
 *
 * Of coded kinds a sequence's first block, and the one it is in, are seen as f16: their pages need
 * open pages (model/kv_view.h). There are few; what was not used for longest is given up, full
 * blocks first, and must be computed again when it is needed.
 */

/* Begins a slice: open pages that it asks for stay until the next one begins. */
void kv_cache_open_begin(struct kv_cache *cache);

/* Sees to open pages for the first block and for that of `position`. False when all are needed by
 * the slice. */
bool kv_cache_seq_open(struct kv_cache_seq *seq, uint32_t position);

/* The same for a block whose 64 tokens are all in the slice, and none of them a draft, where it
 * need not be kept as f16 behind the slice. False as above, and when there are no passing pages
 * left, or it is the first block, or open already: kv_cache_seq_open() may still do. */
bool kv_cache_seq_open_passing(struct kv_cache_seq *seq, uint32_t position);

/* The first position of the first block or of that of `position`, that is before
 * `position` and not in its open page; `position` when there is none. After kv_cache_seq_open(). */
uint32_t kv_cache_seq_missing(const struct kv_cache_seq *seq, uint32_t position);

/* Notes that the keys and values of a position are in its open page. */
void kv_cache_seq_note(struct kv_cache_seq *seq, uint32_t position);

/* Of block i of the sequence, where it has one; valid as kv_cache_seq_pages(). */
const uint32_t *kv_cache_seq_open_pages(const struct kv_cache_seq *seq);
