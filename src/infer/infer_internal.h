/* infer_internal - what the files of infer.h share. */
#pragma once

#include "infer/infer.h"
#include "infer/kv_cache.h"
#include "infer/recurrent_state.h"
#include "kernel/kernel_table.h"
#include "model/forward.h"
#include "model/model.h"

struct infer {
    const struct model *model;
    struct infer_config config; /* every 0 replaced */
    struct kernel_table kernels;
    struct worker_pool *workers;
    struct kv_cache *cache;
    struct recurrent_state_store *states; /* NULL: the model has no recurrent layers */
    struct forward *forward;
    size_t *logits_rows; /* [logits_rows_max] indices of the rows that have logits, ascending */
    struct infer_seq **logits_seqs; /* [logits_rows_max] whose newest they are, the first of a
                                       list of alike ones; NULL: none's */
    uint32_t logits_row_count;
    uint32_t draft_row_count; /* of the step so far */
    uint64_t step_count;      /* steps run so far */
    uint32_t slice_draft;     /* draft_row_count before the slice */
    uint64_t slice_count;     /* slices run so far */
    uint32_t *positions;      /* [batch_rows_max] of the rows of a slice; with `fills` */
    float *fills;             /* [batch_rows_max][embd_dim] or NULL; see fill_block() */
    float *draft_hidden;      /* [INFER_DRAFTS_MAX][embd_dim], with `fills` */
};

/* Logits that outlast their step; sequences that a fork made alike share them. */
struct kept_logits {
    uint32_t references;
    float values[]; /* [vocab_size] */
};

struct infer_seq {
    struct infer *infer;
    struct kv_cache_seq *pages;
    struct recurrent_state *state; /* NULL as infer->states; may be behind, see catch_up() */
    struct kept_logits *kept;      /* or NULL; see keep_logits() */
    uint64_t logits_step;          /* the step that left logits of the newest token; 0: none did */
    uint32_t logits_index;         /* their place among those of that step */
    struct infer_seq *logits_next; /* a fork with the same ones */
    bool has_kept_logits;
    uint32_t pending;      /* rows of the current step that are not appended yet */
    uint32_t added;        /* tokens appended by the current step */
    uint32_t draft_count;  /* of these at the end, not tokens of the sequence (yet) */
    uint32_t draft_logits; /* place of the first one's logits among those of the step */
    uint32_t draft_place;  /* of the first one among the drafts of the step */
    uint64_t draft_step;   /* the step that computed them */
    float *hidden;         /* [embd_dim] of its newest token, with infer->fills */
    uint32_t hidden_count; /* tokens the sequence had then; 0: never */
    uint64_t slice;        /* the newest slice with rows of it */
    size_t slice_row;      /* its last row there */
};
