/*
 * model_shape - the numbers that describe one model, read from its file and checked.
 *
 * Every number of a file meets a limit here before anything is sized by it; what is missing, out
 * of range or contradictory fails with a sentence that names the key.
 *
 * Threads: a shape never changes after model_shape_read().
 * Depends on: base/, gguf/. Used by: everything in model/, infer/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct gguf;

enum {
    MODEL_LAYERS_MAX = 512,
    MODEL_EMBD_MAX = 1 << 16,
    MODEL_HEADS_MAX = 1 << 10,
    MODEL_HEAD_DIM_MAX = 1 << 10,
    MODEL_FFN_MAX = 1 << 20,
    MODEL_VOCAB_MAX = 1 << 22,
    MODEL_CONTEXT_MAX = 1 << 24,
};

/* How positions far beyond the trained length are brought back into it; models.md 1.0. */
enum rope_scaling { ROPE_SCALING_NONE, ROPE_SCALING_LINEAR, ROPE_SCALING_YARN };

struct rope_shape {
    uint32_t dim; /* leading values of a head that rotate; even, at most head_dim */
    double base;
    enum rope_scaling scaling;
    double factor; /* at least 1 in practice; linear and yarn divide the angle by it */
    uint32_t original_context;
    double extrapolation; /* yarn only: share of the ramp that is applied, 0..1 */
    double attention_factor;
    double log_multiplier; /* yarn only; 0 = absent */
    double beta_fast;
    double beta_slow;
};

struct model_shape {
    uint32_t layer_count;
    uint32_t embd_dim;
    uint32_t head_count;
    uint32_t kv_head_count; /* divides head_count */
    uint32_t head_dim;      /* of keys and values alike */
    uint32_t ffn_dim;
    uint32_t vocab_size;     /* rows of token_embd.weight */
    uint32_t context_length; /* what the model was trained for */
    float norm_epsilon;
    float attention_scale; /* multiplies q . k */
    struct rope_shape rope;
};

/* Reads the keys that every transformer of the llama kind has; `arch` is the key prefix.
 * E_FORMAT: missing or impossible; E_LIMIT: beyond a _MAX; E_UNSUPPORTED: valid, but not done. */
MUST_USE enum status model_shape_read(const struct gguf *file, const char *arch,
                                      struct model_shape *out, struct error *err);
