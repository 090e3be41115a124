/*
 * naive_model - the three families written down once more, in double precision and without any of
 * src/model: what the logits of a file should be, up to rounding. Slow; for tests.
 *
 * It follows the formulas of the papers: no cache, no batches, no quantized activations, every
 * token sees all earlier ones through plain arrays.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct gguf;

/* Logits of all positions, [token_count][vocab_size]; free with mem_free(). */
double *naive_model_logits(const struct gguf *file, const int32_t *tokens, size_t token_count);

/* mean((got - want)^2) / mean(want^2) over `count` numbers. */
double naive_model_nmse(const float *got, const double *want, size_t count);
