#include "model/expert_routing.h"

#include "kernel/vector_exp.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#define WEIGHT_SUM_MIN 0x1p-14f

static void softmax(const float *x, uint32_t n, float *out)
{
    float largest = x[0];
    for (uint32_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    float sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = vector_exp(x[i] - largest);
        sum += out[i];
    }
    for (uint32_t i = 0; i < n; i++)
        out[i] /= sum;
}

static void score_all(const struct experts_shape *shape, const float *products, float *scores)
{
    if (shape->scoring == EXPERT_SCORING_SOFTMAX) {
        softmax(products, shape->count, scores);
        return;
    }
    const bool is_sigmoid = shape->scoring == EXPERT_SCORING_SIGMOID;
    for (uint32_t i = 0; i < shape->count; i++)
        scores[i] = is_sigmoid ? 1.0f / (1.0f + vector_exp(-products[i])) : products[i];
}

/* Marks the `wanted` largest of values[n] that are not `gone`; the first of equal ones. */
static void mark_largest(const float *values, const bool *gone, uint32_t n, uint32_t wanted,
                         bool *marked)
{
    for (uint32_t k = 0; k < wanted; k++) {
        uint32_t best = n;
        for (uint32_t i = 0; i < n; i++)
            if (!marked[i] && !gone[i] && (best == n || values[i] > values[best]))
                best = i;
        if (best < n)
            marked[best] = true;
    }
}

static float two_best(const float *values, uint32_t n)
{
    float first = values[0] > values[1] ? values[0] : values[1];
    float second = values[0] > values[1] ? values[1] : values[0];
    for (uint32_t i = 2; i < n; i++)
        if (values[i] > first) {
            second = first;
            first = values[i];
        } else if (values[i] > second) {
            second = values[i];
        }
    return first + second;
}

/* Marks in `gone` the experts outside the best groups. */
static void drop_groups(const struct experts_shape *shape, const float *choices, bool *gone)
{
    const uint32_t size = shape->count / shape->group_count;
    float group_choices[MODEL_EXPERTS_MAX];
    bool none[MODEL_EXPERTS_MAX] = {false};
    bool stays[MODEL_EXPERTS_MAX] = {false};
    for (uint32_t g = 0; g < shape->group_count; g++)
        group_choices[g] = two_best(choices + (size_t)g * size, size);
    mark_largest(group_choices, none, shape->group_count, shape->group_used_count, stays);
    for (uint32_t i = 0; i < shape->count; i++)
        gone[i] = !stays[i / size];
}

static void finish_weights(const struct experts_shape *shape, float *weights)
{
    const uint32_t n = shape->used_count;
    if (shape->scoring == EXPERT_SCORING_SOFTMAX_OF_SELECTED)
        softmax(weights, n, weights);
    if (shape->normalizes) {
        float sum = 0;
        for (uint32_t i = 0; i < n; i++)
            sum += weights[i];
        sum = sum > WEIGHT_SUM_MIN ? sum : WEIGHT_SUM_MIN;
        for (uint32_t i = 0; i < n; i++)
            weights[i] /= sum;
    }
    for (uint32_t i = 0; i < n && shape->scale != 1.0f; i++)
        weights[i] *= shape->scale;
}

void expert_routing_choose(const struct experts_shape *shape, const float *products,
                           const float *bias, uint32_t *experts, float *weights)
{
    float scores[MODEL_EXPERTS_MAX];
    float choices[MODEL_EXPERTS_MAX] = {0};
    bool gone[MODEL_EXPERTS_MAX] = {false};
    bool chosen[MODEL_EXPERTS_MAX] = {false};
    score_all(shape, products, scores);
    for (uint32_t i = 0; i < shape->count; i++)
        choices[i] = bias ? scores[i] + bias[i] : scores[i];
    if (shape->group_count > 1)
        drop_groups(shape, choices, gone);
    mark_largest(choices, gone, shape->count, shape->used_count, chosen);
    uint32_t n = 0;
    for (uint32_t i = 0; i < shape->count; i++)
        if (chosen[i]) {
            experts[n] = i;
            weights[n++] = scores[i];
        }
    finish_weights(shape, weights);
}
