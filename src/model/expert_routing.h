/*
 * expert_routing - which experts a token uses, and with what weight.
 *
 * From the router's products p of all experts (models.md 1.0):
 *   score = softmax(p) | sigmoid(p) | p for SOFTMAX_OF_SELECTED
 *   choice = score + bias; with groups, a group's choice is the sum of its two best, and only
 *   experts of the best groups stay; then the best used_count experts. Ties: the lower number.
 *   weight = score of the chosen (softmax over the chosen products for SOFTMAX_OF_SELECTED),
 *   divided by max(sum, 2^-14) if the shape normalizes, times its scale.
 *
 * Threads: any; pure functions, the same bits on every machine.
 */
#pragma once

#include "model/model_shape.h"

#include <stdint.h>

/* Writes experts[used_count], ascending, each < shape->count whatever the numbers are (NaN too),
 * and weights[used_count]. `products` [count]; `bias` [count] or NULL. */
void expert_routing_choose(const struct experts_shape *shape, const float *products,
                           const float *bias, uint32_t *experts, float *weights);
