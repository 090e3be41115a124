/*
 * sampler_stages - the steps between logits and a draw, one row each.
 *
 * A stage narrows or reshapes the list of candidates. Adding one is a function and a row in
 * sampler_stages.c. The list is never empty; entries with a logit of minus infinity are not in it.
 *
 * Threads: the list belongs to one sampler. Used by: sampler.c.
 */
#pragma once

#include "infer/sampler.h"
#include "kernel/kernel_table.h"

struct sampler_candidate {
    double logit; /* finite */
    int32_t id;
};

struct sampler_candidates {
    struct sampler_candidate *items; /* [count]; by ascending id until `is_sorted` */
    size_t count;                    /* at least 1 */
    double logit_max;
    bool is_sorted; /* by descending logit, then ascending id */
    kernel_exp_f64_fn *exp;
};

enum { SAMPLER_CHUNK = 64 };

/* The weights exp(logit - logit_max) of the up to SAMPLER_CHUNK candidates from `first` on; returns
 * how many. */
size_t sampler_weigh(const struct sampler_candidates *list, size_t first,
                     double out[SAMPLER_CHUNK]);

/* Their sum: weight i in lane i mod 8, then the lanes in pairs. */
double sampler_weights_sum(const double *weights, size_t count);

struct sampler_stage {
    const char *name;
    bool (*is_on)(const struct sampler_options *options);
    void (*apply)(struct sampler_candidates *list, const struct sampler_options *options);
};

/* In the order in which they work. */
const struct sampler_stage *sampler_stages_list(size_t *out_count);
