/*
 * session_log - the tokens of a session, in blocks that its forks share.
 *
 * A log is a table of blocks of SESSION_LOG_BLOCK_TOKENS tokens. A fork shares the table; who
 * changes a shared table gets one of its own, who writes into a shared block a copy of it. So a
 * fork costs the same whatever its length, and a branch costs its own tokens and a block. Blocks
 * come from a store of the engine, which keeps those given back: behind session_log_reserve() a log
 * grows without an allocation.
 *
 * Threads: the engine's. Part of engine/; used by session.c and those that drive a session.
 */
#pragma once

#include "model/kv_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SESSION_LOG_BLOCK_TOKENS = 8 * KV_PAGE_TOKENS };

/* One token of the log. */
struct log_token {
    int32_t id;
    uint32_t bytes;   /* of the source text it stands for; 0 for a BOS that was added */
    uint8_t origin;   /* enum segment_origin */
    bool keeps_state; /* of a recurrent model, behind this token: a rewind may come here */
};

struct session_log_block {
    uint32_t references; /* tables */
    struct session_log_block *next_free;
    struct log_token tokens[SESSION_LOG_BLOCK_TOKENS];
};

/* Zeroed is empty. */
struct session_log_store {
    struct session_log_slab *slabs;       /* where blocks come from */
    struct session_log_block *free_block; /* given back */
    uint32_t free_count;
    uint32_t fresh_count; /* at the end of the newest slab: never used */
    uint32_t used_count;
};

struct session_log_table {
    uint32_t references; /* logs */
    uint32_t block_count;
    struct session_log_block *blocks[]; /* [capacity in blocks] */
};

struct session_log {
    struct session_log_store *store;
    struct session_log_table *table; /* NULL: no token was added yet */
    uint32_t count;
    uint32_t capacity;
};

void session_log_store_done(struct session_log_store *store); /* its logs must be gone */

/* Empty; borrows `store`. */
void session_log_init(struct session_log *log, struct session_log_store *store, uint32_t capacity);
void session_log_done(struct session_log *log); /* zeroed is allowed */

/* Gives an empty log all tokens of another one of the same store and capacity. */
void session_log_share(const struct session_log *from, struct session_log *to);

/* There must be room. */
void session_log_push(struct session_log *log, struct log_token token);

/* Forgets tokens from `count` on; no effect when there are none. */
void session_log_cut(struct session_log *log, uint32_t count);

/* Marks a token that the log has: see log_token.keeps_state. */
void session_log_keep_state(struct session_log *log, uint32_t index);

/* Sees to memory for `count` more tokens. */
void session_log_reserve(struct session_log *log, uint32_t count);

/* Token `index` < count, and those behind it up to the end of its block, as far as there are any;
 * valid until the log changes. */
static inline const struct log_token *session_log_at(const struct session_log *log, uint32_t index)
{
    return &log->table->blocks[index / SESSION_LOG_BLOCK_TOKENS]
                ->tokens[index % SESSION_LOG_BLOCK_TOKENS];
}

/* Tokens in one piece from `begin` on, `begin` < count. */
static inline uint32_t session_log_run(const struct session_log *log, uint32_t begin)
{
    const uint32_t in_block = SESSION_LOG_BLOCK_TOKENS - begin % SESSION_LOG_BLOCK_TOKENS;
    return log->count - begin < in_block ? log->count - begin : in_block;
}

/* The first `count` tokens in one piece, free with mem_free(). */
struct log_token *session_log_copy(const struct session_log *log, uint32_t count);

/* The ids of tokens [begin, end) in one piece. */
void session_log_ids(const struct session_log *log, uint32_t begin, uint32_t end, int32_t *out);
