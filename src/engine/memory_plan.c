#include "engine/memory_plan.h"

#include "infer/kv_cache.h"
#include "model/model.h"
#include "os/memory.h"

#include <inttypes.h>

enum {
    CONTEXT_FITS_MAX = 1 << 24, /* more is not looked for */
    FORK_PAGES = 4,     /* pages beyond the context, for the copies that forks and probes make */
    STREAMED_SHARE = 4, /* of free memory for the context where the weights do not fit: a quarter */
};

static const uint64_t RESERVE_BYTES_MIN = 256u << 20;

uint64_t memory_plan_reserve(uint64_t total_bytes)
{
    const uint64_t share = total_bytes / 8;
    return share > RESERVE_BYTES_MIN ? share : RESERVE_BYTES_MIN;
}

/* Bytes that keys, values, states and scratch may take. */
static void set_budget(struct memory_plan *plan, uint64_t memory_bytes_max)
{
    plan->weights_fit = true;
    plan->total_bytes = memory_available_bytes();
    if (memory_bytes_max || !plan->total_bytes) { /* unknown: the allocator decides */
        plan->budget_bytes = memory_bytes_max ? memory_bytes_max : UINT64_MAX;
        return;
    }
    plan->reserve_bytes = memory_plan_reserve(memory_total_bytes());
    const uint64_t free_bytes =
        plan->total_bytes > plan->reserve_bytes ? plan->total_bytes - plan->reserve_bytes : 0;
    plan->weights_fit = plan->weight_bytes <= free_bytes;
    plan->budget_bytes =
        plan->weights_fit ? free_bytes - plan->weight_bytes : free_bytes / STREAMED_SHARE;
}

uint64_t memory_plan_budget(const struct model *model, uint64_t memory_bytes_max)
{
    struct memory_plan plan = {.weight_bytes = model->weight_bytes};
    set_budget(&plan, memory_bytes_max);
    return plan.budget_bytes;
}

static uint32_t capacity_for(uint32_t context)
{
    return context + FORK_PAGES * KV_PAGE_TOKENS;
}

static enum status bytes_for(const struct model *model, const struct infer_config *infer,
                             uint32_t context, struct infer_memory *out, uint64_t *out_bytes,
                             struct error *err)
{
    struct infer_config config = *infer;
    config.token_capacity = capacity_for(context);
    TRY(infer_memory(model, &config, out, err));
    *out_bytes = (uint64_t)out->kv_bytes + out->state_bytes + out->scratch_bytes;
    return OK;
}

/* The largest context, in whole pages, that the budget allows; 0 when none. */
static enum status find_fitting(const struct model *model, const struct infer_config *infer,
                                struct memory_plan *plan, struct error *err)
{
    uint32_t low = 0; /* fits, in pages */
    uint32_t high = CONTEXT_FITS_MAX / KV_PAGE_TOKENS;
    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        struct infer_memory memory;
        uint64_t needed = 0;
        TRY(bytes_for(model, infer, middle * KV_PAGE_TOKENS, &memory, &needed, err));
        if (needed <= plan->budget_bytes)
            low = middle;
        else
            high = middle - 1;
    }
    plan->context_fits = low * KV_PAGE_TOKENS;
    return OK;
}

static void choose(struct memory_plan *plan, uint32_t asked)
{
    uint32_t context = asked;
    plan->reason = MEMORY_PLAN_ASKED;
    if (!asked) {
        const bool is_short = plan->context_trained <= MEMORY_PLAN_CONTEXT_DEFAULT;
        context = is_short ? plan->context_trained : MEMORY_PLAN_CONTEXT_DEFAULT;
        plan->reason = is_short ? MEMORY_PLAN_TRAINED : MEMORY_PLAN_DEFAULT;
    }
    if (!asked && context > plan->context_fits) {
        context = plan->context_fits;
        plan->reason = MEMORY_PLAN_MEMORY;
    }
    plan->context_tokens = context < MEMORY_PLAN_CONTEXT_MIN ? MEMORY_PLAN_CONTEXT_MIN : context;
}

/* The recurrent state of one sequence. */
static enum status one_state_bytes(const struct model *model, const struct infer_config *infer,
                                   uint64_t *out, struct error *err)
{
    struct infer_config config = *infer;
    struct infer_memory memory;
    config.state_count = 1;
    config.token_capacity = KV_PAGE_TOKENS;
    TRY(infer_memory(model, &config, &memory, err));
    *out = memory.state_bytes;
    return OK;
}

/* Whether the context would fit with keys and values of `kind`, which are smaller than now. */
static bool fits_as(enum kv_kind kind, const struct model *model, const struct infer_config *infer,
                    const struct memory_plan *plan)
{
    struct infer_config config = *infer;
    struct infer_memory memory;
    struct error err;
    uint64_t needed = 0;
    config.kv_kind = kind;
    return bytes_for(model, &config, plan->context_tokens, &memory, &needed, &err) == OK &&
           needed <= plan->budget_bytes;
}

/* What to say of a kind that the context would fit with: the nearest to f16 first. */
static const char *smaller_kind(const struct model *model, const struct infer_config *infer,
                                const struct memory_plan *plan)
{
    if (infer->kv_kind != KV_KIND_Q8 && !kv_kind_is_coded(infer->kv_kind) &&
        fits_as(KV_KIND_Q8, model, infer, plan))
        return "it fits with --kv q8, or ";
    if (!kv_kind_is_coded(infer->kv_kind) && fits_as(KV_KIND_T4, model, infer, plan))
        return "it fits with --kv t4, or ";
    return "";
}

static enum status refuse(const struct model *model, const struct infer_config *infer,
                          const struct memory_plan *plan, uint64_t needed, struct error *err)
{
    const uint64_t mib = 1 << 20;
    CLEANUP(strbuf_done) struct strbuf advice = {0};
    if (plan->context_fits >= MEMORY_PLAN_CONTEXT_MIN)
        strbuf_addf(&advice, "ask for at most %" PRIu32 " with --context, or free memory",
                    plan->context_fits);
    else
        strbuf_add_c(&advice, "free memory, or take a smaller model");
    return error_set(err, E_LIMIT,
                     "a context of %" PRIu32 " tokens takes %" PRIu64
                     " MiB beside the weights and %" PRIu64 " MiB are free; %s%s",
                     plan->context_tokens, (needed + mib - 1) / mib, plan->budget_bytes / mib,
                     smaller_kind(model, infer, plan), strbuf_c(&advice));
}

static enum status measure(const struct model *model, const struct infer_config *infer,
                           struct memory_plan *plan, struct error *err)
{
    struct infer_memory memory;
    struct infer_memory more;
    uint64_t needed = 0;
    uint64_t needed_more = 0;
    TRY(bytes_for(model, infer, plan->context_tokens, &memory, &needed, err));
    TRY(bytes_for(model, infer, plan->context_tokens + KV_PAGE_TOKENS, &more, &needed_more, err));
    plan->states_bytes = memory.state_bytes;
    TRY(one_state_bytes(model, infer, &plan->state_bytes, err));
    plan->token_bytes = (more.kv_bytes - memory.kv_bytes) / KV_PAGE_TOKENS;
    plan->context_bytes = plan->token_bytes * plan->context_tokens;
    plan->fixed_bytes = needed > plan->context_bytes ? needed - plan->context_bytes : 0;
    return needed <= plan->budget_bytes ? OK : refuse(model, infer, plan, needed, err);
}

/* Copies of recurrent states only save time. False: there are no more than needed. */
static bool takes_fewer_states(const struct memory_plan *plan, struct infer_config *infer)
{
    const uint64_t count = plan->state_bytes ? plan->states_bytes / plan->state_bytes : 0;
    if (count <= MEMORY_PLAN_STATES_LEAST)
        return false;
    infer->state_count =
        count / 2 > MEMORY_PLAN_STATES_LEAST ? (uint32_t)count / 2 : MEMORY_PLAN_STATES_LEAST;
    return true;
}

enum status memory_plan_make(const struct model *model, struct infer_config *infer,
                             uint32_t context_tokens, uint64_t memory_bytes_max,
                             struct memory_plan *out, struct error *err)
{
    *out = (struct memory_plan){.context_trained = model->shape.context_length,
                                .weight_bytes = model->weight_bytes};
    set_budget(out, memory_bytes_max);
    enum status status = OK;
    do {
        TRY(find_fitting(model, infer, out, err));
        choose(out, context_tokens);
        status = measure(model, infer, out, err);
    } while ((status == E_LIMIT || out->reason == MEMORY_PLAN_MEMORY) &&
             takes_fewer_states(out, infer));
    TRY(status);
    infer->token_capacity = capacity_for(out->context_tokens);
    infer->packs_weights = out->weights_fit;
    return OK;
}

uint32_t memory_plan_within(const struct memory_plan *plan, uint64_t budget_bytes)
{
    if (plan->reason == MEMORY_PLAN_ASKED || plan->token_bytes == 0)
        return plan->context_tokens;
    const uint64_t kept = MEMORY_PLAN_STATES_LEAST * plan->state_bytes;
    const uint64_t spare = plan->states_bytes > kept ? plan->states_bytes - kept : 0;
    const uint64_t fixed = plan->fixed_bytes - spare; /* with as few states as can be */
    const uint64_t room = budget_bytes > fixed ? budget_bytes - fixed : 0;
    const uint64_t fits = room / plan->token_bytes / KV_PAGE_TOKENS * KV_PAGE_TOKENS;
    if (fits >= plan->context_tokens)
        return plan->context_tokens;
    return fits < MEMORY_PLAN_CONTEXT_MIN ? MEMORY_PLAN_CONTEXT_MIN : (uint32_t)fits;
}

enum status memory_plan_share(const struct memory_plan *plan, uint32_t count,
                              struct infer_config *infer, struct error *err)
{
    const uint64_t used = plan->fixed_bytes + plan->context_bytes;
    const uint64_t left = plan->budget_bytes > used ? plan->budget_bytes - used : 0;
    const uint64_t affordable = plan->token_bytes ? left / 2 / plan->token_bytes : 0;
    if (count == 0)
        return error_set(err, E_INVALID, "no conversation at all");
    uint64_t more = (uint64_t)(count - 1) * plan->context_tokens;
    more = more < affordable ? more : affordable;
    const uint64_t room = KV_CACHE_TOKENS_MAX - infer->token_capacity;
    more = more < room ? more : room;
    infer->token_capacity += (uint32_t)(more / KV_PAGE_TOKENS * KV_PAGE_TOKENS);
    return OK;
}

/* An input table that is not the output matrix, too, is only looked into. */
static size_t lookup_table_bytes(const struct model *model)
{
    const struct weight *table = &model->token_embd;
    return table->data == model->output.data ? 0 : table->row_bytes * table->row_count;
}

void memory_plan_advise(const struct model *model)
{
    memory_advise_sparse(model->token_embd.data, lookup_table_bytes(model));
}

/* Of one of the last layer's stacks, what `used` slices leave, each with its (large) pages. */
static uint64_t unused_slices(const struct weight *stack, uint32_t used)
{
    enum { LARGE_PAGE_BYTES = 2 << 20 };
    const uint64_t slice = (uint64_t)stack->row_bytes * stack->row_count;
    const uint64_t bytes = slice * stack->slice_count;
    const uint64_t read = (slice + LARGE_PAGE_BYTES) * used;
    return bytes > read ? bytes - read : 0;
}

/* What a prompt leaves on the disk. Of the input table its `tokens` rows are read, each with its
 * pages. Behind the last layer's keys and values one row goes on, with the experts of one token;
 * before, some token chooses each of them, or nearly. */
static uint64_t unread_bytes(const struct model *model, uint32_t tokens)
{
    enum { PAGE_BYTES = 4096 };
    const uint64_t bytes = lookup_table_bytes(model);
    const uint64_t read = (model->token_embd.row_bytes + PAGE_BYTES) * (uint64_t)tokens;
    const struct ffn_weights *last = &model->layers[model->shape.layer_count - 1].experts.each;
    const uint32_t used = model->shape.experts.used_count;
    return (bytes > read ? bytes - read : 0) + unused_slices(&last->gate, used) +
           unused_slices(&last->up, used) + unused_slices(&last->down, used);
}

enum status memory_plan_used(const struct model *model, const struct infer_config *infer,
                             uint32_t tokens, uint64_t own_bytes, uint64_t *out, struct error *err)
{
    struct infer_config config = *infer;
    struct infer_memory memory;
    config.token_capacity = tokens;
    config.logits_rows_max = 1; /* more is reserved, but a prompt touches one row */
    config.state_count = 1;
    TRY(infer_memory(model, &config, &memory, err));
    *out = own_bytes + model->weight_bytes - unread_bytes(model, tokens) + memory.kv_bytes +
           memory.state_bytes + memory.scratch_bytes;
    return OK;
}

bool memory_plan_is_tight(const struct memory_plan *plan)
{
    return plan->reason == MEMORY_PLAN_MEMORY || !plan->weights_fit;
}

void memory_plan_explain(const struct memory_plan *plan, struct strbuf *out)
{
    strbuf_addf(out, "%" PRIu32 " tokens: ", plan->context_tokens);
    switch (plan->reason) {
    case MEMORY_PLAN_ASKED: strbuf_add_c(out, "as asked for"); break;
    case MEMORY_PLAN_TRAINED: strbuf_add_c(out, "what the model was trained for"); break;
    case MEMORY_PLAN_DEFAULT:
        strbuf_addf(out, "the default; the model was trained for %" PRIu32, plan->context_trained);
        break;
    case MEMORY_PLAN_MEMORY:
        strbuf_addf(out,
                    "memory allows no more (%" PRIu64 " MiB free for it, %" PRIu64
                    " KiB per token); the model was trained for %" PRIu32,
                    plan->budget_bytes >> 20, (plan->token_bytes + 1023) >> 10,
                    plan->context_trained);
        break;
    }
    if (!plan->weights_fit)
        strbuf_addf(out,
                    "; the weights (%" PRIu64 " MiB) are larger than free memory and will be "
                    "read from the disk again and again",
                    plan->weight_bytes >> 20);
}
