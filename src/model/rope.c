#include "model/rope.h"

#include "kernel/exact_math.h"

#include <math.h>
#include <stddef.h>

#define PI 3.14159265358979323846

/* Index of the pair that turns `rotations` times over the original context. */
static double pair_of_rotations(const struct rope_shape *rope, double rotations)
{
    const double turns = (double)rope->original_context / (2.0 * PI * rotations);
    return rope->dim * exact_math_log(turns) / (2.0 * exact_math_log(rope->base));
}

/* Share of the original frequency that pair j keeps: 1 for fast pairs, 0 for slow ones. */
static double yarn_share(const struct rope_shape *rope, uint32_t pair)
{
    const double low = fmax(0.0, floor(pair_of_rotations(rope, rope->beta_fast)));
    const double high = fmin(rope->dim - 1.0, ceil(pair_of_rotations(rope, rope->beta_slow)));
    const double ramp = (pair - low) / fmax(0.001, high - low);
    return (1.0 - fmin(1.0, fmax(0.0, ramp))) * rope->extrapolation;
}

/* Whether pair j belongs to the section that has no position in text. */
static bool stands_still(const struct rope_shape *rope, uint32_t pair)
{
    const uint32_t *sections = rope->sections;
    const uint32_t sum = sections[0] + sections[1] + sections[2] + sections[3];
    if (sum == 0)
        return false;
    const uint32_t place = pair % sum;
    return place >= 3 * sections[place % 3];
}

void rope_frequencies(const struct rope_shape *rope, const float *factors, double *out)
{
    for (uint32_t j = 0; j < rope->dim / 2; j++) {
        double frequency = exact_math_pow(rope->base, -2.0 * j / rope->dim);
        if (factors)
            frequency /= (double)factors[j];
        const double slowed = frequency / rope->factor;
        if (rope->scaling == ROPE_SCALING_LINEAR) {
            frequency = slowed;
        } else if (rope->scaling == ROPE_SCALING_YARN) {
            const double share = yarn_share(rope, j);
            frequency = slowed * (1.0 - share) + frequency * share;
        }
        out[j] = stands_still(rope, j) ? 0.0 : frequency;
    }
}

static double yarn_magnitude(double factor, double multiplier)
{
    return factor <= 1.0 ? 1.0 : 1.0 + 0.1 * multiplier * exact_math_log(factor);
}

double rope_magnitude(const struct rope_shape *rope)
{
    if (rope->scaling != ROPE_SCALING_YARN)
        return 1.0;
    if (rope->extrapolation == 0)
        return rope->attention_factor;
    double magnitude = yarn_magnitude(rope->factor, 1.0);
    if (rope->log_multiplier != 0)
        magnitude /= yarn_magnitude(rope->factor, rope->log_multiplier);
    return magnitude * rope->attention_factor;
}
