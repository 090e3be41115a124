/*
 * pooling - one vector, or one score, from the hidden states of a text.
 *
 * Sums run in double over tokens, and over columns, in ascending order, so that the bits depend on
 * the hidden states alone.
 *
 * Threads: any; pure functions. Depends on: kernel/, model/, infer.h. Used by: engine/embed.c.
 */
#pragma once

#include "infer/infer.h"
#include "model/model_shape.h"

/* Which tokens of a text of `token_count` (at least 1) the pooling reads: [*begin, *end). */
void pooling_range(const struct model_shape *shape, enum model_pooling pooling,
                   uint32_t token_count, uint32_t *begin, uint32_t *end);

/* The mean of hidden states [first, first + count) of the last step, through the dense layers the
 * model may have behind it; out [shape.embedding.dim]. */
void pooling_embed(const struct infer *infer, size_t first, size_t count, float *out);

/* Divides a vector by its length, if it has one. */
void pooling_normalize(float *vector, size_t n);

/* The scores of hidden state `index` of the last step: tanh(hidden layer), then the labels, then a
 * softmax where the family has one; out [label_count]. The model has a classifier. */
void pooling_rank(const struct infer *infer, size_t index, float *out);
