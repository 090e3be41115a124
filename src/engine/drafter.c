#include "engine/drafter.h"

#include "engine/session_internal.h"
#include "infer/sampler.h"

int32_t drafter_choose(const struct session *session, struct sampler *sampler, const float *logits,
                       uint32_t index)
{
    const uint32_t wanted = session->sampler.repeat_last_count;
    const uint32_t seen = session->count < wanted ? session->count : wanted;
    const struct sampler_input input = {
        .logits = logits,
        .history = session->history + (session->count - seen),
        .history_count = seen,
        .position = session->count + index,
    };
    return sampler_pick(sampler, &session->sampler, &input);
}
