/* session_snapshot - a whole session to a file and back. Part of session.h. */
#include "base/check.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/prefix_store.h"
#include "engine/session_internal.h"
#include "engine/snapshot.h"
#include "infer/infer.h"
#include "model/kv_view.h"

#include <inttypes.h>
#include <string.h>

enum status session_snapshot(const struct session *session, const char *path, struct error *err)
{
    const uint32_t cached = session_cached_tokens(session);
    const struct snapshot_plan plan = {
        .token_count = session->log.count,
        .computed_count = cached < session->log.count ? cached : session->log.count,
    };
    return snapshot_write(session, &plan, path, err);
}

void session_set_log(struct session *session, const struct log_token *log, uint32_t count)
{
    session_log_cut(&session->log, 0);
    recent_ids_cut(&session->recent, 0);
    for (uint32_t i = 0; i < count; i++)
        session_log_push(&session->log, log[i]);
}

int32_t *session_ids(const struct session *session)
{
    int32_t *ids = mem_try_alloc(((size_t)session->log.count + 1) * sizeof(*ids));
    if (ids)
        session_log_ids(&session->log, 0, session->log.count, ids);
    return ids;
}

void session_take_over(struct session *session, struct infer_seq *seq, const struct log_token *log,
                       uint32_t count)
{
    CHECK(count < session->capacity);
    session_draft_done(session);
    infer_seq_free(session->seq);
    session->seq = seq;
    session->prefix_count = 0;
    session_set_log(session, log, count);
}

static enum status load(const struct snapshot_file *file, struct session *session,
                        struct error *err)
{
    const struct snapshot *s = &file->snapshot;
    session_set_log(session, s->log, s->token_count);
    CLEANUP(mem_freep) int32_t *ids = session_ids(session);
    if (!ids)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu32 " tokens", session->log.count);
    TRY(infer_seq_load(session->seq, ids, s->computed_count, err));
    TRY(snapshot_load_pages(file, session->engine, session->seq, 0, s->page_count, err));
    if (s->state_count > 0)
        TRY(snapshot_load_state(file, s->state_count - 1, session->seq, err));
    return s->has_logits ? snapshot_load_logits(file, session->seq, err) : OK;
}

/* ---------------------------------------------------------------- stored prefixes */

enum status session_keep(struct session *session, const struct session_keep_options *options,
                         struct error *err)
{
    struct prefix_store *store = session->engine->prefixes;
    const uint32_t cached = session_cached_tokens(session);
    const uint32_t all = cached < session->log.count ? cached : session->log.count;
    const struct prefix_store_keep keep = {
        .token_count = options->what == SESSION_KEEP_PREFIX ? session->prefix_count : all,
        .new_tokens_min = options->new_tokens_min,
        .owner = options->owner,
        .goes_on = options->goes_on,
        .context = options->context,
    };
    if (!store || keep.token_count > all)
        return OK;
    return prefix_store_keep(store, session, &keep, err);
}

/* ---------------------------------------------------------------- restoring */

static enum status restore(struct engine *engine, const struct snapshot_file *file,
                           const struct sampler_options *sampler, struct session **out,
                           struct error *err)
{
    const struct snapshot *s = &file->snapshot;
    TRY(snapshot_check(s, engine, err));
    if (s->first_page != 0)
        return error_set(err, E_INVALID,
                         "its first %" PRIu32 " tokens are in other files: it is no whole session",
                         s->first_page * KV_PAGE_TOKENS);
    CLEANUP(session_freep) struct session *session = NULL;
    TRY(session_new(engine, sampler, &session, err));
    if (s->token_count > session->capacity)
        return error_set(err, E_LIMIT, "a session of %" PRIu32 " tokens; the context has %" PRIu32,
                         s->token_count, session->capacity);
    TRY(load(file, session, err));
    *out = session;
    session = NULL; /* ownership moves to the caller */
    return OK;
}

enum status session_restore(struct engine *engine, const char *path,
                            const struct sampler_options *sampler, struct session **out,
                            struct error *err)
{
    struct snapshot_file file = {0};
    struct error reason = {0};
    TRY(snapshot_open(path, &file, err));
    const enum status status = restore(engine, &file, sampler, out, &reason);
    snapshot_close(&file);
    if (status != OK)
        return error_set(err, status, "%.250s: %.200s", path, reason.text);
    return OK;
}
