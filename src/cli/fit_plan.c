#include "cli/fit_plan.h"

/* Shares of what the machine does at most, as measured over families and types (docs/speed.md):
 * 0.9 to 1.05 of the bandwidth, 0.46 to 0.6 of the products. */
static const double READ_SHARE = 0.95;
static const double MULTIPLY_SHARE = 0.5;

enum { PAGE_TOKENS = 64 };

const enum kv_kind fit_plan_kinds[FIT_PLAN_KINDS] = {KV_KIND_F16, KV_KIND_Q8, KV_KIND_T4};

static double tokens_per_second(const struct fit_machine *machine, const struct fit_shape *shape,
                                uint64_t kv_bytes)
{
    const double bytes = (double)(shape->read_bytes + 2 * shape->state_bytes + kv_bytes);
    return bytes > 0 ? machine->read_speed * READ_SHARE / bytes : 0;
}

void fit_plan_with(const struct fit_machine *machine, const struct fit_shape *shape,
                   enum kv_kind kv, struct fit_plan *out)
{
    const uint64_t token = shape->token_bytes[kv];
    const uint64_t fixed = shape->weight_bytes + shape->fixed_bytes;
    const uint64_t room = machine->free_bytes > machine->reserve_bytes
                              ? machine->free_bytes - machine->reserve_bytes
                              : 0;
    const uint32_t least = shape->context_trained < FIT_PLAN_CONTEXT_LEAST ? shape->context_trained
                                                                           : FIT_PLAN_CONTEXT_LEAST;
    *out = (struct fit_plan){.kv = kv, .needed_bytes = fixed + token * least, .room_bytes = room};
    if (out->needed_bytes > room)
        return;
    const uint64_t most = token ? (room - fixed) / token / PAGE_TOKENS * PAGE_TOKENS : UINT64_MAX;
    out->fits = true;
    out->context_tokens = most < shape->context_trained ? (uint32_t)most : shape->context_trained;
    out->first_speed = tokens_per_second(machine, shape, 0);
    out->last_speed = tokens_per_second(machine, shape, token * out->context_tokens);
    if (shape->multiply_adds > 0)
        out->prompt_speed = machine->multiply_speed * MULTIPLY_SHARE / (double)shape->multiply_adds;
}

void fit_plan_make(const struct fit_machine *machine, const struct fit_shape *shape,
                   struct fit_plan *out)
{
    const uint32_t good = shape->context_trained < FIT_PLAN_CONTEXT_GOOD ? shape->context_trained
                                                                         : FIT_PLAN_CONTEXT_GOOD;
    fit_plan_with(machine, shape, KV_KIND_F16, out);
    for (size_t i = 1; i < FIT_PLAN_KINDS && out->context_tokens < good; i++) {
        struct fit_plan plan;
        if (shape->token_bytes[fit_plan_kinds[i]] == 0)
            continue;
        fit_plan_with(machine, shape, fit_plan_kinds[i], &plan);
        if (!out->fits || plan.context_tokens > out->context_tokens)
            *out = plan;
    }
}
