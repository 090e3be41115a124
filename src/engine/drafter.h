/*
 * drafter - something that can be asked for guesses, as functions. What it keeps for a session
 * is in session_draft.asked.
 *
 * Threads: the engine's. Used by: speculation.c; made by draft_model.c and draft_block.c.
 */
#pragma once

#include <stdint.h>

struct sampler;
struct session;
struct session_draft;

struct drafter {
    /* Up to `max` tokens behind the log, and how likely all up to each are right. It weighs by
     * itself whether asking pays; 0 if not. */
    uint32_t (*propose)(struct drafter *drafter, struct session *session, uint32_t max,
                        int32_t *out_tokens, double *out_chances);

    /* Of its guesses `computed` were checked and the first `taken` right. */
    void (*settled)(struct drafter *drafter, uint32_t computed, uint32_t taken);

    /* A session ends. */
    void (*forget)(struct drafter *drafter, struct session_draft *draft);

    void (*free)(struct drafter *drafter);
};

/* The token that the session would choose by these logits for its `index`-th token to come: with
 * its options and the random number of that position. */
int32_t drafter_choose(struct session *session, struct sampler *sampler, const float *logits,
                       uint32_t index);
