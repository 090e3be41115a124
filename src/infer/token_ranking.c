#include "infer/token_ranking.h"

#include "kernel/exact_math.h"

#include <math.h>

static double logit_at(const struct token_ranking_input *input, uint32_t id)
{
    const double logit = (double)input->logits[id];
    return isnan(logit) ? -HUGE_VAL : logit;
}

/* What is subtracted from a logit: max + ln(sum exp(logit - max)). */
static double log_of_sum(const struct token_ranking_input *input)
{
    double max = -HUGE_VAL;
    double sum = 0;
    for (uint32_t i = 0; i < input->vocab_size; i++) {
        const double logit = logit_at(input, i);
        max = logit > max ? logit : max;
    }
    if (isinf(max))
        return max;
    for (uint32_t i = 0; i < input->vocab_size; i++)
        sum += exact_math_exp(logit_at(input, i) - max);
    return max + exact_math_log(sum);
}

static struct token_ranking_row make_row(const struct token_ranking_input *input, int32_t id,
                                         double total)
{
    const double logprob = input->logits ? logit_at(input, (uint32_t)id) - total : 0;
    return (struct token_ranking_row){
        .id = id,
        .logprob = logprob >= TOKEN_RANKING_NEVER ? logprob : TOKEN_RANKING_NEVER,
    };
}

/* Puts `id` into its place among the `count` best so far; returns the new count. */
static size_t insert(const struct token_ranking_input *input, int32_t *best, size_t count,
                     int32_t id)
{
    size_t at = count;
    while (at > 0 && logit_at(input, (uint32_t)best[at - 1]) < logit_at(input, (uint32_t)id))
        at--;
    if (at == input->top_count)
        return count;
    const size_t kept = count < input->top_count ? count : input->top_count - 1;
    for (size_t i = kept; i > at; i--)
        best[i] = best[i - 1];
    best[at] = id;
    return kept + 1;
}

size_t token_ranking_make(const struct token_ranking_input *input, struct token_ranking_row *rows)
{
    const double total = input->logits ? log_of_sum(input) : 0;
    int32_t best[TOKEN_RANKING_TOP_MAX] = {0};
    size_t count = 0;
    rows[0] = make_row(input, input->id, total);
    if (input->top_count == 0)
        return 1;
    if (input->logits) {
        for (uint32_t i = 0; i < input->vocab_size; i++)
            count = insert(input, best, count, (int32_t)i);
    } else {
        best[count++] = input->id;
    }
    for (size_t i = 0; i < count; i++)
        rows[1 + i] = make_row(input, best[i], total);
    return 1 + count;
}
