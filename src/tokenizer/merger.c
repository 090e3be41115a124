#include "tokenizer/merger.h"

#include "base/mem.h"

enum { SCAN_MAX = 24 };

#define NONE UINT32_MAX /* no symbol */

/* A pair that may be joined, unless one of the two was joined otherwise meanwhile. */
struct candidate {
    uint32_t priority;
    uint32_t left; /* index of the left symbol; equal priorities go by it */
    uint32_t left_id;
    uint32_t right_id;
    uint32_t joined_id;
};

struct link {
    uint32_t previous;
    uint32_t next;
};

/* What merger.heap points to: links first, candidates behind them. */
struct heap {
    struct link *links;
    struct candidate *candidates; /* a binary heap, the best one first */
    size_t count;
};

bool merger_begin(struct merger *merger, size_t count)
{
    merger->symbol_count = 0;
    if (count <= merger->symbol_capacity)
        return true;
    struct merger_symbol *symbols = mem_try_realloc(merger->symbols, count * sizeof(*symbols));
    if (!symbols)
        return false;
    merger->symbols = symbols;
    merger->symbol_capacity = count;
    return true;
}

void merger_done(struct merger *merger)
{
    mem_free(merger->symbols);
    mem_free(merger->heap);
    *merger = (struct merger){0};
}

/* ---------------------------------------------------------------- short words */

static void run_scan(struct merger *merger, const struct merge_table *table)
{
    struct merge_table_entry pairs[SCAN_MAX]; /* pairs[i]: symbols i and i + 1 */
    struct merger_symbol *symbols = merger->symbols;
    size_t count = merger->symbol_count;
    for (size_t i = 0; i + 1 < count; i++)
        pairs[i] = merge_table_find(table, symbols[i].id, symbols[i + 1].id);
    for (;;) {
        size_t best = 0;
        uint32_t priority = MERGE_TABLE_NONE;
        for (size_t i = 0; i + 1 < count; i++) {
            if (pairs[i].priority < priority) {
                priority = pairs[i].priority;
                best = i;
            }
        }
        if (priority == MERGE_TABLE_NONE)
            break;
        symbols[best].len += symbols[best + 1].len;
        symbols[best].id = pairs[best].joined;
        count--;
        for (size_t i = best + 1; i < count; i++)
            symbols[i] = symbols[i + 1];
        for (size_t i = best + 1; i + 1 < count; i++)
            pairs[i] = pairs[i + 1];
        if (best + 1 < count)
            pairs[best] = merge_table_find(table, symbols[best].id, symbols[best + 1].id);
        if (best > 0)
            pairs[best - 1] = merge_table_find(table, symbols[best - 1].id, symbols[best].id);
    }
    merger->symbol_count = count;
}

/* ---------------------------------------------------------------- long words */

static bool is_before(const struct candidate *a, const struct candidate *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->left < b->left;
}

static void push(struct heap *heap, struct candidate candidate)
{
    size_t at = heap->count++;
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (!is_before(&candidate, &heap->candidates[parent]))
            break;
        heap->candidates[at] = heap->candidates[parent];
        at = parent;
    }
    heap->candidates[at] = candidate;
}

static struct candidate pop(struct heap *heap)
{
    const struct candidate first = heap->candidates[0];
    const struct candidate last = heap->candidates[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            is_before(&heap->candidates[child + 1], &heap->candidates[child]))
            child++;
        if (!is_before(&heap->candidates[child], &last))
            break;
        heap->candidates[at] = heap->candidates[child];
        at = child;
    }
    if (heap->count > 0)
        heap->candidates[at] = last;
    return first;
}

static void offer(struct heap *heap, const struct merger *merger, const struct merge_table *table,
                  uint32_t left)
{
    const uint32_t right = heap->links[left].next;
    if (right == NONE)
        return;
    const struct merge_table_entry pair =
        merge_table_find(table, merger->symbols[left].id, merger->symbols[right].id);
    if (pair.priority != MERGE_TABLE_NONE)
        push(heap, (struct candidate){pair.priority, left, pair.left, pair.right, pair.joined});
}

/* A symbol that was joined into its left neighbour has length 0; one that grew has another number,
 * since a number stands for one text. */
static bool still_holds(const struct heap *heap, const struct merger *merger,
                        const struct candidate *candidate)
{
    const struct merger_symbol *left = &merger->symbols[candidate->left];
    const uint32_t right = heap->links[candidate->left].next;
    return left->len > 0 && left->id == candidate->left_id && right != NONE &&
           merger->symbols[right].id == candidate->right_id;
}

static void join(struct heap *heap, struct merger *merger, const struct candidate *candidate)
{
    struct link *links = heap->links;
    const uint32_t left = candidate->left;
    const uint32_t right = links[left].next;
    merger->symbols[left].len += merger->symbols[right].len;
    merger->symbols[left].id = candidate->joined_id;
    merger->symbols[right].len = 0;
    links[left].next = links[right].next;
    if (links[right].next != NONE)
        links[links[right].next].previous = left;
}

static bool reserve_heap(struct merger *merger, struct heap *heap)
{
    /* Each join takes one candidate and offers two; there are count - 1 joins at most. */
    const size_t count = merger->symbol_count;
    const size_t bytes = count * sizeof(*heap->links) + 2 * count * sizeof(*heap->candidates);
    if (bytes > merger->heap_bytes) {
        mem_free(merger->heap);
        merger->heap_bytes = 0;
        merger->heap = mem_try_alloc(bytes);
        if (!merger->heap)
            return false;
        merger->heap_bytes = bytes;
    }
    heap->links = merger->heap;
    heap->candidates = (struct candidate *)(heap->links + count);
    return true;
}

static bool run_heap(struct merger *merger, const struct merge_table *table)
{
    struct heap heap = {0};
    if (!reserve_heap(merger, &heap))
        return false;
    const uint32_t count = (uint32_t)merger->symbol_count;
    for (uint32_t i = 0; i < count; i++)
        heap.links[i] = (struct link){i > 0 ? i - 1 : NONE, i + 1 < count ? i + 1 : NONE};
    for (uint32_t i = 0; i + 1 < count; i++)
        offer(&heap, merger, table, i);
    while (heap.count > 0) {
        const struct candidate best = pop(&heap);
        if (!still_holds(&heap, merger, &best))
            continue;
        join(&heap, merger, &best);
        if (heap.links[best.left].previous != NONE)
            offer(&heap, merger, table, heap.links[best.left].previous);
        offer(&heap, merger, table, best.left);
    }
    size_t left = 0;
    for (uint32_t i = 0; i != NONE; i = heap.links[i].next)
        merger->symbols[left++] = merger->symbols[i];
    merger->symbol_count = left;
    return true;
}

bool merger_run(struct merger *merger, const struct merge_table *table)
{
    if (merger->symbol_count > SCAN_MAX)
        return run_heap(merger, table);
    if (merger->symbol_count > 1)
        run_scan(merger, table);
    return true;
}
