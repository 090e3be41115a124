/*
 * session_internal - the inside of a session, shared by session.c (the log), generation.c (one
 * answer) and those that drive it.
 *
 * Threads: see session.h.
 */
#pragma once

#include "engine/recent_ids.h"
#include "engine/session.h"
#include "engine/session_log.h"
#include "engine/speculation.h"
#include "tokenizer/tokenizer.h"

#include "base/strbuf.h"

struct infer_row;
struct infer_seq;

enum { SESSION_SLICE_ROWS = 256 }; /* a prompt is computed in slices, so that it can be stopped */

struct session {
    struct engine *engine;
    struct infer_seq *seq; /* holds the first infer_seq_token_count() tokens of the log */
    struct session_log log;
    uint32_t capacity;
    struct sampler_options sampler;
    struct recent_ids recent; /* for penalties */
    struct infer_row *rows;   /* [SESSION_SLICE_ROWS] */
    uint32_t prefix_count;    /* tokens that conversations of the same kind begin with: see sync */
    bool gets_pages; /* who drives it frees pages before each step: only `capacity` bounds */
    struct session_draft draft;
    struct token_list scratch;
    struct strbuf text; /* of the segments being added */
};

/* Adds one token; there must be room. */
void session_push(struct session *session, int32_t id, enum segment_origin origin, size_t bytes);

/* Replaces the log of an empty session; `count` fits. */
void session_set_log(struct session *session, const struct log_token *log, uint32_t count);

/* Runs what the log has beyond the pages; afterwards session_last_logits() is the next token's. */
MUST_USE enum status session_compute(struct session *session, engine_progress_fn *progress,
                                     void *context, struct error *err);

/* Tokens whose keys and values are there already. */
uint32_t session_cached_tokens(const struct session *session);

/* Tokens the model must still compute before the next one can be sampled: what the log has beyond
 * the pages, and the last token again when its logits are gone. */
uint32_t session_pending(const struct session *session);

/* A token that text from outside never becomes; text is not merged into one token across it. */
bool session_is_control(const struct tokenizer *tokenizer, int32_t id);

/* A place in a rendered conversation. Zeroed is its beginning. */
struct session_cursor {
    size_t offset; /* bytes before it */
    size_t run;    /* of chat_spans.runs, at or before it */
};

/* Tokens that stand for what `spans` has behind the cursor, which is moved behind them. */
uint32_t session_match(const struct tokenizer *tokenizer, const struct log_token *log,
                       uint32_t count, const struct chat_spans *spans,
                       struct session_cursor *cursor);

/* The ids of the whole log in one piece, free with mem_free(); NULL: no memory. */
int32_t *session_ids(const struct session *session);

/* Makes `seq` and log [count] the session's own instead of what it had; `count` is less than the
 * capacity. Takes ownership of `seq`. */
void session_take_over(struct session *session, struct infer_seq *seq, const struct log_token *log,
                       uint32_t count);

/* Tokens of the log that stand for the first bytes of `spans`, from the beginning on. */
uint32_t session_common_tokens(const struct session *session, const struct chat_spans *spans);

/* Gives the pages back; the log stays and is computed again when it is needed: the same bits. */
void session_release_pages(struct session *session);

/* Rows that compute the next `count` pending tokens, for infer_step(); the last one wants logits if
 * it is the last pending one. */
void session_rows(struct session *session, uint32_t count, struct infer_row *rows);

/* Of the log's next token, when nothing is pending. */
const float *session_last_logits(const struct session *session);
