#include "infer/sampler.h"

#include "base/mem.h"
#include "infer/sampler_stages.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

struct sampler {
    struct sampler_candidate *candidates; /* [vocab_size] */
    uint64_t *seen;                       /* bit per token; all zero between picks */
    double *added;                        /* [vocab_size] to the logits; the same */
    double *sums;                         /* of the weights of each chunk of candidates */
    kernel_exp_f64_fn *exp;
    bool has_added;
    uint32_t vocab_size;
};

/* ---------------------------------------------------------------- random numbers */

/* One multiplication of Philox: high and low half of a * b. */
static uint32_t multiply(uint32_t a, uint32_t b, uint32_t *out_low)
{
    const uint64_t product = (uint64_t)a * b;
    *out_low = (uint32_t)product;
    return (uint32_t)(product >> 32);
}

/* Philox4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011); counter = position and draw, key = seed. */
uint64_t sampler_random(uint64_t seed, uint64_t position, uint32_t draw)
{
    enum { ROUNDS = 10 };
    const uint32_t factor[2] = {0xD2511F53u, 0xCD9E8D57u};
    const uint32_t weyl[2] = {0x9E3779B9u, 0xBB67AE85u};
    uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), draw, 0};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t low0 = 0;
        uint32_t low1 = 0;
        const uint32_t high0 = multiply(factor[0], counter[0], &low0);
        const uint32_t high1 = multiply(factor[1], counter[2], &low1);
        counter[0] = high1 ^ counter[1] ^ key[0];
        counter[2] = high0 ^ counter[3] ^ key[1];
        counter[1] = low1;
        counter[3] = low0;
        key[0] += weyl[0];
        key[1] += weyl[1];
    }
    return (uint64_t)counter[0] << 32 | counter[1];
}

/* In [0, 1), 53 bits. */
static double uniform(uint64_t seed, uint64_t position)
{
    return (double)(sampler_random(seed, position, 0) >> 11) * 0x1p-53;
}

/* ---------------------------------------------------------------- options */

static bool is_between(float value, float low, float high)
{
    return value >= low && value <= high; /* false for NaN */
}

enum status sampler_options_check(const struct sampler_options *options, struct error *err)
{
    const struct {
        const char *name;
        float value;
        float low;
        float high;
    } rows[] = {
        {"temperature", options->temperature, 0.0f, 100.0f},
        {"top_p", options->top_p, 0.0f, 1.0f},
        {"min_p", options->min_p, 0.0f, 1.0f},
        {"repeat_penalty", options->repeat_penalty, 0.0f, 100.0f},
        {"presence_penalty", options->presence_penalty, -2.0f, 2.0f},
        {"frequency_penalty", options->frequency_penalty, -2.0f, 2.0f},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_between(rows[i].value, rows[i].low, rows[i].high))
            return error_set(err, E_INVALID, "%s is %g, but must be from %g to %g", rows[i].name,
                             (double)rows[i].value, (double)rows[i].low, (double)rows[i].high);
    }
    if (options->repeat_last_count > SAMPLER_REPEAT_LAST_MAX)
        return error_set(err, E_INVALID, "repeat_last_count is %u, but must be at most %d",
                         options->repeat_last_count, SAMPLER_REPEAT_LAST_MAX);
    return OK;
}

/* ---------------------------------------------------------------- candidates */

enum status sampler_new(uint32_t vocab_size, const struct kernel_table *kernels,
                        struct sampler **out, struct error *err)
{
    if (vocab_size == 0 || vocab_size > SAMPLER_VOCAB_MAX)
        return error_set(err, E_LIMIT, "a vocabulary of %u tokens (limit %d)", vocab_size,
                         SAMPLER_VOCAB_MAX);
    CLEANUP(sampler_freep) struct sampler *sampler = mem_zalloc(sizeof(*sampler));
    sampler->vocab_size = vocab_size;
    sampler->exp = kernels->exp_f64;
    sampler->candidates = mem_try_zalloc(vocab_size, sizeof(*sampler->candidates));
    sampler->seen = mem_try_zalloc(vocab_size / 64 + 1, sizeof(*sampler->seen));
    sampler->added = mem_try_zalloc(vocab_size, sizeof(*sampler->added));
    sampler->sums = mem_try_zalloc(vocab_size / SAMPLER_CHUNK + 1, sizeof(*sampler->sums));
    if (!sampler->candidates || !sampler->seen || !sampler->added || !sampler->sums)
        return error_set(err, E_NO_MEMORY, "no memory to sample from %u tokens", vocab_size);
    *out = sampler;
    sampler = NULL;
    return OK;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    mem_free(sampler->candidates);
    mem_free(sampler->seen);
    mem_free(sampler->added);
    mem_free(sampler->sums);
    mem_free(sampler);
}

uint32_t sampler_repeat_count(const struct sampler_options *options)
{
    if (options->repeat_penalty == 0.0f || options->repeat_penalty == 1.0f)
        return 0;
    return options->repeat_last_count < SAMPLER_REPEAT_LAST_MAX ? options->repeat_last_count
                                                                : SAMPLER_REPEAT_LAST_MAX;
}

bool sampler_sees_answer(const struct sampler_options *options)
{
    return options->presence_penalty != 0.0f || options->frequency_penalty != 0.0f;
}

/* Sets or clears the bits of the last tokens of the history. */
static void mark_seen(struct sampler *sampler, const struct sampler_options *options,
                      const struct sampler_input *input, bool seen)
{
    size_t count = sampler_repeat_count(options);
    count = count < input->history_count ? count : input->history_count;
    for (size_t i = input->history_count - count; i < input->history_count; i++) {
        const int32_t id = input->history[i];
        if (id < 0 || (uint32_t)id >= sampler->vocab_size)
            continue;
        const uint64_t bit = (uint64_t)1 << (id % 64);
        if (seen)
            sampler->seen[id / 64] |= bit;
        else
            sampler->seen[id / 64] &= ~bit;
    }
}

static void add_to(struct sampler *sampler, int32_t id, double value)
{
    if (id >= 0 && (uint32_t)id < sampler->vocab_size)
        sampler->added[id] += value;
}

/* A token of the answer counts for presence where it comes first: quadratic would be too slow for
 * long answers, so `seen`, which is clear here, remembers. */
static void add_penalties(struct sampler *sampler, const struct sampler_options *options,
                          const int32_t *answer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t id = answer[i];
        if (id < 0 || (uint32_t)id >= sampler->vocab_size)
            continue;
        const uint64_t bit = (uint64_t)1 << (id % 64);
        if (!(sampler->seen[id / 64] & bit))
            sampler->added[id] -= (double)options->presence_penalty;
        sampler->seen[id / 64] |= bit;
        sampler->added[id] -= (double)options->frequency_penalty;
    }
    for (size_t i = 0; i < count; i++) {
        if (answer[i] >= 0 && (uint32_t)answer[i] < sampler->vocab_size)
            sampler->seen[answer[i] / 64] = 0;
    }
}

/* Fills `added`. */
static void fill_added(struct sampler *sampler, const struct sampler_options *options,
                       const struct sampler_input *input)
{
    const bool has_penalties = sampler_sees_answer(options);
    sampler->has_added = input->bias_count > 0 || (has_penalties && input->answer_count > 0);
    if (has_penalties && input->answer_count > 0)
        add_penalties(sampler, options,
                      input->history + (input->history_count - input->answer_count),
                      input->answer_count);
    for (size_t i = 0; i < input->bias_count; i++)
        add_to(sampler, input->biases[i].id, (double)input->biases[i].add);
}

static void clear_added(struct sampler *sampler, const struct sampler_input *input)
{
    if (!sampler->has_added)
        return;
    const size_t first = input->history_count - input->answer_count;
    for (size_t i = first; i < input->history_count; i++) {
        const int32_t id = input->history[i];
        if (id >= 0 && (uint32_t)id < sampler->vocab_size)
            sampler->added[id] = 0;
    }
    for (size_t i = 0; i < input->bias_count; i++) {
        if (input->biases[i].id >= 0 && (uint32_t)input->biases[i].id < sampler->vocab_size)
            sampler->added[input->biases[i].id] = 0;
    }
    sampler->has_added = false;
}

/* NaN is minus infinity, plus infinity the largest float. */
static double plain_logit(float raw)
{
    if (isnan(raw))
        return -HUGE_VAL;
    return isinf(raw) && raw > 0 ? (double)FLT_MAX : (double)raw;
}

/* With the penalties and what is added. */
static double logit_of(const struct sampler *sampler, const struct sampler_options *options,
                       const float *logits, uint32_t id)
{
    const double logit = plain_logit(logits[id]);
    if (!(logit > -HUGE_VAL))
        return logit;
    const double added = sampler->has_added ? sampler->added[id] : 0;
    if (!(sampler->seen[id / 64] >> (id % 64) & 1))
        return logit + added;
    const double penalty = (double)options->repeat_penalty;
    return (logit > 0 ? logit / penalty : logit * penalty) + added;
}

/* The allowed bits of a word of 64 tokens. */
static uint64_t allowed_word(const struct sampler *sampler, const struct sampler_input *input,
                             uint32_t word)
{
    const uint32_t left = sampler->vocab_size - word * 64;
    const uint64_t inside = left >= 64 ? UINT64_MAX : ((uint64_t)1 << left) - 1;
    return (input->allowed ? input->allowed[word] : UINT64_MAX) & inside;
}

/* Fills the list, unless the best is taken anyway, with the allowed tokens whose logit is above
 * minus infinity, by ascending id.
 * *out_first: the lowest allowed id or -1; *out_best: the most likely candidate's id or -1. */
static struct sampler_candidates collect(struct sampler *sampler,
                                         const struct sampler_options *options,
                                         const struct sampler_input *input, int32_t *out_first,
                                         int32_t *out_best)
{
    struct sampler_candidates list = {
        .items = sampler->candidates, .logit_max = -HUGE_VAL, .exp = sampler->exp};
    *out_first = -1;
    *out_best = -1;
    const bool is_greedy = options->temperature == 0.0f; /* wants the best, not the list */
    const uint32_t words = (sampler->vocab_size + 63) / 64;
    for (uint32_t word = 0; word < words; word++) {
        const bool is_plain = !sampler->has_added && sampler->seen[word] == 0;
        for (uint64_t bits = allowed_word(sampler, input, word); bits; bits &= bits - 1) {
            const uint32_t id = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (*out_first < 0)
                *out_first = (int32_t)id;
            const double logit = is_plain ? plain_logit(input->logits[id])
                                          : logit_of(sampler, options, input->logits, id);
            if (!(logit > -HUGE_VAL))
                continue;
            if (!is_greedy)
                list.items[list.count++] = (struct sampler_candidate){logit, (int32_t)id};
            if (logit > list.logit_max) {
                list.logit_max = logit;
                *out_best = (int32_t)id;
            }
        }
    }
    return list;
}

/* ---------------------------------------------------------------- the draw */

/* The first candidate at which the sum of the weights passes `at` of their total: first the chunk,
 * then inside it. */
static int32_t draw(struct sampler *sampler, const struct sampler_candidates *list, double at)
{
    double weights[SAMPLER_CHUNK];
    double total = 0;
    for (size_t i = 0; i < list->count; i += SAMPLER_CHUNK) {
        const double sum = sampler_weights_sum(weights, sampler_weigh(list, i, weights));
        sampler->sums[i / SAMPLER_CHUNK] = sum;
        total += sum;
    }

    /* What is too unlikely for a double is never drawn, not even where rounding leads past the end:
     * the last chunk, and in it the last candidate, that has a weight stands for the rest. */
    size_t chunk = 0;
    double before = 0;
    double sum = 0;
    for (size_t i = 0; i * SAMPLER_CHUNK < list->count && !(at * total < sum); i++) {
        if (sampler->sums[i] == 0.0)
            continue;
        chunk = i;
        before = sum;
        sum += sampler->sums[i];
    }
    const size_t first = chunk * SAMPLER_CHUNK;
    const size_t count = sampler_weigh(list, first, weights);
    int32_t last = -1;
    for (size_t i = 0; i < count && !(last >= 0 && at * total < before); i++) {
        if (weights[i] == 0.0)
            continue;
        before += weights[i];
        last = list->items[first + i].id;
    }
    return last;
}

int32_t sampler_pick(struct sampler *sampler, const struct sampler_options *options,
                     const struct sampler_input *input)
{
    int32_t first = -1;
    int32_t best = -1;
    fill_added(sampler, options, input);
    mark_seen(sampler, options, input, true);
    struct sampler_candidates list = collect(sampler, options, input, &first, &best);
    mark_seen(sampler, options, input, false);
    clear_added(sampler, input);
    if (list.count == 0)
        return best >= 0 ? best : first;

    size_t stage_count = 0;
    const struct sampler_stage *stages = sampler_stages_list(&stage_count);
    for (size_t i = 0; i < stage_count; i++) {
        if (stages[i].is_on(options))
            stages[i].apply(&list, options);
    }
    return draw(sampler, &list, uniform(options->seed, input->position));
}
