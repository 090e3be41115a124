#include "engine/draft_block.h"

#include "base/mem.h"
#include "engine/draft_gain.h"
#include "engine/drafter.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/clock.h"

struct draft_block {
    struct drafter drafter;
    const struct engine *engine;
    struct draft_gain gain;
};

static int32_t choose(void *context, const float *logits, uint32_t index)
{
    struct session *session = context;
    return drafter_choose(session, session->engine->sampler, logits, index);
}

static uint32_t propose(struct drafter *drafter, struct session *session, uint32_t max,
                        int32_t *out_tokens, double *out_chances)
{
    struct draft_block *block = (struct draft_block *)drafter;
    if (session_cached_tokens(session) + 1 != session->log.count)
        return 0; /* the block goes on from one token that is known and not computed */
    const uint32_t wanted =
        draft_gain_count(&block->gain, &block->engine->speculation, max, out_chances);
    if (wanted == 0)
        return 0;
    const double start = clock_seconds();
    const uint32_t count = infer_guess(session->seq, session_token(session, session->log.count - 1),
                                       wanted, choose, session, out_tokens);
    if (count > 0)
        draft_gain_timed(&block->gain, count, clock_seconds() - start);
    return count;
}

static void settled(struct drafter *drafter, uint32_t computed, uint32_t taken)
{
    draft_gain_settled(&((struct draft_block *)drafter)->gain, computed, taken);
}

static void forget(struct drafter *drafter, struct session_draft *draft)
{
    (void)drafter;
    (void)draft;
}

static void free_block(struct drafter *drafter)
{
    mem_free(drafter);
}

struct drafter *draft_block_new(const struct engine *engine)
{
    struct draft_block *block = mem_zalloc(sizeof(*block));
    block->drafter = (struct drafter){propose, settled, forget, free_block};
    block->engine = engine;
    draft_gain_init(&block->gain);
    return &block->drafter;
}
