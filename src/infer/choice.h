/*
 * choice - how a model's next token splits over a few candidates.
 *
 * Threads: any. Depends on: kernel/exact_math.h. Used by: engine/ (probes).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Softmax of logits[ids[i]] over the `count` (>= 1) candidates alone, in double, the same bits on
 * every machine. NaN counts as minus infinity; if nothing is finite all are equal. */
void choice_probabilities(const float *logits, const int32_t *ids, size_t count, double *out);
