#include "engine/session_pool.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/chat_spans.h"
#include "engine/engine_internal.h"
#include "engine/prefix_store.h"
#include "engine/prefix_tree.h"
#include "engine/session_internal.h"
#include "infer/infer.h"

#include <string.h>

enum {
    TAKEN_MAX = 1024,     /* sessions in use at a time; the scheduler bounds its tasks below it */
    KEEP_PREFIX_MIN = 32, /* tokens that are worth a file: of what many conversations begin with, */
    KEEP_ALL_MIN = 128,   /* and of one alone */
};

struct pooled {
    struct session *session;
    struct prefix_node *place; /* in the tree; NULL: no tokens */
    uint64_t used;             /* number of the last give; 0: in use */
    bool is_new;               /* was used since it was looked at for storing */
};

struct session_pool {
    struct engine *engine;
    struct prefix_tree *tree; /* of all logs */
    struct cache_report report;
    uint64_t clock;
    size_t count;
    uint32_t idle_count;
    struct pooled items[SESSION_POOL_IDLE_MAX + TAKEN_MAX];
};

static void remove_item(struct session_pool *pool, struct pooled *item)
{
    if (item->place)
        prefix_tree_remove(pool->tree, item->place, item->session);
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

/* An engine_make_room_fn: conversations at rest give their pages. */
static void make_room(void *context, uint32_t page_count)
{
    struct session_pool *pool = context;
    while (infer_free_page_count(pool->engine->infer) < page_count)
        if (!forget_oldest(pool, NULL))
            return;
}

struct session_pool *session_pool_new(struct engine *engine)
{
    struct session_pool *pool = mem_zalloc(sizeof(*pool));
    pool->engine = engine;
    pool->tree = prefix_tree_new();
    engine->make_room = make_room;
    engine->make_room_context = pool;
    return pool;
}

void session_pool_free(struct session_pool *pool)
{
    if (!pool)
        return;
    CHECK(pool->idle_count == pool->count);
    while (pool->count > 0)
        remove_item(pool, &pool->items[0]);
    prefix_tree_free(pool->tree);
    pool->engine->make_room = NULL;
    mem_free(pool);
}

static struct pooled *find_item(struct session_pool *pool, const struct session *session)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->items[i].session == session)
            return &pool->items[i];
    return NULL;
}

/* Says in the tree what the log is now. */
static void enter(struct session_pool *pool, struct pooled *item)
{
    struct session *session = item->session;
    if (item->place)
        prefix_tree_remove(pool->tree, item->place, session);
    item->place = NULL;
    if (session->log.count == 0)
        return;
    CLEANUP(mem_freep) struct log_token *log = session_log_copy(&session->log, session->log.count);
    item->place = prefix_tree_add(pool->tree, log, session->log.count, 0, session);
}

/* The session that shares most with the conversation whose way is `path`, one at rest before one in
 * use, or NULL; *out_common: tokens it shares. */
static struct pooled *find_nearest(struct session_pool *pool, const struct prefix_path *path,
                                   const struct chat_spans *spans, uint32_t *out_common)
{
    struct pooled *nearest = NULL;
    for (uint32_t i = path->node_count; i-- > 0 && !nearest;) {
        for (const struct prefix_holder *holder = prefix_tree_holders(path->nodes[i]); holder;
             holder = holder->next) {
            struct pooled *item = find_item(pool, holder->owner);
            if (item && (!nearest || (nearest->used == 0 && item->used > 0)))
                nearest = item;
        }
    }
    *out_common = nearest ? session_common_tokens(nearest->session, spans) : 0;
    return *out_common > 0 ? nearest : NULL;
}

/* A conversation that only ends differently goes on in place; one that would lose more of its log
 * than it shares is kept for its own next request. */
static bool goes_on_in_place(const struct pooled *item, uint32_t common)
{
    return item->used > 0 && session_token_count(item->session) - common <= common / 2;
}

static enum status add_session(struct session_pool *pool, struct session *from,
                               const struct sampler_options *sampler, struct pooled **out,
                               struct error *err)
{
    if (pool->count == ARRAY_LEN(pool->items))
        return error_set(err, E_LIMIT, "%zu conversations are in use (limit %d)",
                         pool->count - pool->idle_count, TAKEN_MAX);
    CLEANUP(session_freep) struct session *session = NULL;
    if (from) {
        TRY(session_fork(from, &session, err));
    } else {
        TRY(session_new(pool->engine, sampler, &session, err));
    }
    session->gets_pages = true;
    *out = &pool->items[pool->count++];
    **out = (struct pooled){.session = session};
    session = NULL; /* ownership moves to the pool */
    return OK;
}

bool session_pool_forget_oldest(struct session_pool *pool)
{
    return forget_oldest(pool, NULL);
}

/* A new session, or a fork of `from`. Where there is room for no more (recurrent states are few)
 * idle ones make it. */
static enum status add_making_room(struct session_pool *pool, struct session *from,
                                   const struct sampler_options *sampler, struct pooled **out,
                                   struct error *err)
{
    enum status status = add_session(pool, from, sampler, out, err);
    while (status == E_LIMIT && forget_oldest(pool, from))
        status = add_session(pool, from, sampler, out, err);
    return status;
}

/* ---------------------------------------------------------------- the cache doctor */

/* The beginning of a text, at most a token long, fit for a line. */
static void copy_text(struct str text, char out[CACHE_REPORT_TEXT_SIZE])
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    for (size_t i = 0; i < text.len && line.len < CACHE_REPORT_TEXT_SIZE / 2; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n')
            strbuf_add_c(&line, "\\n");
        else if (c < ' ' || c == 0x7f)
            strbuf_addf(&line, "\\x%02x", c);
        else
            strbuf_add_char(&line, (char)c);
    }
    size_t len = line.len < CACHE_REPORT_TEXT_SIZE - 1 ? line.len : CACHE_REPORT_TEXT_SIZE - 1;
    while (len > 0 && len < line.len && ((unsigned char)line.ptr[len] & 0xc0) == 0x80)
        len--; /* whole characters */
    memcpy(out, strbuf_c(&line), len);
    out[len] = '\0';
}

static void describe(struct session_pool *pool, const struct prefix_tree *tree,
                     const struct prefix_path *path, const struct chat_spans *spans)
{
    struct cache_report *report = &pool->report;
    const struct log_token *token = prefix_tree_next_token(tree, path);
    *report = (struct cache_report){.shared_tokens = path->token_count};
    if (!token || path->offset >= spans->text.len)
        return;
    const struct str piece = tokenizer_piece(pool->engine->tokenizer, token->id);
    const struct str text = strbuf_view(&spans->text);
    size_t run = 0;
    while (run + 1 < spans->run_count &&
           path->offset >= spans->runs[run].offset + spans->runs[run].length)
        run++;
    report->differs = true;
    report->origin = spans->runs[run].origin;
    copy_text(piece, report->kept);
    copy_text(str_slice(text, path->offset,
                        path->offset + piece.len < text.len ? path->offset + piece.len : text.len),
              report->wanted);
}

/* Where what agrees longest goes another way: a conversation here or a stored one. */
static void note_difference(struct session_pool *pool, const struct prefix_path *path,
                            const struct chat_spans *spans)
{
    CLEANUP(prefix_tree_path_done) struct prefix_path stored = {0};
    const struct prefix_tree *tree =
        pool->engine->prefixes ? prefix_store_tree(pool->engine->prefixes) : NULL;
    if (tree)
        prefix_tree_find(tree, pool->engine->tokenizer, spans, &stored);
    if (stored.token_count > path->token_count)
        describe(pool, tree, &stored, spans);
    else
        describe(pool, pool->tree, path, spans);
}

static void note_counts(struct session_pool *pool, const struct session *session,
                        uint64_t recalled_before)
{
    struct cache_report *report = &pool->report;
    struct prefix_store_facts facts;
    engine_prefix_facts(pool->engine, &facts);
    const uint32_t cached = session_cached_tokens(session);
    report->prompt_tokens = session->log.count;
    report->reused_tokens = cached < session->log.count ? cached : session->log.count;
    report->stored_tokens = (uint32_t)(facts.recalled_tokens - recalled_before);
    const uint32_t rows = session_pending(session);
    const uint32_t slice = rows < SESSION_SLICE_ROWS ? rows : (uint32_t)SESSION_SLICE_ROWS;
    if (slice > 0)
        report->again_seconds = step_cost_of(&pool->engine->speculation.cost, slice) / slice * rows;
    if (report->again_seconds < 0)
        report->again_seconds = 0;
}

const struct cache_report *session_pool_report(const struct session_pool *pool)
{
    return &pool->report;
}

/* ---------------------------------------------------------------- taking and giving */

/* A session for the conversation: one that goes on in place, a fork, or a new one. */
static enum status choose(struct session_pool *pool, const struct chat_spans *spans,
                          const struct sampler_options *sampler, struct session **out,
                          struct error *err)
{
    CLEANUP(prefix_tree_path_done) struct prefix_path path = {0};
    uint32_t common = 0;
    prefix_tree_find(pool->tree, pool->engine->tokenizer, spans, &path);
    note_difference(pool, &path, spans);
    struct pooled *item = find_nearest(pool, &path, spans, &common);
    if (item && goes_on_in_place(item, common)) {
        item->used = 0;
        pool->idle_count--;
    } else {
        TRY(add_making_room(pool, item ? item->session : NULL, sampler, &item, err));
    }
    *out = item->session;
    return OK;
}

enum status session_pool_take(struct session_pool *pool, const struct chat_spans *spans,
                              const struct sampler_options *sampler, struct session **out,
                              uint32_t *out_kept, struct error *err)
{
    struct session *session = NULL;
    struct prefix_store_facts before;
    engine_prefix_facts(pool->engine, &before);
    TRY(choose(pool, spans, sampler, &session, err));
    enum status status = session_set_sampler(session, sampler, err);
    if (status == OK)
        status = session_sync(session, spans, out_kept, err);
    struct pooled *item = find_item(pool, session); /* others may have been forgotten meanwhile */
    if (status != OK) {
        remove_item(pool, item);
        return status;
    }
    enter(pool, item);
    note_counts(pool, session, before.recalled_tokens);
    *out = session;
    return OK;
}

void session_pool_give(struct session_pool *pool, struct session *session)
{
    struct pooled *item = find_item(pool, session);
    CHECK(item);
    enter(pool, item);
    item->used = ++pool->clock;
    item->is_new = true;
    pool->idle_count++;
    if (pool->idle_count > SESSION_POOL_IDLE_MAX)
        (void)session_pool_forget_oldest(pool);
}

/* The session at rest that was used last and not looked at since. */
static struct pooled *find_new(struct session_pool *pool)
{
    struct pooled *newest = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        struct pooled *item = &pool->items[i];
        if (item->is_new && item->used > 0 && (!newest || item->used > newest->used))
            newest = item;
    }
    return newest;
}

bool session_pool_keep(struct session_pool *pool, bool (*goes_on)(void *context), void *context)
{
    for (struct pooled *item = find_new(pool); item && pool->engine->prefixes;
         item = find_new(pool)) {
        struct session_keep_options keep = {.what = SESSION_KEEP_PREFIX,
                                            .new_tokens_min = KEEP_PREFIX_MIN,
                                            .goes_on = goes_on,
                                            .context = context};
        enum status status = session_keep(item->session, &keep, NULL);
        keep.what = SESSION_KEEP_ALL;
        keep.new_tokens_min = KEEP_ALL_MIN;
        if (status == OK)
            status = session_keep(item->session, &keep, NULL);
        if (status == E_CANCELLED)
            return false;
        item->is_new = false;
    }
    return true;
}

uint32_t session_pool_idle_count(const struct session_pool *pool)
{
    return pool->idle_count;
}
