/*
 * rope - how fast each pair of a head turns with the position: base, factors, linear and YaRN.
 *
 * Pair j of n = dim / 2 turns by base^(-2j / dim) radians per position. Formulas: models.md 1.0;
 * YaRN: Peng et al. 2023, section 3.
 *
 * Threads: any; pure functions, the same bits on every machine.
 */
#pragma once

#include "model/model_shape.h"

/* Writes out[rope->dim / 2], for text: a pair of the last section has 0. `factors` [rope->dim / 2]
 * divides the frequencies; NULL: all 1. */
void rope_frequencies(const struct rope_shape *rope, const float *factors, double *out);

/* What cosines and sines are multiplied with: 1 unless the scaling is YaRN. */
double rope_magnitude(const struct rope_shape *rope);
