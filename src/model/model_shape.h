/*
 * model_shape - the numbers that describe one model, read from its file and checked.
 *
 * Every number of a file meets a limit here before anything is sized by it; what is missing, out
 * of range or contradictory fails with a sentence that names the key.
 *
 * Reading is in three steps: model_shape_read() takes what most families share, the family's
 * read_shape() adds what is its own (which layers attend, windows, rotations, scratch rows), and
 * model_shape_finish() derives what follows from both.
 *
 * Threads: a shape never changes after model_shape_finish().
 * Depends on: base/, gguf/. Used by: everything in model/, infer/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include "model/recurrent_shape.h"

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
    MODEL_EXPERTS_MAX = 512,
    MODEL_ROPES_MAX = 2,
    MODEL_LABELS_MAX = 4096,
    MODEL_SEGMENTS_MAX = 16,
    MODEL_SCRATCH_MAX = 8,
    MODEL_SCRATCH_COLUMNS_MAX = 1 << 21,
};

/* How positions far beyond the trained length are brought back into it; models.md 1.0. */
enum rope_scaling { ROPE_SCALING_NONE, ROPE_SCALING_LINEAR, ROPE_SCALING_YARN };

/* Which values of a head rotate together. Files of the llama family store the rows of Q and K
 * permuted for the first form. */
enum rope_style {
    ROPE_HALVES, /* value j with value j + dim / 2 */
    ROPE_PAIRS,  /* value 2j with value 2j + 1 */
};

struct rope_shape {
    uint32_t dim; /* leading values of a head that rotate; even, at most head_dim */
    enum rope_style style;
    uint32_t sections[4]; /* interleaved: pair j is of section j mod 3 while that has some left,
                             else of the last, which stands still in text; all 0: none */
    bool uses_factors;    /* divided by rope_freqs.weight when the file has it */
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

/* What a layer does first: mixes tokens ... */
enum layer_mixer {
    LAYER_MIXER_ATTENTION, /* the only one with keys and values */
    LAYER_MIXER_RECURRENT, /* by a state of fixed size; see recurrent_shape.h */
    LAYER_MIXER_LINEAR,    /* one matrix (deci) */
    LAYER_MIXER_NONE,
};

/* ... and then: works on each. */
enum layer_ffn { LAYER_FFN_DENSE, LAYER_FFN_EXPERTS, LAYER_FFN_NONE };

enum { LAYER_ROPE_NONE = -1 };

struct layer_shape {
    enum layer_mixer mixer;
    enum layer_ffn ffn;
    uint32_t head_count;      /* of queries; 0 without attention */
    uint32_t kv_head_count;   /* divides head_count */
    uint32_t ffn_dim;         /* of a dense feed-forward part */
    uint32_t window;          /* a token sees the newest `window` ones, itself included; 0: all.
                                 With sees_all: window / 2 on either side */
    int rope;                 /* index in model_shape.rope; LAYER_ROPE_NONE: nothing rotates */
    uint32_t kv_layer;        /* number among the layers with attention; see kv_view.h */
    uint32_t recurrent_layer; /* number among the recurrent layers */
};

/* What a feed-forward part does with gate * x and up * x, element by element. */
enum ffn_activation {
    FFN_SILU_GATED,    /* silu(gate) * up */
    FFN_GELU_GATED,    /* gelu(gate) * up, gelu in its tanh form */
    FFN_CLAMPED_GATED, /* g / (1 + exp(-1.702 g)) * (u + 1), g = min(gate, 7), u = up in +-7 */
    FFN_RELU_SQUARED,  /* max(0, up)^2; no gate */
    FFN_GELU,          /* gelu(up) in its tanh form; no gate */
};

/* How the hidden states of a text become one vector; numbered as in pooling_type. */
enum model_pooling {
    MODEL_POOLING_NONE = 0,
    MODEL_POOLING_MEAN = 1,
    MODEL_POOLING_FIRST = 2, /* of the first token (CLS) */
    MODEL_POOLING_LAST = 3,
    MODEL_POOLING_RANK = 4, /* a score, by the head of a classifier */
};

/* What an embedding or reranking model says of itself. */
struct embedding_shape {
    enum model_pooling pooling;
    uint32_t dim;         /* of an embedding: embd_dim unless layers behind the pooling change it */
    uint32_t label_count; /* scores that the classifier gives; 0: it has none */
    bool ranks_last;      /* the classifier reads the last token, not the first */
    bool ranks_by_share;  /* scores are made shares by a softmax */
};

/* How the products of the router become weights; numbered as in expert_gating_func. */
enum expert_scoring {
    EXPERT_SCORING_UNSET = 0, /* the file does not say: what the family does, else softmax */
    EXPERT_SCORING_SOFTMAX = 1,
    EXPERT_SCORING_SIGMOID = 2,
    EXPERT_SCORING_SOFTMAX_OF_SELECTED = 3,
};

struct experts_shape {
    uint32_t count; /* 0: the model has none */
    uint32_t used_count;
    uint32_t ffn_dim;
    uint32_t shared_ffn_dim; /* of the shared expert; 0: none */
    uint32_t latent_dim;     /* numbers that the chosen experts see; 0: embd_dim */
    uint32_t group_count;    /* at least 1; divides count */
    uint32_t group_used_count;
    enum expert_scoring scoring;
    bool normalizes; /* weights are divided by their sum */
    float scale;     /* then multiplied by this */
};

/* Latent attention (DeepSeek): what the projections compute before and after absorption. */
struct latent_shape {
    uint32_t kv_rank;    /* numbers of a token that keys and values are made of; 0: not latent */
    uint32_t query_rank; /* 0: queries are made directly */
    uint32_t still_dim;  /* of a query head that does not rotate */
    uint32_t value_dim;  /* of a head after wv_b */
};

struct model_shape {
    uint32_t layer_count; /* that a step runs through */
    uint32_t block_count; /* in the file: layer_count and, behind them, blocks for speculation */
    uint32_t embd_dim;
    uint32_t head_dim;       /* of queries and keys */
    uint32_t value_dim;      /* of values */
    bool sees_all;           /* an encoder: tokens see those behind them too; it writes no text */
    bool values_in_keys;     /* a value is the first value_dim numbers of its key: stored once */
    uint32_t vocab_size;     /* rows of token_embd.weight */
    uint32_t context_length; /* what the model was trained for */
    float norm_epsilon;
    float attention_scale;       /* multiplies q . k */
    float attention_softcap;     /* of scores; 0: none */
    double temperature_scale;    /* of queries by position, see op_temperature(); 0: none */
    uint32_t temperature_length; /* not 0 with a scale */
    float embedding_scale;       /* multiplies the embeddings; 1: none */
    float residual_scale;        /* multiplies what each half of a layer adds; 1: none */
    float logit_scale;           /* multiplies the logits; 1: none */
    float logit_softcap;         /* a logit z becomes softcap * tanh(z / softcap); 0: stays */
    enum ffn_activation activation;
    struct rope_shape rope[MODEL_ROPES_MAX];
    uint32_t rope_count;
    struct experts_shape experts;
    struct recurrent_shape recurrent;
    struct latent_shape latent;
    struct embedding_shape embedding;
    struct layer_shape layers[MODEL_LAYERS_MAX]; /* [block_count] */
    uint32_t scratch_columns[MODEL_SCRATCH_MAX]; /* rows a family asks for; forward.h */

    /* From here on model_shape_finish() fills in. */
    uint32_t head_count_max; /* over all layers */
    uint32_t kv_head_count_max;
    uint32_t ffn_dim_max; /* dense and shared */
    uint32_t kv_layer_count;
};

/* Options that change the computation: a file that sets one which the family does not name is
 * refused. */
enum model_shape_option {
    MODEL_SHAPE_PER_LAYER = 1 << 0, /* heads and feed-forward sizes may differ; 0 means none */
    MODEL_SHAPE_WINDOW = 1 << 1,
    MODEL_SHAPE_EXPERTS = 1 << 2,
    MODEL_SHAPE_NEXTN = 1 << 3,     /* blocks for speculation behind the layers */
    MODEL_SHAPE_VALUE_DIM = 1 << 4, /* values need not be as long as keys */
    MODEL_SHAPE_TEMPERATURE = 1 << 5,
    MODEL_SHAPE_SCALES = 1 << 6,     /* of embeddings, halves and logits */
    MODEL_SHAPE_LAYER_NORM = 1 << 7, /* the epsilon is layer_norm_epsilon */
    MODEL_SHAPE_SOFTCAPS = 1 << 8,   /* of scores and logits */
};

static inline bool model_shape_has_gate(const struct model_shape *s)
{
    return s->activation != FFN_RELU_SQUARED && s->activation != FFN_GELU;
}

/* Reads the keys that every transformer of the llama kind has; `arch` is the key prefix, `options`
 * what the family computes. All layers attend, rotate by rope[0] (halves) and have experts from
 * leading_dense_block_count on.
 * E_FORMAT: missing or impossible; E_LIMIT: beyond a _MAX; E_UNSUPPORTED: valid, but not done. */
MUST_USE enum status model_shape_read(const struct gguf *file, const char *arch, unsigned options,
                                      struct model_shape *out, struct error *err);

/* Gives layers their windows: attention.sliding_window_pattern says which have one, as a flag per
 * layer or as a period n (of n layers the last has none); `period` when the key is missing. Where
 * rope.freq_base_swa says so they rotate by a base of their own; with `window_base` (its value when
 * the key is missing; 0: that of the others) also without scaling. */
MUST_USE enum status model_shape_windows(const struct gguf *file, const char *arch, uint32_t period,
                                         double window_base, struct model_shape *shape,
                                         struct error *err);

/* E_FORMAT when a model that cannot do without experts has none. */
MUST_USE enum status model_shape_need_experts(const struct model_shape *shape, const char *arch,
                                              struct error *err);

/* Numbers the layers that attend, takes the largest sizes, and checks what every step relies on. */
MUST_USE enum status model_shape_finish(struct model_shape *shape, const char *arch,
                                        struct error *err);
