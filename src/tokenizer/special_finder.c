#include "tokenizer/special_finder.h"

#include "base/mem.h"
#include "tokenizer/tokenizer.h"

enum { HITS_MAX = 4 * 1024 * 1024, CAPACITY_MIN = 64 };

enum status special_finder_init(struct special_finder *finder, const struct vocab *vocab,
                                struct error *err)
{
    for (uint32_t id = 0; id < vocab->size; id++) {
        if (vocab->kinds && vocab_is_special(vocab, id) && vocab->pieces[id].len > 0 &&
            !byte_tree_add(&finder->tree, vocab->pieces[id], (int32_t)id))
            return error_set(err, E_NO_MEMORY, "no memory for the special tokens");
    }
    return OK;
}

void special_finder_done(struct special_finder *finder)
{
    byte_tree_done(&finder->tree);
}

/* ---------------------------------------------------------------- finding */

void special_finder_hits_done(struct special_finder_hits *hits)
{
    mem_free(hits->hits);
    *hits = (struct special_finder_hits){0};
}

static enum status add_hit(struct special_finder_hits *hits, struct special_finder_hit hit,
                           struct error *err)
{
    if (hits->count == HITS_MAX)
        return error_set(err, E_LIMIT, "the text holds more than %d special tokens", HITS_MAX);
    if (hits->count == hits->capacity) {
        const size_t capacity = hits->capacity ? hits->capacity * 2 : CAPACITY_MIN;
        struct special_finder_hit *grown =
            mem_try_realloc(hits->hits, capacity * sizeof(*hits->hits));
        if (!grown)
            return error_set(err, E_NO_MEMORY, "no memory for %zu special tokens", capacity);
        hits->hits = grown;
        hits->capacity = capacity;
    }
    hits->hits[hits->count++] = hit;
    return OK;
}

/* All hits, overlapping ones too, in order of their start. */
static enum status find_all(const struct special_finder *finder, const struct vocab *vocab,
                            struct str text, bool only_visible, const uint8_t *allowed,
                            struct special_finder_hits *out, struct error *err)
{
    for (size_t start = 0; start < text.len; start++) {
        uint32_t node = finder->tree.roots[(unsigned char)text.ptr[start]];
        for (size_t i = start; node != 0 && (!allowed || allowed[i]); i++) {
            const int32_t id = finder->tree.nodes[node].id;
            const struct special_finder_hit hit = {(uint32_t)start, (uint32_t)(i + 1 - start), id};
            if (id >= 0 && !(only_visible && vocab->kinds[id] != TOKEN_USER_DEFINED))
                TRY(add_hit(out, hit, err));
            if (i + 1 == text.len)
                break;
            node = byte_tree_child(&finder->tree, node, (unsigned char)text.ptr[i + 1]);
        }
    }
    return OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct special_finder_hit *x = a;
    const struct special_finder_hit *y = b;
    if (x->len != y->len)
        return x->len > y->len ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

static int by_start(const void *a, const void *b)
{
    const struct special_finder_hit *x = a;
    const struct special_finder_hit *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static bool overlaps(const struct special_finder_hits *hits)
{
    for (size_t i = 1; i < hits->count; i++) {
        if (hits->hits[i].start < hits->hits[i - 1].start + hits->hits[i - 1].len)
            return true;
    }
    return false;
}

/* Takes hits longest first and drops those that touch a taken one. A hit is never longer than one
 * taken before it, so it is enough to look at its two ends. */
static enum status drop_overlaps(struct special_finder_hits *hits, size_t text_len,
                                 struct error *err)
{
    CLEANUP(mem_freep) uint8_t *taken = mem_try_zalloc(text_len, 1);
    if (!taken)
        return error_set(err, E_NO_MEMORY, "no memory for %zu bytes", text_len);
    qsort(hits->hits, hits->count, sizeof(*hits->hits), longest_first);
    size_t kept = 0;
    for (size_t i = 0; i < hits->count; i++) {
        const struct special_finder_hit hit = hits->hits[i];
        if (taken[hit.start] || taken[hit.start + hit.len - 1])
            continue;
        memset(taken + hit.start, 1, hit.len);
        hits->hits[kept++] = hit;
    }
    hits->count = kept;
    qsort(hits->hits, hits->count, sizeof(*hits->hits), by_start);
    return OK;
}

enum status special_finder_find(const struct special_finder *finder, const struct vocab *vocab,
                                struct str text, bool only_visible, const uint8_t *allowed,
                                struct special_finder_hits *out, struct error *err)
{
    out->count = 0;
    TRY(find_all(finder, vocab, text, only_visible, allowed, out, err));
    return overlaps(out) ? drop_overlaps(out, text.len, err) : OK;
}
