/*
 * session_generate - one generation driven alone: compute, take tokens, until it is over.
 *
 * Part of session.h; what a generation does is in generation.c. Owns nothing beyond one call.
 */
#include "engine/engine_internal.h"
#include "engine/generation.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/clock.h"

/* One step of the model: what is pending, and as many guesses of what follows as pay. */
static enum status step(struct generation *g, struct error *err)
{
    struct session *session = g->session;
    struct infer *infer = session->engine->infer;
    struct speculation *speculation = &session->engine->speculation;
    const uint32_t pending = session_pending(session);
    g->result.step_count++;
    if (pending > SESSION_SLICE_ROWS - SPECULATION_DRAFT_MAX)
        return session_compute(session, NULL, NULL, err);
    generation_propose(g);
    speculation_plan(speculation, &session, 1, pending, INFER_LOGITS_ROWS_DEFAULT);
    if (infer_seq_append_pages(session->seq, pending + session->draft.count) >
        infer_free_page_count(infer))
        session->draft.count = 0;
    session_rows(session, pending, session->rows);
    const uint32_t count = pending + session_draft_rows(session, session->rows + pending);
    const double start = clock_seconds();
    TRY(infer_step(infer, session->rows, count, err));
    speculation_note(session->engine, count, clock_seconds() - start);
    session_draft_computed(session);
    return OK;
}

static enum status run(struct generation *g, engine_progress_fn *progress, struct error *err)
{
    const double start = clock_seconds();
    const enum status status = session_compute(g->session, progress, g->context, err);
    const double computed = clock_seconds();
    g->result.prompt_seconds = computed - start;
    if (status != OK)
        return status;
    TRY(generation_advance(g, err));
    while (!generation_is_over(g)) {
        TRY(step(g, err));
        TRY(generation_advance(g, err));
    }
    g->result.generate_seconds = clock_seconds() - computed;
    return OK;
}

enum status session_generate(struct session *session, const struct session_limits *limits,
                             struct token_mask *mask, session_event_fn *event,
                             engine_progress_fn *progress, void *context,
                             struct session_result *out, struct error *err)
{
    struct generation g;
    *out = (struct session_result){0};
    TRY(gguf_check_unchanged(session->engine->gguf, err));
    generation_init(&g, &(struct generation_config){.session = session,
                                                    .limits = limits,
                                                    .mask = mask,
                                                    .event = event,
                                                    .context = context});
    const enum status status = run(&g, progress, err);
    if (status == OK)
        generation_finish(&g);
    *out = g.result;
    generation_done(&g);
    return status;
}
