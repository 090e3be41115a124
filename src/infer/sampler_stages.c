#include "infer/sampler_stages.h"

#include "kernel/exact_math.h"

#include <stdlib.h>

/* True when `a` is picked before `b`: larger logit first, then lower id. A total order. */
static bool comes_first(const struct sampler_candidate *a, const struct sampler_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void swap(struct sampler_candidate *a, struct sampler_candidate *b)
{
    const struct sampler_candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Restores the heap (first candidate on top) below `root`. */
static void sift_down(struct sampler_candidate *heap, size_t count, size_t root)
{
    for (;;) {
        size_t best = root;
        const size_t left = 2 * root + 1;
        if (left < count && comes_first(&heap[left], &heap[best]))
            best = left;
        if (left + 1 < count && comes_first(&heap[left + 1], &heap[best]))
            best = left + 1;
        if (best == root)
            return;
        swap(&heap[root], &heap[best]);
        root = best;
    }
}

/* Takes the best candidates off a heap in order: next() moves the best of items[0, left) to
 * items[left - 1]. Afterwards the taken ones stand at the end, the best last. */
struct taker {
    struct sampler_candidate *items;
    size_t left;
};

static struct taker taker_over(struct sampler_candidates *list)
{
    for (size_t i = list->count / 2; i-- > 0;)
        sift_down(list->items, list->count, i);
    return (struct taker){list->items, list->count};
}

static const struct sampler_candidate *taker_next(struct taker *taker)
{
    taker->left--;
    swap(&taker->items[0], &taker->items[taker->left]);
    sift_down(taker->items, taker->left, 0);
    return &taker->items[taker->left];
}

/* The list becomes what was taken, best first. */
static void keep_taken(struct sampler_candidates *list, const struct taker *taker)
{
    const size_t kept = list->count - taker->left;
    for (size_t i = 0; i < kept / 2; i++)
        swap(&list->items[taker->left + i], &list->items[list->count - 1 - i]);
    memmove(list->items, list->items + taker->left, kept * sizeof(*list->items));
    list->count = kept;
    list->is_sorted = true;
}

/* ---------------------------------------------------------------- weights */

size_t sampler_weigh(const struct sampler_candidates *list, size_t first, double out[SAMPLER_CHUNK])
{
    const size_t left = list->count - first;
    const size_t count = left < SAMPLER_CHUNK ? left : SAMPLER_CHUNK;
    for (size_t i = 0; i < count; i++)
        out[i] = list->items[first + i].logit - list->logit_max;
    list->exp(out, count, out);
    return count;
}

double sampler_weights_sum(const double *weights, size_t count)
{
    double lane[8] = {0};
    for (size_t i = 0; i < count; i++)
        lane[i % 8] += weights[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* ---------------------------------------------------------------- top-k */

static bool top_k_is_on(const struct sampler_options *options)
{
    return options->top_k > 0;
}

static void top_k(struct sampler_candidates *list, const struct sampler_options *options)
{
    struct taker taker = taker_over(list);
    for (size_t i = 0; i < options->top_k && taker.left; i++)
        (void)taker_next(&taker);
    keep_taken(list, &taker);
}

/* ---------------------------------------------------------------- top-p */

static bool top_p_is_on(const struct sampler_options *options)
{
    return options->top_p > 0.0f && options->top_p < 1.0f;
}

static void top_p(struct sampler_candidates *list, const struct sampler_options *options)
{
    double total = 0;
    double weights[SAMPLER_CHUNK];
    for (size_t i = 0; i < list->count; i += SAMPLER_CHUNK)
        total += sampler_weights_sum(weights, sampler_weigh(list, i, weights));
    const double enough = (double)options->top_p * total;

    double sum = 0;
    if (list->is_sorted) {
        size_t kept = 0;
        while (kept < list->count && (kept == 0 || sum < enough))
            sum += exact_math_exp(list->items[kept++].logit - list->logit_max);
        list->count = kept;
        return;
    }
    struct taker taker = taker_over(list);
    while (taker.left && (taker.left == list->count || sum < enough))
        sum += exact_math_exp(taker_next(&taker)->logit - list->logit_max);
    keep_taken(list, &taker);
}

/* ---------------------------------------------------------------- min-p */

static bool min_p_is_on(const struct sampler_options *options)
{
    return options->min_p > 0.0f;
}

static void min_p(struct sampler_candidates *list, const struct sampler_options *options)
{
    size_t kept = 0;
    double ratios[SAMPLER_CHUNK];
    for (size_t first = 0; first < list->count; first += SAMPLER_CHUNK) {
        const size_t count = sampler_weigh(list, first, ratios);
        for (size_t i = 0; i < count; i++)
            if (ratios[i] >= (double)options->min_p) /* the best has 1 and min_p is at most 1 */
                list->items[kept++] = list->items[first + i];
    }
    list->count = kept;
}

/* ---------------------------------------------------------------- temperature */

static bool temperature_is_on(const struct sampler_options *options)
{
    return options->temperature != 1.0f;
}

static void temperature(struct sampler_candidates *list, const struct sampler_options *options)
{
    for (size_t i = 0; i < list->count; i++)
        list->items[i].logit /= (double)options->temperature;
    list->logit_max /= (double)options->temperature;
}

/* ---------------------------------------------------------------- the rows */

static const struct sampler_stage stages[] = {
    {"top-k", top_k_is_on, top_k},
    {"top-p", top_p_is_on, top_p},
    {"min-p", min_p_is_on, min_p},
    {"temperature", temperature_is_on, temperature},
};

const struct sampler_stage *sampler_stages_list(size_t *out_count)
{
    *out_count = sizeof(stages) / sizeof(stages[0]);
    return stages;
}
