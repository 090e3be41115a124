/*
 * memory_plan - how much memory a model takes here, and what context it therefore gets.
 *
 * The one place that decides the context: never the file's number alone. Memory decides, then what
 * the model was trained for, then a default; an explicit wish is honoured or refused with both
 * numbers. run, agent, bench and show all ask here.
 *
 * Threads: any. Used by: engine.c, embed.c, cli/cmd_show.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "infer/infer.h"

struct model;

enum {
    MEMORY_PLAN_CONTEXT_MIN = 64,
    MEMORY_PLAN_CONTEXT_DEFAULT = 32768, /* tokens, where model and memory allow more */
    MEMORY_PLAN_STATES_LEAST = 4, /* recurrent states where the context would not fit with more */
};

/* What decided the context. */
enum memory_plan_reason {
    MEMORY_PLAN_ASKED,   /* the caller named it */
    MEMORY_PLAN_TRAINED, /* the model was trained for no more */
    MEMORY_PLAN_DEFAULT, /* MEMORY_PLAN_CONTEXT_DEFAULT */
    MEMORY_PLAN_MEMORY,  /* no more fits */
};

struct memory_plan {
    uint32_t context_tokens;
    uint32_t context_trained; /* {arch}.context_length */
    uint32_t context_fits;    /* what memory allows, whatever the model was trained for; 0: not even
                                 MEMORY_PLAN_CONTEXT_MIN */
    enum memory_plan_reason reason;
    uint64_t weight_bytes;  /* in the mapped file */
    uint64_t fixed_bytes;   /* allocated whatever the context: scratch, states */
    uint64_t states_bytes;  /* of these: recurrent states, all copies that are kept */
    uint64_t state_bytes;   /* the recurrent state of one sequence; 0: the model has none */
    uint64_t token_bytes;   /* more for each token of context */
    uint64_t context_bytes; /* keys and values of context_tokens, all in all */
    uint64_t total_bytes;   /* available memory of this machine; 0: unknown */
    uint64_t reserve_bytes; /* left to the rest of the machine */
    uint64_t budget_bytes;  /* what context and fixed parts may take */
    bool weights_fit;       /* else they are read from the disk again and again */
};

/*
 * Decides. `infer` says the KV kind and threads; its token_capacity is set for the context,
 * packs_weights if the weights fit, and state_count where all that a recurrent model would keep
 * leave too little for the context.
 * `context_tokens` 0: choose; `memory_bytes_max` 0: what the machine has free, less the weights and
 * a reserve. E_LIMIT with both numbers when the asked context, or the smallest, does not fit;
 * the plan says then what it would take.
 */
MUST_USE enum status memory_plan_make(const struct model *model, struct infer_config *infer,
                                      uint32_t context_tokens, uint64_t memory_bytes_max,
                                      struct memory_plan *out, struct error *err);

/* The context that the plan would have with `budget_bytes` for it and what is fixed: that which was
 * asked for, or as much of it as fits, but MEMORY_PLAN_CONTEXT_MIN. */
uint32_t memory_plan_within(const struct memory_plan *plan, uint64_t budget_bytes);

/*
 * Room for up to `count` conversations of the planned context at once: raises infer->token_capacity
 * by what half of the memory that is left allows. The first conversation's room is never less.
 */
MUST_USE enum status memory_plan_share(const struct memory_plan *plan, uint32_t count,
                                       struct infer_config *infer, struct error *err);

/* Bytes that are left to the rest of a machine of that much memory: an eighth, and not too few. */
uint64_t memory_plan_reserve(uint64_t total_bytes);

/* Bytes that everything beside the weights may take; `memory_bytes_max` as above. */
uint64_t memory_plan_budget(const struct model *model, uint64_t memory_bytes_max);

/* Tells the system how the weights will be read, so that memory_plan_used() holds. */
void memory_plan_advise(const struct model *model);

/*
 * What the process takes once a prompt of `tokens` tokens was read, beside `own_bytes` (program,
 * vocabulary, template): weights, without rows of an input table that nothing looked up, scratch,
 * and the keys and values of these tokens.
 */
MUST_USE enum status memory_plan_used(const struct model *model, const struct infer_config *infer,
                                      uint32_t tokens, uint64_t own_bytes, uint64_t *out,
                                      struct error *err);

/* True when it is worth a word before the work begins: memory cut the context below what it would
 * be, or the weights do not fit. */
bool memory_plan_is_tight(const struct memory_plan *plan);

/* "8192 tokens: memory allows no more (...)" and its kin, one sentence without a period. */
void memory_plan_explain(const struct memory_plan *plan, struct strbuf *out);
