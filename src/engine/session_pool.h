/*
 * session_pool - the conversations an engine remembers, so that the next request of each pays only
 * for what is new.
 *
 * A request is a rendered conversation. session_pool_take() finds the kept session whose log agrees
 * with it longest, by its bytes: tokens that were sampled keep their identity, and nothing of what
 * agrees is computed again. When that session is in use, or would lose much of its own log, the
 * request gets a fork of it that shares the pages. Idle sessions stay until their pages are needed,
 * the one used longest ago goes first.
 *
 * Threads: the engine's. Depends on: session.h. Used by: scheduler.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct chat_spans;
struct engine;
struct sampler_options;
struct session;
struct session_pool;

enum { SESSION_POOL_IDLE_MAX = 256 }; /* sessions kept without use */

/* Borrows `engine`. */
struct session_pool *session_pool_new(struct engine *engine);
void session_pool_free(
    struct session_pool *pool); /* every taken session must have been given back */

/*
 * A session whose log is exactly `spans`. It belongs to the pool and is the caller's until
 * session_pool_give(). *out_kept: tokens of its log that were there already. E_LIMIT with both
 * numbers when the conversation is longer than a session may be.
 */
MUST_USE enum status session_pool_take(struct session_pool *pool, const struct chat_spans *spans,
                                       const struct sampler_options *sampler, struct session **out,
                                       uint32_t *out_kept, struct error *err);

/* Gives a session back; it is kept for requests that go on with it. */
void session_pool_give(struct session_pool *pool, struct session *session);

/* Forgets the idle session that was used longest ago; false when there is none. */
bool session_pool_forget_oldest(struct session_pool *pool);

uint32_t session_pool_idle_count(const struct session_pool *pool);
