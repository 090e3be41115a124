#include "engine/draft_gain.h"

enum { TRIAL_GUESSES = 3, PAUSE_MIN = 16, PAUSE_MAX = 1024 };

static const double RIGHT_FIRST = 0.7; /* before anything is known */
static const double RIGHT_SHARE = 0.05;
static const double SECONDS_SHARE = 0.2;
static const double GAIN_MIN = 1.03;

void draft_gain_init(struct draft_gain *gain)
{
    *gain = (struct draft_gain){.pause_next = PAUSE_MIN};
    for (uint32_t i = 0; i < SPECULATION_DRAFT_MAX; i++)
        gain->right[i] = RIGHT_FIRST;
}

/* The count that makes most tokens a second; 0: none does better than no guess. */
static uint32_t best_count(const struct draft_gain *gain, const struct speculation *speculation,
                           uint32_t max)
{
    const uint32_t streams = speculation->stream_count ? speculation->stream_count : 1;
    const double alone = step_cost_of(&speculation->cost, streams) / streams;
    double best = alone > 0 ? GAIN_MIN / alone : 0;
    double tokens = 1;
    double chance = 1;
    uint32_t count = 0;
    for (uint32_t i = 0; i < max && alone > 0; i++) {
        chance *= gain->right[i];
        tokens += chance;
        const double step = step_cost_of(&speculation->cost, streams * (i + 2)) / streams;
        const double value = tokens / (step + (i + 1) * gain->guess_seconds);
        if (value > best) {
            best = value;
            count = i + 1;
        }
    }
    return count;
}

uint32_t draft_gain_count(struct draft_gain *gain, const struct speculation *speculation,
                          uint32_t max, double *out_chances)
{
    max = max < SPECULATION_DRAFT_MAX ? max : SPECULATION_DRAFT_MAX;
    uint32_t count = speculation->is_eager ? max : best_count(gain, speculation, max);
    double chance = 1;
    if (count > 0) {
        gain->pause_next = PAUSE_MIN;
    } else if (gain->pause > 0) {
        gain->pause--;
    } else {
        count = TRIAL_GUESSES < max ? TRIAL_GUESSES : max;
        gain->pause = gain->pause_next;
        gain->pause_next = 2 * gain->pause_next < PAUSE_MAX ? 2 * gain->pause_next : PAUSE_MAX;
    }
    for (uint32_t i = 0; i < count; i++)
        out_chances[i] = chance *= gain->right[i];
    return count;
}

void draft_gain_timed(struct draft_gain *gain, uint32_t count, double seconds)
{
    const double each = seconds / count;
    gain->guess_seconds +=
        gain->guess_seconds > 0 ? SECONDS_SHARE * (each - gain->guess_seconds) : each;
}

void draft_gain_settled(struct draft_gain *gain, uint32_t computed, uint32_t taken)
{
    for (uint32_t i = 0; i < computed && i <= taken; i++)
        gain->right[i] += RIGHT_SHARE * ((i < taken ? 1.0 : 0.0) - gain->right[i]);
    for (uint32_t i = taken + 1; i < computed; i++) /* not reached: like the one before it */
        gain->right[i] += RIGHT_SHARE * (gain->right[i - 1] - gain->right[i]);
}
