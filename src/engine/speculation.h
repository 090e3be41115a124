/*
 * speculation - guesses the next tokens of a session, so that one step of the model checks several.
 *
 * Guesses never change an answer: a drafted token is kept if and only if it is the one that is
 * sampled in its place, from the same logits and the same random number (docs/decisions/0007). They
 * come from the session's own text (draft_lookup.h), from the model's block for it, or from a
 * smaller model of the same vocabulary. How many are computed is decided before each step: as many
 * as make most tokens a second, by how often guesses were right lately and by what a step of so
 * many rows takes here (step_cost.h); none where that does not pay.
 *
 * One struct speculation belongs to an engine, one struct session_draft to each session.
 *
 * Threads: the engine's. Part of engine/; used by generation.c and those that drive it.
 */
#pragma once

#include "base/error.h"
#include "engine/engine.h"
#include "engine/step_cost.h"

#include <stdbool.h>
#include <stdint.h>

struct draft_lookup;
struct drafter;
struct infer_row;
struct session;

enum {
    SPECULATION_DRAFT_MAX = 16, /* tokens guessed for one session and step */
    SPECULATION_SESSIONS_MAX = 64,
};

struct speculation {
    enum engine_speculate mode;
    struct drafter *drafter; /* NULL: there is no model to ask */
    struct step_cost cost;   /* by rows of all kinds */
    uint64_t packed_bytes;   /* of weights, behind the newest step */
    uint32_t stream_count;   /* sessions that share a step lately */
    bool is_eager;           /* tests: everything that is proposed is computed */
    uint64_t drafted_tokens;
    uint64_t accepted_tokens;
};

/* The guesses of one session. Between a step and session_draft_settle() the first `count` of them
 * are computed, and the first `taken` are the newest tokens of the log. */
struct session_draft {
    struct draft_lookup *lookup; /* NULL: not wanted, or no memory */
    void *asked;                 /* what the drafter keeps for this session */
    bool is_asked;               /* the guesses are the drafter's */
    int32_t tokens[SPECULATION_DRAFT_MAX];
    double chances[SPECULATION_DRAFT_MAX]; /* that all up to this one are right */
    uint32_t proposed;
    uint32_t count;
    uint32_t taken;
    bool is_computed; /* the step with `count` of them has run */
    bool is_missed;   /* a token was taken that is not the next of them */
};

void speculation_done(struct speculation *speculation);

/* An answer begins: what is known of the session's text is brought up to date. */
void session_draft_begin(struct session *session);
void session_draft_done(struct session *session);

/* Guesses up to `max` tokens behind the log; they are computed only if speculation_plan() says. */
void session_draft_propose(struct session *session, uint32_t max);

/*
 * Decides draft.count of sessions that have proposed, for a step of `row_count` rows beside the
 * drafts. Sessions may be given in any number; a step has logits of one row for each of them, and
 * `logits_max` rows with logits at most.
 */
void speculation_plan(struct speculation *speculation, struct session *const *sessions,
                      uint32_t session_count, uint32_t row_count, uint32_t logits_max);

/* A step of so many rows ran; one that also packed weights says nothing of those to come. */
void speculation_note(struct engine *engine, uint32_t rows, double seconds);

/* The drafts that are planned, as rows for infer_step() behind the session's others; returns how
 * many. */
uint32_t session_draft_rows(struct session *session, struct infer_row *rows);

/* The step has run. */
void session_draft_computed(struct session *session);

/* A token was added to the log by the answer that is being made. */
void session_draft_push(struct session *session, int32_t token);

/* Keeps the drafts that became tokens of the log and forgets the others. Before the next step. */
void session_draft_settle(struct session *session);
