/*
 * recurrent_state - the states of the recurrent layers of every live sequence.
 *
 * A state has a fixed size and cannot be cut back: it stands for all tokens up to its position. So
 * copies are kept at positions somebody may return to; a rewind takes the nearest one at or before
 * its target, and the caller computes what lies between again.
 *
 * States lie in slots of one block, reserved by recurrent_state_store_new(). Sequences share slots
 * by counting; who writes into a shared one gets a copy first. So a fork and a kept copy cost
 * nothing until the sequence goes on. When slots run out, the state that saves the least goes: a
 * kept copy, or that of a sequence at rest, which then falls back to an older one.
 *
 * Threads: engine thread only; nothing here locks.
 * Depends on: base/. Used by: infer/infer.c.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct recurrent_state_store; /* opaque: all slots of one model */
struct recurrent_state;       /* opaque: one sequence's state and its kept copies */

enum { RECURRENT_STATE_SLOTS_MAX = 4096 };

struct recurrent_state_store_config {
    size_t float_count; /* of one state: all recurrent layers of one sequence */
    uint32_t slot_count;
};

/* Bytes recurrent_state_store_new() would reserve; SIZE_MAX when they cannot be counted. Pure. */
size_t recurrent_state_store_bytes(const struct recurrent_state_store_config *config);

/* On success *out owns the reservation. E_INVALID: no or too many slots; E_NO_MEMORY. */
MUST_USE enum status recurrent_state_store_new(const struct recurrent_state_store_config *config,
                                               struct recurrent_state_store **out,
                                               struct error *err);
void recurrent_state_store_free(
    struct recurrent_state_store *states); /* NULL is allowed; sequences gone */

static inline void recurrent_state_store_freep(struct recurrent_state_store **states)
{
    recurrent_state_store_free(*states);
}

uint32_t recurrent_state_store_free_count(const struct recurrent_state_store *states);

/* A sequence that has seen no token; all zero. It borrows `states`. E_NO_MEMORY. */
MUST_USE enum status recurrent_state_new(struct recurrent_state_store *states,
                                         struct recurrent_state **out, struct error *err);
void recurrent_state_free(struct recurrent_state *state); /* NULL is allowed */

static inline void recurrent_state_freep(struct recurrent_state **state)
{
    recurrent_state_free(*state);
}

/* A second sequence with the newest state at or before `position`, kept copies included. */
MUST_USE enum status recurrent_state_fork(const struct recurrent_state *state, uint32_t position,
                                          struct recurrent_state **out, struct error *err);

/* Tokens the state has seen; may go back while the sequence is at rest and others are reserved. */
uint32_t recurrent_state_position(const struct recurrent_state *state);

/* Goes back to the newest state at or before `position` and forgets copies kept after it. */
void recurrent_state_rewind(struct recurrent_state *state, uint32_t position);

/* Keeps the state as it is now, for later rewinds. */
void recurrent_state_keep(struct recurrent_state *state);

/* Makes the state writable until recurrent_state_rest(): takes a slot of its own when others need
 * its slot, and gives up other states for it when none is free. E_LIMIT: every slot is written. */
MUST_USE enum status recurrent_state_reserve(struct recurrent_state *state, struct error *err);

/* Nobody writes now: the state may be given up, and its position then goes back. */
void recurrent_state_rest(struct recurrent_state *state);

/* The values, after recurrent_state_reserve(): [float_count], 64-byte aligned. */
float *recurrent_state_values(struct recurrent_state *state);

/* Says that the values now stand for `token_count` more tokens. */
void recurrent_state_advance(struct recurrent_state *state, uint32_t token_count);

/* ---------------------------------------------------------------- for snapshots */

/* States the sequence has: kept copies in ascending order, then the newest unless it is one of
 * them or all zero. */
uint32_t recurrent_state_count(const struct recurrent_state *state);

/* The values of state `index`, [float_count], and how many tokens they stand for. */
const float *recurrent_state_at(const struct recurrent_state *state, uint32_t index,
                                uint32_t *out_position);

/* Puts a sequence that has seen no token at `position`; *out is where the caller writes the values
 * before it calls recurrent_state_rest(). E_LIMIT as recurrent_state_reserve(). */
MUST_USE enum status recurrent_state_load(struct recurrent_state *state, uint32_t position,
                                          float **out, struct error *err);
