/*
 * generation - one answer being made: a session, what restricts it, and where its events go.
 *
 * A generation runs no model step. It adds the tokens that are decided to its session, and stops
 * where the model has to be asked; whoever drives it computes what the session has pending
 * (session_internal.h) and calls generation_advance() again. One loop (session_generate()) or one
 * batch of many (scheduler.h) can drive it: the tokens are the same.
 *
 * Threads: the engine's. Part of engine/; used by session_generate.c and scheduler.c only.
 */
#pragma once

#include "chat/output_parser.h"
#include "engine/session.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/token_list.h"

struct token_mask;

struct generation_config {
    struct session *session;
    const struct session_limits *limits; /* copied */
    struct token_mask *mask;             /* may be NULL; moved along */
    session_event_fn *event;             /* may be NULL */
    void *context;                       /* of `event` */
};

struct generation {
    struct session *session;
    struct session_limits limits;
    struct token_mask *mask;
    session_event_fn *event;
    void *context;
    struct detokenizer detokenizer;
    struct output_parser parser;
    struct token_list forced;
    uint32_t token_count_max;
    struct session_result result; /* what was made so far; `end` after generation_finish() */
    uint32_t undecided_tokens;    /* of thinking, or of a call that began in it */
    bool has_started;             /* the mask has been placed behind the prompt */
    bool is_cancelled;
    bool is_ended; /* by the model */
};

/* Zeroed or after generation_done(), `g` may be started again. */
void generation_init(struct generation *g, const struct generation_config *config);
void generation_done(struct generation *g);

/*
 * Takes the next token if the session has nothing pending (its last logits decide), and then every
 * token that needs no model: forced by the mask, or the only one it allows. Afterwards the
 * generation is over or its session has tokens to compute.
 *
 * Fails when the mask cannot be kept (E_LIMIT: no valid end within the limits) or no token is
 * allowed; what was made before stays in the log.
 */
MUST_USE enum status generation_advance(struct generation *g, struct error *err);

/* Guesses what follows (session_draft_propose()), for who drives it to plan the next step with. */
void generation_propose(struct generation *g);

bool generation_is_over(const struct generation *g);

/* Hands out what parser and detokenizer held back and sets result.end. Once, when it is over or is
 * to be given up. */
void generation_finish(struct generation *g);
