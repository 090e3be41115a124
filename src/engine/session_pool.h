/*
 * session_pool - the conversations an engine remembers, so that the next request of each pays only
 * for what is new.
 *
 * A request is a rendered conversation. session_pool_take() finds the kept session whose log agrees
 * with it longest, by its bytes, in a tree of all logs (prefix_tree.h): tokens that were sampled
 * keep their identity, and nothing of what agrees is computed again. When that session is in use,
 * or would lose much of its own log, the request gets a fork of it that shares the pages; what is
 * stored and agrees longer is loaded (prefix_store.h). Idle sessions stay until their pages are
 * needed, the one used longest ago goes first.
 *
 * Threads: the engine's. Depends on: session.h. Used by: scheduler.c.
 */
#pragma once

#include "base/error.h"
#include "chat/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* Told about each request, on the engine's thread. */
struct cache_report;
typedef void(cache_report_fn)(const struct cache_report *report);

struct chat_spans;
struct engine;
struct sampler_options;
struct session;
struct session_pool;

enum {
    SESSION_POOL_IDLE_MAX = 256, /* sessions kept without use */
    CACHE_REPORT_TEXT_SIZE = 48,
};

/* What a request found, and where what was kept goes another way: the cache doctor. */
struct cache_report {
    uint32_t prompt_tokens;
    uint32_t reused_tokens;            /* of these, not computed again */
    uint32_t stored_tokens;            /* of these, from files */
    uint32_t shared_tokens;            /* at the beginning, that some kept conversation has too */
    bool differs;                      /* and goes on otherwise: the token behind them is another */
    char kept[CACHE_REPORT_TEXT_SIZE]; /* that token's text there, control characters escaped */
    char wanted[CACHE_REPORT_TEXT_SIZE]; /* the request's text at that place */
    enum segment_origin origin;          /* where that text comes from */
    double again_seconds; /* what computing the rest takes, about; 0: not known yet */
};

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

/* Of the newest session_pool_take(). */
const struct cache_report *session_pool_report(const struct session_pool *pool);

/*
 * Stores what is new in sessions that rest (prefix_store.h), newest first; `goes_on` as in
 * session_keep(). False when it was stopped and there is more. Nothing without a store.
 */
bool session_pool_keep(struct session_pool *pool, bool (*goes_on)(void *context), void *context);

/* Gives a session back; it is kept for requests that go on with it. */
void session_pool_give(struct session_pool *pool, struct session *session);

/* Forgets the idle session that was used longest ago; false when there is none. */
bool session_pool_forget_oldest(struct session_pool *pool);

uint32_t session_pool_idle_count(const struct session_pool *pool);
