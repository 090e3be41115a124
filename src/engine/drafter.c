#include "engine/drafter.h"

#include "engine/session_internal.h"
#include "infer/sampler.h"

int32_t drafter_choose(struct session *session, struct sampler *sampler, const float *logits,
                       uint32_t index)
{
    const uint32_t wanted = sampler_repeat_count(&session->sampler);
    const uint32_t seen = session->log.count < wanted ? session->log.count : wanted;
    const struct sampler_input input = {
        .logits = logits,
        .history = recent_ids_of(&session->recent, &session->log, seen),
        .history_count = seen,
        .position = session->log.count + index,
    };
    return sampler_pick(sampler, &session->sampler, &input);
}
