/*
 * conv_hybrid - models whose layers mix tokens by a short gated convolution or, in some, by
 * attention; then a feed-forward part, dense or experts.
 *
 *   convolution  [b | c | v] = in * norm(x); x += out * (c . conv(b . v))
 *
 * Liquid AI 2025, LFM2; the tensors are those of GGUF files.
 *
 * Threads: as model_arch.h.
 * Depends on: model/decoder.h, model/op_recurrent.h. Used by: the families of this kind.
 */
#pragma once

#include "base/error.h"

struct forward;
struct gguf;
struct model;
struct model_shape;
struct weight_binder;

/* Adds what is special to a shape that model_shape_read() read with MODEL_SHAPE_PER_LAYER. */
MUST_USE enum status conv_hybrid_add_shape(const char *arch, const struct gguf *file,
                                           struct model_shape *shape, struct error *err);

/* `tensors`: of enum decoder_tensor, for the feed-forward parts. */
MUST_USE enum status conv_hybrid_bind_weights(struct weight_binder *bind, struct model *model,
                                              unsigned tensors, struct error *err);
void conv_hybrid_run(const struct model *model, struct forward *f);
