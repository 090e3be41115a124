/*
 * delta_hybrid - models whose layers are gated delta rule recurrences and, every few, attention
 * with an output gate; then a dense feed-forward part or experts with a shared one.
 *
 *   recurrence  n = norm(x); c = silu(conv(in * n)) = [q | k | v]; q and k of length 1
 *               o = delta rule(q, k, v), decay exp(softplus(w n + b) a), gain sigmoid(w' n)
 *               x += out * (norm(o) . silu(gate * n))
 *   attention   x += wo * (attend(rope(norm(q)), rope(norm(k)), v) . sigmoid(g)), [q | g] = wq * n
 *   then        x += ffn(norm(x))
 *
 * Yang et al. 2024, Gated Delta Networks; the tensors are those of GGUF files. One block for
 * speculation may follow the layers.
 *
 * Threads: as model_arch.h.
 * Depends on: model/op_recurrent.h, model/op_experts.h. Used by: the families of this kind.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct forward;
struct gguf;
struct model;
struct model_shape;
struct weight_binder;

/* What differs between the families. */
struct delta_hybrid_kind {
    const char *arch;
    bool has_experts;
    bool has_sections;     /* of rotation: rope_shape.sections */
    bool groups_repeat;    /* recurrent_shape.groups_repeat */
    bool has_paired_gates; /* both gates in one matrix, per group of heads: [gain | decay]; older
                              files also have q, k, v and gate in one, per group */
};

MUST_USE enum status delta_hybrid_read_shape(const struct delta_hybrid_kind *kind,
                                             const struct gguf *file, struct model_shape *shape,
                                             struct error *err);
MUST_USE enum status delta_hybrid_bind_weights(const struct delta_hybrid_kind *kind,
                                               struct weight_binder *bind, struct model *model,
                                               struct error *err);
void delta_hybrid_run(const struct delta_hybrid_kind *kind, const struct model *model,
                      struct forward *f);

/* x = project * [norm(embedding) | norm(hidden)], then the block as a layer that attends. */
void delta_hybrid_run_draft(const struct model *model, struct forward *f);
