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

struct sampler_candidate {
    double logit; /* finite */
    int32_t id;
};

struct sampler_candidates {
    struct sampler_candidate *items; /* [count]; by ascending id until `is_sorted` */
    size_t count;                    /* at least 1 */
    double logit_max;
    bool is_sorted; /* by descending logit, then ascending id */
};

struct sampler_stage {
    const char *name;
    bool (*is_on)(const struct sampler_options *options);
    void (*apply)(struct sampler_candidates *list, const struct sampler_options *options);
};

/* In the order in which they work. */
const struct sampler_stage *sampler_stages_list(size_t *out_count);
