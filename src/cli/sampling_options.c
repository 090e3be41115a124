#include "cli/sampling_options.h"

#include "os/random.h"

enum { REPEAT_LAST_COUNT = 64 };

struct sampler_options sampling_options_resolve(const struct sampling_options *options)
{
    struct sampler_options out = {
        .temperature = (float)options->temperature,
        .top_k = (uint32_t)options->top_k,
        .top_p = (float)options->top_p,
        .min_p = (float)options->min_p,
        .repeat_penalty = (float)options->repeat_penalty,
        .repeat_last_count = REPEAT_LAST_COUNT,
        .seed = (uint64_t)options->seed,
    };
    if (options->seed < 0)
        random_bytes(&out.seed, sizeof(out.seed));
    return out;
}
