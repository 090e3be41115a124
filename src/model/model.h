/*
 * model - the weights of one model, bound by name, with the shape they must have.
 *
 * Matrices stay in the mapped file; norms and biases (small) are converted to f32 into memory the
 * model owns. model_open() checks everything a step relies on, so that a step cannot fail.
 *
 * Threads: constant after model_open(); any thread may read.
 * Depends on: base/, gguf/, tensor/. Used by: model/arch_*.c, infer/, engine/.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "model/model_shape.h"
#include "model/weight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gguf;
struct model_arch;

/* A feed-forward part: of one layer, or a stack with one slice per expert. */
struct ffn_weights {
    struct weight gate;     /* [ffn_dim][embd_dim]; absent without gate */
    struct weight up;       /* [ffn_dim][embd_dim] */
    struct weight down;     /* [embd_dim][ffn_dim] */
    const float *gate_bias; /* [slices][ffn_dim], or NULL */
    const float *up_bias;
    const float *down_bias; /* [slices][embd_dim], or NULL */
};

/* A mixture of experts; op_experts.h computes it. */
struct experts_weights {
    struct weight router;        /* [expert_count][embd_dim] */
    const float *router_bias;    /* [expert_count], added to the product; or NULL */
    const float *selection_bias; /* [expert_count], added to scores for choosing only; or NULL */
    struct ffn_weights each;     /* one slice per expert */
    struct ffn_weights shared;   /* of the expert that every token uses; absent without data */
    struct weight shared_gate;   /* [1][embd_dim]; its sigmoid multiplies the shared expert */
    struct weight latent_down; /* [latent_dim][embd_dim]: what the chosen experts see; or absent */
    struct weight latent_up;   /* [embd_dim][latent_dim] */
};

/* A layer that remembers by a state; what of it there is depends on the family. */
struct recurrent_weights {
    struct weight in;       /* [columns of the convolution, or more][embd_dim] */
    struct weight gate;     /* [head_count * value_dim][embd_dim], of the output */
    struct weight joined;   /* `in` and `gate` in one, per group of heads */
    struct weight decay;    /* [head_count][embd_dim]; or decay and gain in one, per group */
    struct weight gain;     /* [head_count][embd_dim] */
    struct weight out;      /* [embd_dim][head_count * value_dim] */
    const float *conv;      /* [conv_width][conv_channels] */
    const float *conv_bias; /* [conv_channels] */
    const float *step_bias; /* [head_count], inside the softplus of a decay */
    const float *a;         /* [head_count], negative: the rate of decay */
    const float *skip;      /* [head_count], share of the input in the output */
    const float *norm;      /* [value_dim], or [group_count][values of a group] */
};

/* A block that proposes the token after the next one, behind the layers; absent without data.
 * From x = project * [norm(embedding of the next token) | norm(hidden state)]. */
struct draft_weights {
    struct weight project;    /* [embd_dim][2 * embd_dim] */
    struct weight token_embd; /* the model's own, unless the file has one for the block */
    struct weight output;
    const float *embd_norm; /* [embd_dim] each */
    const float *hidden_norm;
    const float *output_norm;
};

/* Latent attention; wq of the layer is then [head_count * key length][query_rank or embd_dim]. */
struct latent_weights {
    struct weight wq_a;   /* [query_rank][embd_dim]; absent without query_rank */
    const float *q_norm;  /* [query_rank] */
    struct weight wkv_a;  /* [kv_rank + rope.dim][embd_dim] */
    const float *kv_norm; /* [kv_rank] */
    struct weight wk_b;   /* per head [kv_rank][still_dim], or its transpose */
    struct weight wv_b;   /* per head [value_dim][kv_rank] */
    bool is_transposed;   /* wk_b is [still_dim][kv_rank] */
};

/* One block. Vectors a family or file does not have are NULL, matrices zeroed. */
struct model_layer {
    const float *attn_norm;      /* [embd_dim] */
    const float *attn_norm_bias; /* [embd_dim]; with it attn_norm is a layer norm */
    const float *attn_post_norm; /* [embd_dim], of what attention adds */
    struct weight wq;            /* [head_count * head_dim][embd_dim] */
    struct weight wk;            /* [kv_head_count * head_dim][embd_dim] */
    struct weight wv;            /* [kv_head_count * value_dim][embd_dim] */
    struct weight wo;            /* [embd_dim][head_count * value_dim] */
    const float *bq;             /* biases, added to the product: [rows of the matrix] */
    const float *bk;
    const float *bv;
    const float *bo;
    const float *q_norm; /* [head_dim], one for all heads */
    const float *k_norm;
    const float *sinks;    /* [head_count] scores that take a share of attention and give nothing */
    const float *ffn_norm; /* [embd_dim]; these three as those of attention */
    const float *ffn_norm_bias;
    const float *ffn_post_norm;
    struct ffn_weights ffn;
    struct experts_weights experts;
    struct recurrent_weights recurrent;
    struct latent_weights latent;
};

/* What an encoder adds to the embeddings of tokens, and how it normalizes the sum. */
struct input_weights {
    const float *positions; /* [context_length][embd_dim], or NULL */
    const float *segments;  /* [segment_count][embd_dim], or NULL */
    uint32_t segment_count;
    const float *norm; /* [embd_dim], of a layer norm; or NULL */
    const float *norm_bias;
};

/* What stands behind the pooling of hidden states; see infer/pooling.h. */
struct head_weights {
    struct weight hidden;     /* [embd_dim][embd_dim], of a classifier; absent in most */
    const float *hidden_bias; /* [embd_dim], or NULL */
    struct weight labels;     /* [label_count][embd_dim]; absent without a classifier */
    const float *label_bias;  /* [label_count], or NULL */
    struct weight dense[2];   /* [n][embd_dim], [embedding.dim][n]: products of an embedding */
};

struct model {
    const struct model_arch *arch;
    struct model_shape shape;
    struct model_layer *layers;
    struct draft_weights draft;    /* of layers[shape.layer_count] */
    struct weight token_embd;      /* [vocab_size][embd_dim] */
    struct weight output;          /* [vocab_size][embd_dim]; token_embd when the file ties them */
    const float *output_norm;      /* [embd_dim] */
    const float *output_norm_bias; /* [embd_dim], of a layer norm; or NULL */
    struct input_weights input;
    struct head_weights head;
    const float *rope_factors;         /* [rope[0].dim / 2] divisors of the frequencies, or NULL */
    bool uses_dtype[DTYPE_ID_MAX + 1]; /* element types of the matrices */
    uint32_t matrix_count;             /* ids of the bound matrices are smaller */
    bool is_mapped;                    /* weights lie in a mapped file, not in borrowed memory */
    uint32_t columns_max;              /* of all bound matrices */
    uint64_t weight_bytes;             /* of all bound matrices, in the mapped file */
    uint64_t parameter_count;          /* of all bound tensors; a tied matrix counts once */
    uint64_t multiply_adds; /* per token, all matrices of a step, output layer included */
    struct arena memory;    /* layers, converted vectors */
};

/* What model_open() allocates beside the mapped file, in bytes: an upper bound, known before. */
MUST_USE enum status model_memory(const struct gguf *file, size_t *out_bytes, struct error *err);

/*
 * Reads shape and weights. Borrows `file`, which must outlive the model.
 *   E_UNSUPPORTED  a family, element type or option holt does not do; the text names it
 *   E_FORMAT       a key or tensor is missing, impossible or has another shape; the text names it
 *   E_LIMIT        a number beyond a _MAX
 */
MUST_USE enum status model_open(const struct gguf *file, struct model **out, struct error *err);
void model_close(struct model *model); /* NULL is allowed */

static inline void model_closep(struct model **model)
{
    model_close(*model);
}
