#include "engine/speculation.h"

#include "base/check.h"
#include "base/mem.h"
#include "engine/draft_lookup.h"
#include "engine/drafter.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"

/* Drafts must promise so many tokens a second more than none, or they are not worth the doubt. */
static const double GAIN_MIN = 1.03;

/* Right guesses that the session's text must promise, or a model is asked if there is one. */
static const double TEXT_PROMISE = 2.5;

/* ---------------------------------------------------------------- one session */

static struct speculation *speculation_of(const struct session *session)
{
    return &session->engine->speculation;
}

void session_draft_begin(struct session *session)
{
    struct session_draft *draft = &session->draft;
    const enum engine_speculate mode = speculation_of(session)->mode;
    draft->proposed = draft->count = draft->taken = 0;
    draft->is_computed = false; /* an answer that was given up may have left some */
    if (mode != ENGINE_SPECULATE_AUTO && mode != ENGINE_SPECULATE_LOOKUP)
        return;
    if (!draft->lookup)
        draft->lookup = draft_lookup_new(session->capacity);
    CLEANUP(mem_freep) int32_t *ids = session_ids(session);
    if (draft->lookup && ids)
        draft_lookup_follow(draft->lookup, ids, session->log.count);
}

void session_draft_done(struct session *session)
{
    struct session_draft *draft = &session->draft;
    struct drafter *drafter = speculation_of(session)->drafter;
    if (drafter && draft->asked)
        drafter->forget(drafter, draft);
    draft_lookup_free(draft->lookup);
    *draft = (struct session_draft){0};
}

void speculation_done(struct speculation *speculation)
{
    if (speculation->drafter)
        speculation->drafter->free(speculation->drafter);
    *speculation = (struct speculation){0};
}

/* Right guesses to be expected. */
static double promise(const struct session_draft *draft)
{
    double sum = 0;
    for (uint32_t i = 0; i < draft->proposed; i++)
        sum += draft->chances[i];
    return sum;
}

/* Another model is asked where the text itself promises little. */
static void ask(struct session *session, uint32_t max)
{
    struct session_draft *draft = &session->draft;
    struct drafter *drafter = speculation_of(session)->drafter;
    if (!drafter || promise(draft) >= TEXT_PROMISE)
        return;
    const uint32_t count = drafter->propose(drafter, session, max, draft->tokens, draft->chances);
    draft->is_asked = count > 0;
    if (count > 0)
        draft->proposed = count;
}

void session_draft_propose(struct session *session, uint32_t max)
{
    struct session_draft *draft = &session->draft;
    draft->proposed = draft->count = 0;
    draft->is_asked = false;
    if (max > SPECULATION_DRAFT_MAX)
        max = SPECULATION_DRAFT_MAX;
    if (draft->lookup)
        draft->proposed = draft_lookup_propose(draft->lookup, max, draft->tokens, draft->chances);
    ask(session, max);
}

uint32_t session_draft_rows(struct session *session, struct infer_row *rows)
{
    const struct session_draft *draft = &session->draft;
    for (uint32_t i = 0; i < draft->count; i++)
        rows[i] = (struct infer_row){
            .seq = session->seq, .token = draft->tokens[i], .wants_logits = true, .is_draft = true};
    return draft->count;
}

void session_draft_computed(struct session *session)
{
    session->draft.is_computed = session->draft.count > 0;
    session->draft.is_missed = false;
    session->draft.taken = 0;
}

void session_draft_push(struct session *session, int32_t token)
{
    struct session_draft *draft = &session->draft;
    if (draft->lookup)
        draft_lookup_add(draft->lookup, token);
    if (!draft->is_computed || draft->is_missed)
        return;
    if (draft->taken < draft->count && draft->tokens[draft->taken] == token)
        draft->taken++;
    else
        draft->is_missed = true;
}

void session_draft_settle(struct session *session)
{
    struct session_draft *draft = &session->draft;
    if (!draft->is_computed)
        return;
    speculation_of(session)->drafted_tokens += draft->count;
    speculation_of(session)->accepted_tokens += draft->taken;
    infer_seq_accept(session->seq, draft->taken);
    if (draft->is_asked)
        speculation_of(session)->drafter->settled(speculation_of(session)->drafter, draft->count,
                                                  draft->taken);
    draft->is_computed = false;
    draft->proposed = draft->count = draft->taken = 0;
}

void speculation_note(struct engine *engine, uint32_t rows, double seconds)
{
    struct speculation *speculation = &engine->speculation;
    const uint64_t packed = infer_packed_bytes(engine->infer);
    if (packed == speculation->packed_bytes)
        step_cost_note(&speculation->cost, rows, seconds);
    speculation->packed_bytes = packed;
}

/* ---------------------------------------------------------------- how many */

/* The session whose next guess is the likeliest one; NULL when none has more. */
static struct session *likeliest(struct session *const *sessions, const uint32_t *counts,
                                 uint32_t session_count, uint32_t *out_index)
{
    double best = 0;
    struct session *found = NULL;
    for (uint32_t i = 0; i < session_count; i++) {
        const struct session_draft *draft = &sessions[i]->draft;
        if (counts[i] < draft->proposed && draft->chances[counts[i]] > best) {
            best = draft->chances[counts[i]];
            found = sessions[i];
            *out_index = i;
        }
    }
    return found;
}

void speculation_plan(struct speculation *speculation, struct session *const *sessions,
                      uint32_t session_count, uint32_t row_count, uint32_t logits_max)
{
    uint32_t counts[SPECULATION_SESSIONS_MAX] = {0};
    const struct step_cost *cost = &speculation->cost;
    CHECK(session_count <= SPECULATION_SESSIONS_MAX);
    for (uint32_t i = 0; i < session_count; i++)
        sessions[i]->draft.count = 0;
    const double alone = step_cost_of(cost, row_count);
    speculation->stream_count = session_count;
    if (session_count == 0 || session_count >= logits_max || (alone <= 0 && !speculation->is_eager))
        return;
    uint32_t left = infer_drafts_max(sessions[0]->engine->infer);
    left = left < logits_max - session_count ? left : logits_max - session_count;
    double tokens = session_count;
    double best = tokens / alone * GAIN_MIN;
    uint32_t at = 0;
    for (uint32_t rows = row_count + 1; rows <= row_count + left; rows++) {
        const struct session *session = likeliest(sessions, counts, session_count, &at);
        if (!session)
            break;
        tokens += session->draft.chances[counts[at]++];
        const double gain = tokens / step_cost_of(cost, rows);
        if (gain <= best && !speculation->is_eager)
            continue;
        best = gain;
        for (uint32_t i = 0; i < session_count; i++)
            sessions[i]->draft.count = counts[i];
    }
}
