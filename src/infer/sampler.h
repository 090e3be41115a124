/*
 * sampler - picks one token from a row of logits.
 *
 * A pick is a pure function of the logits, the options, the position, the tokens before it and the
 * allowed set: random numbers come from a counter-based generator keyed by seed and position, so
 * the same position gives the same token whatever was sampled, drafted or rewound in between. All
 * arithmetic is in double, in a fixed order and with kernel/exact_math.h, so the bits are the same
 * on every machine. Ties go to the lower token id everywhere.
 *
 * First the repetition penalty changes the logits, then what the caller adds to single tokens and
 * the penalties of presence and frequency (OpenAI: logit - count * frequency - (count > 0) *
 * presence, counted over the answer); then come the stages, rows of sampler_stages.c: top-k, top-p,
 * min-p, temperature; then the draw.
 *
 * Owns scratch memory for one vocabulary, nothing else; sampler_pick() allocates nothing.
 * Threads: one at a time. Depends on: kernel/ (exact_math.h, exp_f64). Used by: engine/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_table;
struct sampler; /* opaque: scratch for one vocabulary size */

enum {
    SAMPLER_VOCAB_MAX = 4 * 1024 * 1024,
    SAMPLER_REPEAT_LAST_MAX = 4096, /* tokens the repetition penalty may look back */
    SAMPLER_BIASES_MAX = 1024,
};

/* Zeroed is greedy. */
struct sampler_options {
    float temperature;          /* 0: the most likely token (the other stages but the penalty are
                                   then without effect); at most 100 */
    uint32_t top_k;             /* keep the k most likely; 0: all */
    float top_p;                /* keep the fewest tokens whose probabilities sum to at least p;
                                   0 or 1: all */
    float min_p;                /* drop what is less than p times as likely as the best; 0: none */
    float repeat_penalty;       /* divides positive and multiplies negative logits of tokens seen
                                   lately; 0 or 1: none */
    uint32_t repeat_last_count; /* how many of the last tokens count as seen; at most
                                   SAMPLER_REPEAT_LAST_MAX */
    float presence_penalty;     /* from -2 to 2, as the next one */
    float frequency_penalty;
    uint64_t seed;
};

/* Is added to the logit of one token. */
struct sampler_bias {
    int32_t id; /* outside of the vocabulary: without effect */
    float add;
};

/* E_INVALID names the first field that is out of range (NaN is). */
MUST_USE enum status sampler_options_check(const struct sampler_options *options,
                                           struct error *err);

struct sampler_input {
    const float *logits;     /* [vocab_size] f32; NaN counts as minus infinity */
    const uint64_t *allowed; /* bit t % 64 of word t / 64: token t may be picked; NULL: all may */
    const int32_t *history;  /* [history_count] token ids before this position, oldest first; ids
                                outside the vocabulary are ignored */
    size_t history_count;
    size_t answer_count;               /* the last of these, that the answer consists of; at most
                                          history_count */
    const struct sampler_bias *biases; /* [bias_count]; of several for a token the sum counts */
    size_t bias_count;
    uint64_t position; /* of the token to be picked, in its sequence */
};

/* How many tokens before its position a pick wants in the history, and whether it wants all of the
 * answer. */
uint32_t sampler_repeat_count(const struct sampler_options *options);
bool sampler_sees_answer(const struct sampler_options *options);

/* `kernels` is borrowed for the call. */
MUST_USE enum status sampler_new(uint32_t vocab_size, const struct kernel_table *kernels,
                                 struct sampler **out, struct error *err);
void sampler_free(struct sampler *sampler); /* NULL is allowed */

static inline void sampler_freep(struct sampler **sampler)
{
    sampler_free(*sampler);
}

/* The token, in [0, vocab_size) and in the allowed set for any bits of `logits`: where all allowed
 * logits are NaN or minus infinity it is the lowest allowed id. -1 only when nothing is allowed.
 * Cost: a pass over the logits, and a sort of what the stages keep. */
int32_t sampler_pick(struct sampler *sampler, const struct sampler_options *options,
                     const struct sampler_input *input);

/* 64 random bits for (seed, position, draw); the generator behind sampler_pick(). */
uint64_t sampler_random(uint64_t seed, uint64_t position, uint32_t draw);
