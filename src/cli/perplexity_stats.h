/*
 * perplexity_stats - how well a model foretells a text, and how far it is from another one.
 *
 * Perplexity is exp of the mean negative log probability of the tokens that came. The Kullback-
 * Leibler divergence of a position is sum over tokens of p_base * (log p_base - log p); it is 0
 * where both models say the same. Uncertainties are standard errors of the mean.
 *
 * Threads: one at a time. Used by: cmd_perplexity.c.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sums of one quantity. Zeroed is empty. */
struct perplexity_sum {
    double sum;
    double squares;
};

struct perplexity_stats {
    size_t count; /* tokens */
    struct perplexity_sum own;
    struct perplexity_sum base;
    double products; /* of own and base: for the error of their ratio */
    struct perplexity_sum divergence;
    struct perplexity_sum probability; /* of the token that came: own less base */
    size_t same_top_count;
    double *divergences; /* [count], owned; NULL without a base */
    size_t capacity;
    bool has_base;
};

void perplexity_stats_done(struct perplexity_stats *stats);

/* A position: logits [vocabulary] and, with a base, its log probabilities [vocabulary]; `token` is
 * what came. */
void perplexity_stats_add(struct perplexity_stats *stats, const float *logits,
                          const float *base_log_probabilities, uint32_t vocabulary, int32_t token);

/* {"perplexity": {"value", "error"}, "tokens", and with a base "base_perplexity", "log_ratio",
 * "divergence": {"mean", "error", "median", "p90", "p99", "max"}, "probability_change", "same_top":
 * {"share", "error"}}. Sorts the divergences. The caller releases it. */
json_t *perplexity_stats_json(struct perplexity_stats *stats);
