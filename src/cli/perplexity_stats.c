#include "cli/perplexity_stats.h"

#include "base/mem.h"
#include "kernel/exact_math.h"

#include <math.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 1024 };

/* Base tokens less probable than this say nothing about a quantized log probability. */
static const float LOG_PROBABILITY_MIN = -16;

void perplexity_stats_done(struct perplexity_stats *stats)
{
    mem_free(stats->divergences);
    *stats = (struct perplexity_stats){0};
}

static void add(struct perplexity_sum *sum, double value)
{
    sum->sum += value;
    sum->squares += value * value;
}

static uint32_t highest(const float *values, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        best = values[i] > values[best] ? i : best;
    return best;
}

/* log of the sum of exp(logits): what a logit less this is, is its log probability. */
static double log_sum(const float *logits, uint32_t count, uint32_t best)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += exact_math_exp((double)logits[i] - (double)logits[best]);
    return (double)logits[best] + exact_math_log(sum);
}

static void keep_divergence(struct perplexity_stats *stats, double value)
{
    if (stats->count == stats->capacity) {
        stats->capacity = stats->capacity ? stats->capacity * 2 : CAPACITY_MIN;
        stats->divergences =
            mem_realloc(stats->divergences, stats->capacity * sizeof(*stats->divergences));
    }
    stats->divergences[stats->count] = value;
    add(&stats->divergence, value);
}

static void compare(struct perplexity_stats *stats, const float *logits, const float *base,
                    uint32_t vocabulary, int32_t token, double total, uint32_t best)
{
    double divergence = 0;
    for (uint32_t i = 0; i < vocabulary; i++) {
        if (base[i] > LOG_PROBABILITY_MIN)
            divergence +=
                exact_math_exp((double)base[i]) * ((double)base[i] - (double)logits[i] + total);
    }
    const double own_loss = total - (double)logits[token];
    const double base_loss = -(double)base[token];
    keep_divergence(stats, divergence);
    add(&stats->base, base_loss);
    add(&stats->probability, exact_math_exp(-own_loss) - exact_math_exp(-base_loss));
    stats->products += own_loss * base_loss;
    stats->same_top_count += best == highest(base, vocabulary);
    stats->has_base = true;
}

void perplexity_stats_add(struct perplexity_stats *stats, const float *logits,
                          const float *base_log_probabilities, uint32_t vocabulary, int32_t token)
{
    const uint32_t best = highest(logits, vocabulary);
    const double total = log_sum(logits, vocabulary, best);
    add(&stats->own, total - (double)logits[token]);
    if (base_log_probabilities)
        compare(stats, logits, base_log_probabilities, vocabulary, token, total, best);
    stats->count++;
}

/* ---------------------------------------------------------------- results */

struct estimate {
    double mean;
    double error;
};

static struct estimate estimate_of(const struct perplexity_sum *sum, size_t count)
{
    struct estimate out = {0};
    if (!count)
        return out;
    out.mean = sum->sum / (double)count;
    const double variance = sum->squares / (double)count - out.mean * out.mean;
    if (variance > 0 && count > 1)
        out.error = sqrt(variance / (double)(count - 1));
    return out;
}

static json_t *estimate_json(const char *name, double value, double error)
{
    return json_pack("{s:f, s:f}", name, value, "error", error);
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest values, of sorted ones. */
static double share_of(const struct perplexity_stats *stats, double share)
{
    const double place = share * (double)(stats->count - 1);
    const size_t low = (size_t)place;
    const size_t high = low + 1 < stats->count ? low + 1 : low;
    const double part = place - (double)low;
    return (1 - part) * stats->divergences[low] + part * stats->divergences[high];
}

static json_t *divergence_json(struct perplexity_stats *stats)
{
    const struct estimate mean = estimate_of(&stats->divergence, stats->count);
    qsort(stats->divergences, stats->count, sizeof(*stats->divergences), compare_numbers);
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "mean", mean.mean, "error", mean.error,
                     "median", share_of(stats, 0.5), "p90", share_of(stats, 0.9), "p99",
                     share_of(stats, 0.99), "max", share_of(stats, 1));
}

static void add_comparison(json_t *object, struct perplexity_stats *stats)
{
    const double count = (double)stats->count;
    const struct estimate own = estimate_of(&stats->own, stats->count);
    const struct estimate base = estimate_of(&stats->base, stats->count);
    const struct estimate change = estimate_of(&stats->probability, stats->count);
    const double covariance =
        stats->count > 1 ? (stats->products / count - own.mean * base.mean) / (count - 1) : 0;
    const double spread = own.error * own.error + base.error * base.error - 2 * covariance;
    const double same = (double)stats->same_top_count / count;
    const double same_error = stats->count > 1 ? sqrt(same * (1 - same) / (count - 1)) : 0;
    json_object_set_new(
        object, "base_perplexity",
        estimate_json("value", exact_math_exp(base.mean), exact_math_exp(base.mean) * base.error));
    json_object_set_new(
        object, "log_ratio",
        estimate_json("value", own.mean - base.mean, spread > 0 ? sqrt(spread) : 0));
    json_object_set_new(object, "divergence", divergence_json(stats));
    json_object_set_new(object, "probability_change",
                        estimate_json("mean", change.mean, change.error));
    json_object_set_new(object, "same_top", estimate_json("share", same, same_error));
}

json_t *perplexity_stats_json(struct perplexity_stats *stats)
{
    json_t *object = json_object();
    const struct estimate own = estimate_of(&stats->own, stats->count);
    json_object_set_new(
        object, "perplexity",
        estimate_json("value", exact_math_exp(own.mean), exact_math_exp(own.mean) * own.error));
    json_object_set_new(object, "tokens", json_integer((json_int_t)stats->count));
    if (stats->has_base && stats->count)
        add_comparison(object, stats);
    return object;
}
