/*
 * session_generate - one generation driven alone: compute, take tokens, until it is over.
 *
 * Part of session.h; what a generation does is in generation.c. Owns nothing beyond one call.
 */
#include "engine/generation.h"
#include "engine/session_internal.h"
#include "os/clock.h"

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
        TRY(session_compute(g->session, NULL, NULL, err));
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
