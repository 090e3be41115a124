#include "engine/session_pool.h"

#include "base/check.h"
#include "base/mem.h"
#include "engine/session.h"
#include "engine/session_internal.h"

enum { TAKEN_MAX = 1024 }; /* sessions in use at a time; the scheduler bounds its tasks below it */

struct pooled {
    struct session *session;
    uint64_t used; /* number of the last give; 0: in use */
};

struct session_pool {
    struct engine *engine;
    uint64_t clock;
    size_t count;
    uint32_t idle_count;
    struct pooled items[SESSION_POOL_IDLE_MAX + TAKEN_MAX];
};

struct session_pool *session_pool_new(struct engine *engine)
{
    struct session_pool *pool = mem_zalloc(sizeof(*pool));
    pool->engine = engine;
    return pool;
}

void session_pool_free(struct session_pool *pool)
{
    if (!pool)
        return;
    CHECK(pool->idle_count == pool->count);
    for (size_t i = 0; i < pool->count; i++)
        session_free(pool->items[i].session);
    mem_free(pool);
}

/* The session that shares most with `spans`, or NULL; *out_common: tokens it shares. */
static struct pooled *find_nearest(struct session_pool *pool, const struct chat_spans *spans,
                                   uint32_t *out_common)
{
    struct pooled *nearest = NULL;
    *out_common = 0;
    for (size_t i = 0; i < pool->count; i++) {
        const uint32_t common = session_common_tokens(pool->items[i].session, spans);
        const bool is_better = common > *out_common || (common > 0 && common == *out_common &&
                                                        nearest && pool->items[i].used > 0);
        if (!is_better)
            continue;
        nearest = &pool->items[i];
        *out_common = common;
    }
    return nearest;
}

/* A conversation that only ends differently goes on in place; one that would lose more of its log
 * than it shares is kept for its own next request. */
static bool goes_on_in_place(const struct pooled *item, uint32_t common)
{
    return item->used > 0 && session_token_count(item->session) - common <= common / 2;
}

static enum status add_session(struct session_pool *pool, struct session *from, uint32_t common,
                               const struct sampler_options *sampler, struct pooled **out,
                               struct error *err)
{
    if (pool->count == ARRAY_LEN(pool->items))
        return error_set(err, E_LIMIT, "%zu conversations are in use (limit %d)",
                         pool->count - pool->idle_count, TAKEN_MAX);
    CLEANUP(session_freep) struct session *session = NULL;
    if (from) {
        TRY(session_fork(from, &session, err));
        TRY(session_rewind(session, common, err));
    } else {
        TRY(session_new(pool->engine, sampler, &session, err));
    }
    session->gets_pages = true;
    *out = &pool->items[pool->count++];
    **out = (struct pooled){.session = session};
    session = NULL; /* ownership moves to the pool */
    return OK;
}

static void remove_item(struct session_pool *pool, struct pooled *item)
{
    session_free(item->session);
    *item = pool->items[--pool->count];
}

/* Forgets the idle session, other than `keep`, that was used longest ago. */
static bool forget_oldest(struct session_pool *pool, const struct session *keep)
{
    struct pooled *oldest = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        struct pooled *item = &pool->items[i];
        if (item->used > 0 && item->session != keep && (!oldest || item->used < oldest->used))
            oldest = item;
    }
    if (!oldest)
        return false;
    remove_item(pool, oldest);
    pool->idle_count--;
    return true;
}

bool session_pool_forget_oldest(struct session_pool *pool)
{
    return forget_oldest(pool, NULL);
}

/* A new session, or a fork of `from`. Where there is room for no more (recurrent states are few)
 * idle ones make it. */
static enum status add_making_room(struct session_pool *pool, struct session *from, uint32_t common,
                                   const struct sampler_options *sampler, struct pooled **out,
                                   struct error *err)
{
    enum status status = add_session(pool, from, common, sampler, out, err);
    while (status == E_LIMIT && forget_oldest(pool, from))
        status = add_session(pool, from, common, sampler, out, err);
    return status;
}

enum status session_pool_take(struct session_pool *pool, const struct chat_spans *spans,
                              const struct sampler_options *sampler, struct session **out,
                              uint32_t *out_kept, struct error *err)
{
    uint32_t common = 0;
    struct pooled *item = find_nearest(pool, spans, &common);
    if (item && goes_on_in_place(item, common)) {
        item->used = 0;
        pool->idle_count--;
    } else {
        TRY(add_making_room(pool, item ? item->session : NULL, common, sampler, &item, err));
    }
    enum status status = session_set_sampler(item->session, sampler, err);
    if (status == OK)
        status = session_sync(item->session, spans, out_kept, err);
    if (status != OK) {
        remove_item(pool, item);
        return status;
    }
    *out = item->session;
    return OK;
}

void session_pool_give(struct session_pool *pool, struct session *session)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct pooled *item = &pool->items[i];
        if (item->session != session)
            continue;
        item->used = ++pool->clock;
        pool->idle_count++;
        if (pool->idle_count > SESSION_POOL_IDLE_MAX)
            (void)session_pool_forget_oldest(pool);
        return;
    }
    CHECK(false); /* not a session of this pool */
}

uint32_t session_pool_idle_count(const struct session_pool *pool)
{
    return pool->idle_count;
}
