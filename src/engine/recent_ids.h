/*
 * recent_ids - the ids of the newest tokens of a log in one piece, as a sampler wants them.
 *
 * Threads: the engine's. Part of engine/; used by session.c, generation.c and drafter.c.
 */
#pragma once

#include <stdint.h>

struct session_log;

/* Zeroed is empty. */
struct recent_ids {
    int32_t *ids; /* [capacity], of tokens [begin, end) of the log */
    uint32_t begin;
    uint32_t end;
    uint32_t capacity;
};

void recent_ids_done(struct recent_ids *recent);

/* Sees to memory for windows of up to `count` ids. */
void recent_ids_reserve(struct recent_ids *recent, uint32_t count);

/* The log got one more token. */
void recent_ids_push(struct recent_ids *recent, uint32_t index, int32_t id);

/* The log has only `count` tokens now. */
void recent_ids_cut(struct recent_ids *recent, uint32_t count);

/* The ids of the newest `count` tokens of the log, which has so many; valid until the next call. */
const int32_t *recent_ids_of(struct recent_ids *recent, const struct session_log *log,
                             uint32_t count);
