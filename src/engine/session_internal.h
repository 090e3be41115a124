/*
 * session_internal - the inside of a session, shared by session.c (the log), generation.c (one
 * answer) and those that drive it.
 *
 * Threads: see session.h.
 */
#pragma once

#include "engine/session.h"
#include "tokenizer/tokenizer.h"

#include "base/strbuf.h"

struct infer_row;
struct infer_seq;

enum { SESSION_SLICE_ROWS = 256 }; /* a prompt is computed in slices, so that it can be stopped */

/* One token of the log. */
struct log_token {
    int32_t id;
    uint32_t bytes; /* of the source text it stands for; 0 for a BOS that was added */
    uint8_t origin; /* enum segment_origin */
};

struct session {
    struct engine *engine;
    struct infer_seq *seq; /* holds the first infer_seq_token_count() tokens of the log */
    struct log_token *log; /* [capacity] */
    uint32_t count;
    uint32_t capacity;
    struct sampler_options sampler;
    struct sampler *sampler_state;
    int32_t *history;       /* [capacity] the ids of the log, for the repetition penalty */
    uint32_t pick_count;    /* tokens that can be sampled: the vocabulary, no padding rows */
    struct infer_row *rows; /* [SESSION_SLICE_ROWS] */
    size_t last_row;        /* whose logits the last step of this session left */
    struct token_list scratch;
    struct strbuf text; /* of the segments being added */
};

/* Adds one token; there must be room. */
void session_push(struct session *session, int32_t id, enum segment_origin origin, size_t bytes);

/* Runs what the log has beyond the pages; afterwards session_last_logits() is the next token's. */
MUST_USE enum status session_compute(struct session *session, engine_progress_fn *progress,
                                     void *context, struct error *err);

/* Tokens whose keys and values are there already. */
uint32_t session_cached_tokens(const struct session *session);

/* Tokens the model must still compute before the next one can be sampled: what the log has beyond
 * the pages, and the last token again when its logits are gone. */
uint32_t session_pending(const struct session *session);

const float *session_last_logits(const struct session *session);
