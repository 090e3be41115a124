#include "infer/choice.h"

#include "kernel/exact_math.h"

#include <math.h>

void choice_probabilities(const float *logits, const int32_t *ids, size_t count, double *out)
{
    double largest = -(double)INFINITY;
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)logits[ids[i]];
        if (out[i] > largest)
            largest = out[i];
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double weight = isfinite(largest) ? exact_math_exp(out[i] - largest) : 1.0;
        out[i] = weight >= 0 ? weight : 0.0; /* NaN */
        sum += out[i];
    }
    for (size_t i = 0; i < count; i++)
        out[i] /= sum;
}
