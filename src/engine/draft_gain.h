/*
 * draft_gain - how many guesses to ask of another model: what was right lately against what it
 * costs.
 *
 * Where asking does not pay it rests, and is tried again after ever longer pauses.
 *
 * Threads: the engine's. Used by: draft_model.c, draft_block.c.
 */
#pragma once

#include "engine/speculation.h"

struct draft_gain {
    double right[SPECULATION_DRAFT_MAX]; /* the guess at this place, when those before it were */
    double guess_seconds;                /* of one guess; 0: unknown */
    uint32_t pause;                      /* steps until the next trial */
    uint32_t pause_next;
};

void draft_gain_init(struct draft_gain *gain);

/* Guesses that make most tokens a second, beside steps of speculation->stream_count sessions; at
 * most `max`. `out_chances` [max]: as in drafter.h. */
uint32_t draft_gain_count(struct draft_gain *gain, const struct speculation *speculation,
                          uint32_t max, double *out_chances);

/* `count` guesses took so long. */
void draft_gain_timed(struct draft_gain *gain, uint32_t count, double seconds);

/* Of `computed` guesses the first `taken` were right. */
void draft_gain_settled(struct draft_gain *gain, uint32_t computed, uint32_t taken);
