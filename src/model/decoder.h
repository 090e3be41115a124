/*
 * decoder - the transformer block that most families share, with its parts as switches.
 *
 *   x += post_norm(wo * attend(rope(norm(wq n)), rope(norm(wk n)), wv n)),  n = norm(x)
 *   x += post_norm(feed_forward(norm(x)))
 *
 * Which norms, biases and sinks there are a family says when it binds; what the file then has is
 * what is computed. Numbers (windows, rotations, experts, scales) are the shape's. Families some of
 * whose halves are others use the halves alone.
 *
 * Threads: as op.h.
 * Depends on: model/. Used by: arch_*.c.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct forward;
struct model;
struct weight_binder;

/* Tensors beside the matrices. Without OPTIONAL they must be there. */
enum decoder_tensor {
    DECODER_BIASES_QKV = 1 << 0,
    DECODER_BIASES_QKV_OPTIONAL = 1 << 1,
    DECODER_BIAS_OUT = 1 << 2, /* attn_output.bias */
    DECODER_BIAS_OUT_OPTIONAL = 1 << 3,
    DECODER_BIASES_FFN_OPTIONAL = 1 << 4, /* of dense parts */
    DECODER_HEAD_NORMS = 1 << 5,          /* of each head of Q and K */
    DECODER_HEAD_NORMS_OPTIONAL = 1 << 6,
    DECODER_SINKS = 1 << 7,
    DECODER_POST_NORMS = 1 << 8,        /* of what each half adds to x */
    DECODER_NORM_BIASES = 1 << 9,       /* layer norms instead of RMS norms */
    DECODER_FFN_NORM_IS_POST = 1 << 10, /* ffn_norm is named post_attention_norm */
    DECODER_FFN_NORM_IS_ATTN = 1 << 16, /* ffn_norm is named attn_norm: layers of one half */
    DECODER_EXPERT_BIASES = 1 << 11,    /* of the router and of each expert */
    DECODER_SELECTION_BIAS = 1 << 12,   /* exp_probs_b.bias */
    DECODER_SELECTION_BIAS_OPTIONAL = 1 << 13,
    DECODER_SHARED_GATE = 1 << 14, /* ffn_gate_inp_shexp, with a shared expert */
    DECODER_ROPE_FACTORS_OPTIONAL = 1 << 15,
};

/* Binds every tensor of the model; `tensors` of enum decoder_tensor. */
MUST_USE enum status decoder_bind(struct weight_binder *bind, unsigned tensors, struct error *err);

/* Runs one slice through all layers; leaves logits. */
void decoder_run(const struct model *model, struct forward *f);

/* ---------------------------------------------------------------- halves */

/* Binds norm and matrices of what mixes the tokens in one layer: attention, or one matrix; nothing
 * without either. */
MUST_USE enum status decoder_bind_mixer(struct weight_binder *bind, uint32_t layer,
                                        unsigned tensors, struct error *err);

/* x += post_norm(mixer(norm(x))) of one layer; nothing without one. */
void decoder_run_mixer(const struct model *model, struct forward *f, uint32_t layer);

/* Binds norm and matrices of the feed-forward part of one layer, dense or experts as the shape
 * says; nothing without one. */
MUST_USE enum status decoder_bind_ffn(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                                      struct error *err);

/* x += post_norm(feed_forward(norm(x))) of one layer; nothing without one. */
void decoder_run_ffn(const struct model *model, struct forward *f, uint32_t layer);

/* f->x = scaled embeddings of the tokens. */
void decoder_embed(const struct model *model, struct forward *f);

/* f->normed of the rows that are left, from f->x, and from it, unless f->ends_hidden, f->logits. */
void decoder_finish(const struct model *model, struct forward *f);
