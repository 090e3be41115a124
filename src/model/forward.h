/*
 * forward - one slice of rows on its way through a model: the rows, the activations, the tools.
 *
 * infer/ fills the rows and calls model->arch->run(); the operations (op.h) read and write the
 * buffers. All memory is reserved by forward_new() for rows_max rows.
 *
 * Buffers hold one row per token, rows forward_stride(columns) floats apart and 64-byte aligned.
 *
 * Threads: one at a time; the compute threads work inside the operations only.
 * Depends on: base/, os/worker_pool, kernel/, model/. Used by: op.c, arch_*.c, infer/infer.c.
 */
#pragma once

#include "base/error.h"
#include "kernel/kernel_table.h"
#include "model/kv_view.h"
#include "model/model_shape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forward_experts;
struct forward_drafts;
struct model;
struct op_units;
struct packed_weights;
struct worker_pool;

/* One token of a slice. Rows of one sequence follow each other in the order of their positions. */
struct forward_row {
    int32_t token;
    uint32_t position;     /* in its sequence, from 0 */
    uint32_t token_count;  /* of its sequence, this slice included: all that an encoder sees */
    uint32_t segment;      /* of a pair of texts: 0 or 1; only encoders tell them apart */
    const uint32_t *pages; /* of its sequence: token t lies in pages[t / KV_PAGE_TOKENS] */
    const uint32_t
        *open_pages; /* the same of open pages, those that are needed; coded kinds only */
    float *state;    /* of its sequence: recurrent_shape.h; NULL without recurrent layers */
    uint32_t draft;  /* 0, or: it may be taken back and leaves `state` as it is; 1 + its place
                              among the drafts of the step. Behind the other rows of its sequence */
    bool wants_logits;
};

/* Query heads of one key head that attend in one call; more are several calls. */
enum { FORWARD_TILE_HEADS_MAX = 16 };

/* Consecutive tokens of one sequence that attend in one call and share the loads of keys. */
struct forward_tile {
    uint32_t row_first;
    uint32_t row_count;
};

struct forward_config {
    uint32_t rows_max;        /* rows of one slice */
    uint32_t logits_rows_max; /* rows of logits kept */
    uint32_t thread_count;    /* of the pool, at least 1 */
    uint32_t positions_max;   /* positions a row may have */
    uint32_t draft_rows_max;  /* drafts in a step, where there are recurrent layers */
    bool packs_weights;       /* see packed_weights.h */
};

/* How the rows of a slice rotate, one of these for each of shape.rope. */
struct forward_rope {
    float *cosines; /* [row_count][dim / 2]  of each row's position */
    float *sines;
    double *frequencies; /* [dim / 2] radians per position, scaling included */
    double magnitude;    /* multiplies cosines and sines */
};

struct forward {
    const struct model *model;
    const struct kernel_table *kernels;
    struct worker_pool *workers;
    struct packed_weights *packed; /* NULL: products read the file */
    const struct kv_view *kv;
    struct forward_config config;

    struct forward_row *rows; /* [row_count] */
    uint32_t row_count;
    bool
        ends_hidden; /* the step ends with the hidden states in f->normed: no logits are computed */
    bool keeps_hidden;          /* f->hidden is wanted of all rows, for the block for speculation */
    bool fills_draft;           /* run_draft() only stores keys and values */
    struct forward_tile *tiles; /* [tile_count], all rows in order */
    uint32_t tile_count;

    float *x;      /* [row_count][embd_dim]  the residual stream */
    float *normed; /* [row_count][embd_dim] */
    float *q;      /* [row_count][head_count][head_dim]  with the layer's own counts */
    float *k;      /* [row_count][kv_head_count][head_dim] */
    float *v;      /* [row_count][kv_head_count][value_dim] */
    float *mixed;  /* [row_count][head_count][value_dim]  what attention gives */
    float *gate;   /* [row_count][ffn_dim] */
    float *up;     /* [row_count][ffn_dim] */
    float *logits; /* [row_count][vocab_size], of the rows that are left at the end */
    float *scratch[MODEL_SCRATCH_MAX]; /* [row_count][shape.scratch_columns[i]], for the family */
    float
        *hidden; /* [row_count][embd_dim] normed, of rows with logits or, with keeps_hidden, of all;
                      with a draft block only */
    float *latent_in; /* [row_count][experts.latent_dim] */
    float *latent_out;
    struct forward_experts *experts; /* NULL without experts; see op_experts.c */
    struct forward_drafts *drafts;   /* NULL without recurrent layers; see op_recurrent.c */
    struct forward_rope rope[MODEL_ROPES_MAX];

    unsigned char *quantized[KERNEL_ACTIVATION_COUNT]; /* [row_count] rows of the current input */
    struct op_units *units[2];                         /* [thread_count], see op_units.h */
    float *attend_scratch;                             /* [thread_count][attend_floats] */
    size_t attend_floats;
    unsigned char *head_scratch; /* [thread_count][head_scratch_bytes], see op_heads.c */
    size_t head_scratch_bytes;
    float *span_partials; /* [thread_count - 1][spans][one token's partial]; see op_attention.c */

    float *logits_block; /* [logits_rows_max] rows: what `logits` points into */
    void *block;         /* the memory of all of the above */
};

/* Floats from one row of `columns` to the next. */
static inline size_t forward_stride(size_t columns)
{
    return (columns + 15) / 16 * 16;
}

/* Bytes forward_new() would reserve. Cannot overflow: every number of a shape has its _MAX. */
size_t forward_bytes(const struct model *model, const struct forward_config *config);

/* Borrows everything it is given. E_NO_MEMORY. */
MUST_USE enum status forward_new(const struct model *model, const struct forward_config *config,
                                 const struct kernel_table *kernels, struct worker_pool *workers,
                                 const struct kv_view *kv, struct forward **out, struct error *err);
void forward_free(struct forward *f); /* NULL is allowed */

static inline void forward_freep(struct forward **f)
{
    forward_free(*f);
}

/* Prepares what follows from rows [0, row_count): tiles, cosines and sines. infer/ calls it for
 * each slice before model->arch->run(). */
void forward_begin(struct forward *f);

/* Cuts the rows into tiles again, after some were dropped. */
void forward_cut_tiles(struct forward *f);

/* Number of spans of KERNEL_SPAN_TOKENS that positions_max tokens have. */
uint32_t forward_spans_max(const struct forward_config *config);
