#include "infer/kv_cache.h"

#include "base/attr.h"
#include "base/check.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { PAGE_ALIGNMENT = 64 };

static const uint32_t NO_PAGE = UINT32_MAX;

/* f16 rows of a page whose block is open, or was. */
struct open_page {
    uint32_t page;      /* NO_PAGE: free */
    uint32_t row_count; /* that are there, from the first on */
    uint64_t slice;     /* the last one that asked for it */
    bool is_first;      /* of a sequence: needed as long as there is one */
};

struct kv_cache {
    struct kv_view view;
    struct kv_layer *layers;       /* [layer_count] */
    struct kv_cache_layer *shapes; /* [layer_count] */
    uint32_t layer_count;
    uint32_t page_count;
    uint32_t free_count;
    uint32_t live_seq_count;
    uint32_t *free_pages;   /* [free_count], taken from the end */
    uint32_t *references;   /* [page_count] tables that hold the page; 0 = free */
    bool *was_used;         /* [page_count] its bytes may be somebody's */
    int32_t *tokens;        /* [page_count][KV_PAGE_TOKENS] or NULL: ids are not kept */
    void *block;            /* what view.bytes points into */
    struct open_page *open; /* [open_count] */
    uint32_t open_count;    /* 0: not of a coded kind */
    uint32_t *open_of;      /* [page_count] index in `open`, or NO_PAGE */
    uint32_t passing_count; /* passing pages */
    uint32_t passing_used;  /* by the slice */
    uint64_t slice;         /* counts them */
};

/* The pages of a sequence, or of several that a fork made alike: who changes its own gets a copy
 * first, so those that share one always hold the same pages. */
struct page_table {
    uint32_t references;  /* sequences */
    uint32_t *open_pages; /* behind `pages`: as they were when a slice asked; else NULL */
    uint32_t pages[];     /* [cache->page_count], twice for coded kinds */
};

struct kv_cache_seq {
    struct kv_cache *cache;
    struct page_table *table;
    uint32_t token_count;
    uint32_t page_count; /* pages held: token_count in whole pages, rounded up */
};

static uint32_t pages_for(uint32_t token_count)
{
    return (uint32_t)(((uint64_t)token_count + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS);
}

static uint32_t open_count_of(const struct kv_cache_config *config)
{
    if (!kv_kind_is_coded(config->kind))
        return 0;
    return config->open_page_count > KV_CACHE_OPEN_PAGES_MIN ? config->open_page_count
                                                             : KV_CACHE_OPEN_PAGES_MIN;
}

static uint32_t passing_count_of(const struct kv_cache_config *config)
{
    return kv_kind_is_coded(config->kind) ? config->passing_page_count : 0;
}

/* Bytes of one page of codes of a layer, in whole cache lines. */
static size_t coded_page_bytes(enum kv_kind kind, const struct kv_cache_layer *layer)
{
    const struct kv_view_codes end =
        kv_view_codes_of(kind, layer->kv_head_count, layer->kv_head_count, layer->key_dim,
                         layer->value_dim, layer->key_cut);
    return (end.value_tails + PAGE_ALIGNMENT - 1) / PAGE_ALIGNMENT * PAGE_ALIGNMENT;
}

/* Puts the open pages of a layer behind what is counted so far. */
static bool count_open_bytes(const struct kv_cache_config *config, struct kv_layer *layer,
                             size_t *out_bytes)
{
    size_t layer_bytes = 0;
    layer->open_offset = *out_bytes;
    return !__builtin_mul_overflow(layer->open_page_bytes, open_count_of(config), &layer_bytes) &&
           !__builtin_add_overflow(*out_bytes, layer_bytes, out_bytes);
}

/* Bytes of all pages; fills in layers[layer_count] unless it is NULL. False when they overflow. */
static bool count_bytes(const struct kv_cache_config *config, struct kv_layer *layers,
                        size_t *out_bytes)
{
    const enum kernel_kv kind = kv_kind_kernel(config->kind);
    size_t passing_bytes = 0;
    *out_bytes = 0;
    for (uint32_t i = 0; i < config->layer_count; i++) {
        const struct kv_cache_layer *layer = &config->layers[i];
        struct kv_layer counted = {.offset = *out_bytes};
        size_t layer_bytes = 0;
        const size_t row_bytes = kernel_table_kv_bytes(kind, layer->key_dim) +
                                 kernel_table_kv_bytes(kind, layer->value_dim);
        if (__builtin_mul_overflow((size_t)KV_PAGE_TOKENS, row_bytes, &counted.page_bytes) ||
            __builtin_mul_overflow(counted.page_bytes, layer->kv_head_count, &counted.page_bytes))
            return false;
        counted.is_plain = layer->is_plain;
        if (kv_kind_is_coded(config->kind) && !layer->is_plain) {
            counted.open_page_bytes = counted.page_bytes;
            counted.page_bytes = coded_page_bytes(config->kind, layer);
        }
        if (__builtin_mul_overflow(counted.page_bytes, pages_for(config->token_capacity),
                                   &layer_bytes) ||
            __builtin_add_overflow(*out_bytes, layer_bytes, out_bytes) ||
            !count_open_bytes(config, &counted, out_bytes))
            return false;
        if (counted.open_page_bytes > passing_bytes)
            passing_bytes = counted.open_page_bytes;
        if (layers)
            layers[i] = counted;
    }
    return !__builtin_mul_overflow(passing_bytes, passing_count_of(config), &passing_bytes) &&
           !__builtin_add_overflow(*out_bytes, passing_bytes, out_bytes) &&
           *out_bytes < SIZE_MAX / 2;
}

size_t kv_cache_bytes(const struct kv_cache_config *config)
{
    size_t bytes = 0;
    if (!count_bytes(config, NULL, &bytes))
        return SIZE_MAX;
    const size_t tables =
        (2 * sizeof(uint32_t) + sizeof(bool)) * pages_for(config->token_capacity) +
        config->layer_count * sizeof(struct kv_layer);
    const size_t ids = config->keeps_tokens ? KV_PAGE_TOKENS * sizeof(int32_t) : 0;
    return bytes + PAGE_ALIGNMENT + tables + ids * pages_for(config->token_capacity) +
           sizeof(struct kv_cache);
}

static enum status new_tokens(struct kv_cache *cache, struct error *err)
{
    cache->tokens = mem_try_zalloc(cache->page_count, KV_PAGE_TOKENS * sizeof(*cache->tokens));
    return cache->tokens ? OK : error_set(err, E_NO_MEMORY, "no memory for the list of tokens");
}

static enum status new_open_pages(struct kv_cache *cache, uint32_t count, struct error *err)
{
    if (count == 0)
        return OK;
    cache->open = mem_try_zalloc(count, sizeof(*cache->open));
    cache->open_of = mem_try_zalloc(cache->page_count, sizeof(*cache->open_of));
    if (!cache->open || !cache->open_of)
        return error_set(err, E_NO_MEMORY, "no memory for the list of open pages");
    cache->open_count = count;
    for (uint32_t i = 0; i < count; i++)
        cache->open[i].page = NO_PAGE;
    for (uint32_t i = 0; i < cache->page_count; i++)
        cache->open_of[i] = NO_PAGE;
    return OK;
}

/* The passing pages are the end of the block of `bytes`. */
static void set_passing_pages(struct kv_cache *cache, uint32_t count, size_t bytes)
{
    struct kv_view *view = &cache->view;
    for (uint32_t i = 0; i < cache->layer_count; i++)
        if (cache->layers[i].open_page_bytes > view->passing_page_bytes)
            view->passing_page_bytes = cache->layers[i].open_page_bytes;
    view->passing_offset = bytes - count * view->passing_page_bytes;
    view->open_count = cache->open_count;
    cache->passing_count = count;
}

enum status kv_cache_new(const struct kv_cache_config *config, struct kv_cache **out,
                         struct error *err)
{
    if (config->token_capacity == 0 || config->token_capacity > KV_CACHE_TOKENS_MAX)
        return error_set(err, E_INVALID, "room for %" PRIu32 " tokens was asked for (1 to %d)",
                         config->token_capacity, KV_CACHE_TOKENS_MAX);
    CLEANUP(kv_cache_freep) struct kv_cache *cache = mem_zalloc(sizeof(*cache));
    struct kv_view *view = &cache->view;
    size_t bytes = 0;
    cache->layers = mem_zalloc((config->layer_count + 1) * sizeof(*cache->layers));
    if (!count_bytes(config, cache->layers, &bytes))
        return error_set(err, E_NO_MEMORY, "keys and values of %" PRIu32 " tokens: too large",
                         config->token_capacity);
    cache->layer_count = config->layer_count;
    cache->shapes = mem_zalloc((config->layer_count + 1) * sizeof(*cache->shapes));
    for (uint32_t i = 0; i < config->layer_count; i++)
        cache->shapes[i] = config->layers[i];
    cache->page_count = pages_for(config->token_capacity);
    cache->free_pages = mem_try_zalloc(cache->page_count, sizeof(uint32_t));
    cache->references = mem_try_zalloc(cache->page_count, sizeof(uint32_t));
    /* Zeroed, so that what a kernel loads beside valid tokens is a number; untouched pages of a
     * zeroed block cost no memory. */
    cache->block = mem_try_zalloc(1, bytes + PAGE_ALIGNMENT);
    cache->was_used = mem_try_zalloc(cache->page_count, sizeof(bool));
    if (!cache->free_pages || !cache->references || !cache->was_used || !cache->block)
        return error_set(err, E_NO_MEMORY,
                         "keys and values of %" PRIu32 " tokens need %zu MiB of memory",
                         config->token_capacity, bytes >> 20);
    const uintptr_t address = (uintptr_t)cache->block;
    const size_t shift = (PAGE_ALIGNMENT - address % PAGE_ALIGNMENT) % PAGE_ALIGNMENT;
    TRY(new_open_pages(cache, open_count_of(config), err));
    set_passing_pages(cache, passing_count_of(config), bytes);
    if (config->keeps_tokens)
        TRY(new_tokens(cache, err));
    view->bytes = (unsigned char *)cache->block + shift;
    view->kind = config->kind;
    view->layers = cache->layers;
    for (uint32_t i = 0; i < cache->page_count; i++) /* the lowest page is taken first */
        cache->free_pages[i] = cache->page_count - 1 - i;
    cache->free_count = cache->page_count;
    *out = cache;
    cache = NULL;
    return OK;
}

void kv_cache_free(struct kv_cache *cache)
{
    if (!cache)
        return;
    CHECK(cache->live_seq_count == 0);
    mem_free(cache->layers);
    mem_free(cache->shapes);
    mem_free(cache->free_pages);
    mem_free(cache->references);
    mem_free(cache->was_used);
    mem_free(cache->tokens);
    mem_free(cache->open);
    mem_free(cache->open_of);
    mem_free(cache->block);
    mem_free(cache);
}

const struct kv_view *kv_cache_view(const struct kv_cache *cache)
{
    return &cache->view;
}

uint32_t kv_cache_page_count(const struct kv_cache *cache)
{
    return cache->page_count;
}

uint32_t kv_cache_free_page_count(const struct kv_cache *cache)
{
    return cache->free_count;
}

/* ---------------------------------------------------------------- pages */

/* Whose bytes they are does not matter: what was there before is gone or overwritten. */
static uint32_t take_any_page(struct kv_cache *cache)
{
    CHECK(cache->free_count > 0);
    const uint32_t page = cache->free_pages[--cache->free_count];
    DCHECK(cache->references[page] == 0);
    cache->references[page] = 1;
    cache->was_used[page] = true;
    return page;
}

/* A page of zeros: nothing of another conversation stays beside this one's tokens. */
static uint32_t take_page(struct kv_cache *cache)
{
    const struct kv_view *view = &cache->view;
    CHECK(cache->free_count > 0);
    const bool was_used = cache->was_used[cache->free_pages[cache->free_count - 1]];
    const uint32_t page = take_any_page(cache);
    for (uint32_t layer = 0; was_used && layer < cache->layer_count; layer++)
        memset(kv_view_page(view, layer, page), 0, view->layers[layer].page_bytes);
    return page;
}

static void close_page(struct kv_cache *cache, uint32_t page)
{
    const uint32_t index = cache->open_of[page];
    if (index == NO_PAGE)
        return;
    cache->open[index].page = NO_PAGE;
    cache->open_of[page] = NO_PAGE;
}

static void release_page(struct kv_cache *cache, uint32_t page)
{
    DCHECK(cache->references[page] > 0);
    if (--cache->references[page] > 0)
        return;
    cache->free_pages[cache->free_count++] = page;
    if (cache->open_count > 0)
        close_page(cache, page);
}

/* The open page that is missed least: none's, then a full block's that is no sequence's first, then
 * any that the slice did not ask for, the one not used for longest. NO_PAGE: the slice has all. */
static uint32_t least_missed(const struct kv_cache *cache)
{
    uint32_t best = NO_PAGE;
    uint64_t best_rank = UINT64_MAX;
    for (uint32_t i = 0; i < cache->open_count; i++) {
        const struct open_page *open = &cache->open[i];
        if (open->page == NO_PAGE)
            return i;
        const bool is_needed = open->is_first || open->row_count < KV_PAGE_TOKENS;
        const uint64_t rank = open->slice + (is_needed ? cache->slice : 0);
        if (open->slice < cache->slice && rank < best_rank) {
            best_rank = rank;
            best = i;
        }
    }
    return best;
}

/* Gives a page an empty open page unless it has one. False: the slice has all. */
static bool open_page(struct kv_cache *cache, uint32_t page, bool is_first)
{
    const struct kv_view *view = &cache->view;
    uint32_t index = cache->open_of[page];
    if (index == NO_PAGE) {
        index = least_missed(cache);
        if (index == NO_PAGE)
            return false;
        if (cache->open[index].page != NO_PAGE)
            close_page(cache, cache->open[index].page);
        cache->open[index] = (struct open_page){.page = page};
        cache->open_of[page] = index;
        for (uint32_t layer = 0; layer < cache->layer_count; layer++)
            memset(kv_view_open_page(view, layer, index), 0, view->layers[layer].open_page_bytes);
    }
    cache->open[index].is_first = is_first;
    cache->open[index].slice = cache->slice;
    return true;
}

static void copy_page(struct kv_cache *cache, uint32_t from, uint32_t to)
{
    const struct kv_view *view = &cache->view;
    for (uint32_t layer = 0; layer < cache->layer_count; layer++)
        memcpy(kv_view_page(view, layer, to), kv_view_page(view, layer, from),
               view->layers[layer].page_bytes);
    if (cache->tokens)
        memcpy(cache->tokens + (size_t)to * KV_PAGE_TOKENS,
               cache->tokens + (size_t)from * KV_PAGE_TOKENS,
               KV_PAGE_TOKENS * sizeof(*cache->tokens));
    if (cache->open_count == 0 || cache->open_of[from] == NO_PAGE)
        return;
    cache->slice++; /* what the last slice asked for can make room */
    struct open_page *source = &cache->open[cache->open_of[from]];
    const uint64_t slice = source->slice;
    source->slice = cache->slice;                 /* not the one that makes room */
    if (open_page(cache, to, source->is_first)) { /* else it is computed again */
        const uint32_t index = cache->open_of[to];
        cache->open[index].row_count = source->row_count;
        for (uint32_t layer = 0; layer < cache->layer_count; layer++)
            memcpy(kv_view_open_page(view, layer, index),
                   kv_view_open_page(view, layer, cache->open_of[from]),
                   view->layers[layer].open_page_bytes);
    }
    source->slice = slice;
}

/* ---------------------------------------------------------------- sequences */

/* An empty one. */
static enum status new_table(const struct kv_cache *cache, struct page_table **out,
                             struct error *err)
{
    const size_t numbers = (size_t)cache->page_count * (cache->open_count > 0 ? 2 : 1);
    struct page_table *table = mem_try_zalloc(1, sizeof(*table) + numbers * sizeof(uint32_t));
    if (!table)
        return error_set(err, E_NO_MEMORY, "no memory for the pages of one more sequence");
    table->references = 1;
    table->open_pages = cache->open_count > 0 ? table->pages + cache->page_count : NULL;
    *out = table;
    return OK;
}

/* A table with the first pages of another. */
static enum status copy_table(struct kv_cache *cache, const struct page_table *from,
                              uint32_t page_count, struct page_table **out, struct error *err)
{
    TRY(new_table(cache, out, err));
    for (uint32_t i = 0; i < page_count; i++) {
        (*out)->pages[i] = from->pages[i];
        cache->references[from->pages[i]]++;
    }
    return OK;
}

/* Makes the first `page_count` pages of the table the sequence's own. */
static enum status own_table(struct kv_cache_seq *seq, uint32_t page_count, struct error *err)
{
    struct page_table *shared = seq->table;
    if (shared->references == 1)
        return OK;
    TRY(copy_table(seq->cache, shared, page_count, &seq->table, err));
    shared->references--;
    seq->page_count = page_count;
    return OK;
}

static void new_seq(struct kv_cache *cache, struct page_table *table, struct kv_cache_seq **out)
{
    struct kv_cache_seq *seq = mem_zalloc(sizeof(*seq));
    seq->cache = cache;
    seq->table = table;
    cache->live_seq_count++;
    *out = seq;
}

enum status kv_cache_seq_new(struct kv_cache *cache, struct kv_cache_seq **out, struct error *err)
{
    struct page_table *table = NULL;
    TRY(new_table(cache, &table, err));
    new_seq(cache, table, out);
    return OK;
}

void kv_cache_seq_free(struct kv_cache_seq *seq)
{
    if (!seq)
        return;
    if (seq->table->references > 1) {
        seq->table->references--;
    } else {
        kv_cache_seq_truncate(seq, 0);
        mem_free(seq->table);
    }
    seq->cache->live_seq_count--;
    mem_free(seq);
}

enum status kv_cache_seq_fork(const struct kv_cache_seq *seq, uint32_t token_count,
                              struct kv_cache_seq **out, struct error *err)
{
    if (token_count > seq->token_count)
        return error_set(err, E_INVALID,
                         "a fork at token %" PRIu32 " of a sequence of %" PRIu32 " tokens",
                         token_count, seq->token_count);
    struct kv_cache *cache = seq->cache;
    struct page_table *table = seq->table;
    if (pages_for(token_count) == seq->page_count)
        table->references++;
    else
        TRY(copy_table(cache, seq->table, pages_for(token_count), &table, err));
    new_seq(cache, table, out);
    (*out)->token_count = token_count;
    (*out)->page_count = pages_for(token_count);
    return OK;
}

/* Whether the next token goes into a page that another sequence holds too. */
static bool writes_shared_page(const struct kv_cache_seq *seq)
{
    return seq->token_count % KV_PAGE_TOKENS != 0 &&
           (seq->table->references > 1 ||
            seq->cache->references[seq->table->pages[seq->page_count - 1]] > 1);
}

uint32_t kv_cache_seq_append_pages(const struct kv_cache_seq *seq, uint32_t token_count)
{
    if (token_count == 0)
        return 0;
    const uint64_t total = (uint64_t)seq->token_count + token_count;
    if (total > KV_CACHE_TOKENS_MAX) /* more than any cache has; keeps pages_for() in range */
        return UINT32_MAX;
    return pages_for((uint32_t)total) - seq->page_count + (writes_shared_page(seq) ? 1 : 0);
}

uint32_t kv_cache_seq_room(const struct kv_cache_seq *seq)
{
    const uint32_t free_count = seq->cache->free_count;
    const uint32_t started = seq->token_count % KV_PAGE_TOKENS;
    const uint32_t in_last = started ? KV_PAGE_TOKENS - started : 0;
    if (!writes_shared_page(seq))
        return free_count * KV_PAGE_TOKENS + in_last;
    return free_count ? (free_count - 1) * KV_PAGE_TOKENS + in_last : 0;
}

static enum status check_room(const struct kv_cache_seq *seq, uint32_t token_count,
                              struct error *err)
{
    const struct kv_cache *cache = seq->cache;
    if (kv_cache_seq_append_pages(seq, token_count) > cache->free_count)
        return error_set(err, E_LIMIT,
                         "no room for %" PRIu32 " more tokens: %" PRIu32 " of %" PRIu32
                         " pages of %d tokens are free",
                         token_count, cache->free_count, cache->page_count, KV_PAGE_TOKENS);
    return OK;
}

enum status kv_cache_seq_load(struct kv_cache_seq *seq, uint32_t token_count, struct error *err)
{
    CHECK(seq->token_count == 0);
    TRY(check_room(seq, token_count, err));
    TRY(own_table(seq, seq->page_count, err));
    seq->token_count = token_count;
    while (seq->page_count < pages_for(token_count))
        seq->table->pages[seq->page_count++] = take_any_page(seq->cache);
    return OK;
}

enum status kv_cache_seq_append(struct kv_cache_seq *seq, uint32_t token_count, struct error *err)
{
    struct kv_cache *cache = seq->cache;
    if (token_count == 0)
        return OK;
    TRY(check_room(seq, token_count, err));
    TRY(own_table(seq, seq->page_count, err));
    if (writes_shared_page(seq)) {
        uint32_t *last = &seq->table->pages[seq->page_count - 1];
        const uint32_t own = take_any_page(cache);
        copy_page(cache, *last, own);
        release_page(cache, *last);
        *last = own;
    }
    seq->token_count += token_count;
    while (seq->page_count < pages_for(seq->token_count))
        seq->table->pages[seq->page_count++] = take_page(cache);
    return OK;
}

void kv_cache_seq_truncate(struct kv_cache_seq *seq, uint32_t token_count)
{
    struct error err;
    if (token_count >= seq->token_count)
        return;
    seq->token_count = token_count;
    if (seq->page_count == pages_for(token_count))
        return;
    CHECK(own_table(seq, pages_for(token_count), &err) == OK); /* small: a number for a page */
    while (seq->page_count > pages_for(token_count))
        release_page(seq->cache, seq->table->pages[--seq->page_count]);
}

uint32_t kv_cache_seq_token_count(const struct kv_cache_seq *seq)
{
    return seq->token_count;
}

static int32_t *token_at(const struct kv_cache_seq *seq, uint32_t position)
{
    const size_t page = seq->table->pages[position / KV_PAGE_TOKENS];
    return &seq->cache->tokens[page * KV_PAGE_TOKENS + position % KV_PAGE_TOKENS];
}

void kv_cache_seq_set_token(struct kv_cache_seq *seq, uint32_t position, int32_t token)
{
    if (seq->cache->tokens)
        *token_at(seq, position) = token;
}

int32_t kv_cache_seq_token(const struct kv_cache_seq *seq, uint32_t position)
{
    CHECK(seq->cache->tokens && position < seq->token_count);
    return *token_at(seq, position);
}

const uint32_t *kv_cache_seq_pages(const struct kv_cache_seq *seq)
{
    return seq->table->pages;
}

/* ---------------------------------------------------------------- open pages */

void kv_cache_open_begin(struct kv_cache *cache)
{
    cache->slice++;
    cache->passing_used = 0;
}

bool kv_cache_seq_open(struct kv_cache_seq *seq, uint32_t position)
{
    struct kv_cache *cache = seq->cache;
    const uint32_t blocks[] = {0, position / KV_PAGE_TOKENS};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        const uint32_t page = seq->table->pages[blocks[i]];
        if (!open_page(cache, page, blocks[i] == 0))
            return false;
        seq->table->open_pages[blocks[i]] = cache->open_of[page];
    }
    return true;
}

bool kv_cache_seq_open_passing(struct kv_cache_seq *seq, uint32_t position)
{
    struct kv_cache *cache = seq->cache;
    const uint32_t block = position / KV_PAGE_TOKENS;
    if (block == 0 || cache->passing_used == cache->passing_count ||
        cache->open_of[seq->table->pages[block]] != NO_PAGE || !kv_cache_seq_open(seq, 0))
        return false;
    seq->table->open_pages[block] = cache->open_count + cache->passing_used++;
    return true;
}

/* Rows of block `block` that are there. */
static uint32_t open_rows(const struct kv_cache_seq *seq, uint32_t block)
{
    return seq->cache->open[seq->cache->open_of[seq->table->pages[block]]].row_count;
}

uint32_t kv_cache_seq_missing(const struct kv_cache_seq *seq, uint32_t position)
{
    const uint32_t block = position / KV_PAGE_TOKENS;
    const uint32_t first = open_rows(seq, 0);
    if (first < KV_PAGE_TOKENS && first < position)
        return first;
    if (position % KV_PAGE_TOKENS == 0) /* nothing of its block is before it */
        return position;
    const uint32_t there = block * KV_PAGE_TOKENS + open_rows(seq, block);
    return there < position ? there : position;
}

void kv_cache_seq_note(struct kv_cache_seq *seq, uint32_t position)
{
    struct kv_cache *cache = seq->cache;
    const uint32_t index = cache->open_of[seq->table->pages[position / KV_PAGE_TOKENS]];
    if (index == NO_PAGE) /* a passing page */
        return;
    struct open_page *open = &cache->open[index];
    const uint32_t count = position % KV_PAGE_TOKENS + 1;
    open->row_count = count > open->row_count ? count : open->row_count;
}

const uint32_t *kv_cache_seq_open_pages(const struct kv_cache_seq *seq)
{
    return seq->table->open_pages;
}

/* ---------------------------------------------------------------- pages as bytes */

uint32_t kv_cache_piece_count(const struct kv_cache *cache)
{
    return cache->layer_count;
}

size_t kv_cache_page_bytes(const struct kv_cache *cache)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < cache->layer_count; i++)
        bytes += cache->layers[i].page_bytes;
    return bytes;
}

struct kv_cache_piece kv_cache_seq_piece(const struct kv_cache_seq *seq, uint32_t index,
                                         uint32_t piece)
{
    const struct kv_view *view = &seq->cache->view;
    CHECK(index < seq->page_count && piece < seq->cache->layer_count);
    return (struct kv_cache_piece){.bytes = kv_view_page(view, piece, seq->table->pages[index]),
                                   .size = view->layers[piece].page_bytes};
}

/* Keys, then values: [head][token] rows. */
static unsigned char *clear_rows(unsigned char *at, size_t row_bytes, uint32_t head_count,
                                 uint32_t token_count)
{
    for (uint32_t head = 0; head < head_count; head++) {
        memset(at + token_count * row_bytes, 0, (KV_PAGE_TOKENS - token_count) * row_bytes);
        at += KV_PAGE_TOKENS * row_bytes;
    }
    return at;
}

void kv_cache_clear_tail(const struct kv_cache *cache, uint32_t piece, unsigned char *copy,
                         uint32_t token_count)
{
    const struct kv_cache_layer *shape = &cache->shapes[piece];
    CHECK(token_count <= KV_PAGE_TOKENS);
    if (kv_view_is_coded(&cache->view, piece)) { /* codes stand for whole blocks */
        if (token_count < KV_PAGE_TOKENS)
            memset(copy, 0, cache->layers[piece].page_bytes);
        return;
    }
    copy = clear_rows(copy, kv_view_row_bytes(&cache->view, shape->key_dim), shape->kv_head_count,
                      token_count);
    clear_rows(copy, kv_view_row_bytes(&cache->view, shape->value_dim), shape->kv_head_count,
               token_count);
}
