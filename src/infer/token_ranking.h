/*
 * token_ranking - how likely a token was, and which ones were the most likely.
 *
 * Logarithms of the softmax of a row of logits, as the model gave them: ln p(i) = logit(i) - max -
 * ln(sum exp(logit(j) - max)), in double and in a fixed order.
 *
 * Threads: any. Depends on: kernel/exact_math.h. Used by: engine/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TOKEN_RANKING_TOP_MAX = 20 };

struct token_ranking_input {
    const float *logits; /* [vocab_size]; NULL: there was no choice, ln p is 0 */
    uint32_t vocab_size;
    int32_t id;         /* in [0, vocab_size) */
    uint32_t top_count; /* at most TOKEN_RANKING_TOP_MAX */
};

struct token_ranking_row {
    int32_t id;
    double logprob;
};

/* Fills rows[0] with the token itself and the following, at most top_count, with the most likely
 * ones, the best first; of equal ones the lower id. Returns how many rows. What is impossible has
 * TOKEN_RANKING_NEVER. */
size_t token_ranking_make(const struct token_ranking_input *input, struct token_ranking_row *rows);

/* JSON has no infinity; OpenAI says this. */
static const double TOKEN_RANKING_NEVER = -9999.0;
