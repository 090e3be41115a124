/*
 * ssm_hybrid - models whose layers are each one of three: a Mamba-2 scan, attention without
 * positions, or a feed-forward part (dense, or experts), in the order the file says.
 *
 *   x += layer(norm(x))
 *   scan  [z | c | dt] = in * n; c = silu(conv(c) + bias) = [v | B | C]; per head
 *         S = S exp(dt' a) + B (dt' v)^T, dt' = softplus(dt + b); y = C S + skip v
 *         layer = out * group_norm(y . silu(z))
 *
 * Dao and Gu 2024, Transformers are SSMs; the tensors are those of GGUF files.
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

MUST_USE enum status ssm_hybrid_read_shape(const char *arch, const struct gguf *file,
                                           struct model_shape *shape, struct error *err);
MUST_USE enum status ssm_hybrid_bind_weights(struct weight_binder *bind, struct model *model,
                                             struct error *err);
void ssm_hybrid_run(const struct model *model, struct forward *f);
