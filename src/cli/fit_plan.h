/*
 * fit_plan - whether a model runs on a machine, with which context, and about how fast.
 *
 * Memory: what is free, less the reserve that memory_plan.h leaves to the rest of the machine, less
 * the weights, is for keys, values, states and scratch. Speed: writing a token reads the active
 * weights, the recurrent state (and writes it) and the keys and values so far, once each; reading
 * a prompt is bound by the integer products. Both are shares of what was measured, see the .c file.
 *
 * Threads: any; no state. Used by: cmd_fit.c, fit_rows.c.
 */
#pragma once

#include "model/kv_kind.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FIT_PLAN_CONTEXT_LEAST = 4096, /* with less there is no use in it */
    FIT_PLAN_CONTEXT_GOOD = 65536, /* what coding agents want: below it smaller kinds are tried */
};

/* The kinds of keys and values that are proposed: the nearest to f16 first. */
enum { FIT_PLAN_KINDS = 3 };
extern const enum kv_kind fit_plan_kinds[FIT_PLAN_KINDS];

struct fit_machine {
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t reserve_bytes; /* of the free ones */
    double read_speed;      /* bytes per second, all threads together */
    double multiply_speed;  /* int8 multiply-adds per second; 0: not known */
};

/* What matters of a model. */
struct fit_shape {
    uint64_t weight_bytes;
    uint64_t read_bytes;                 /* weights read for each token */
    uint64_t token_bytes[KV_KIND_COUNT]; /* keys and values of one token; 0: kind not known */
    uint64_t state_bytes;                /* one recurrent state; 0: none */
    uint64_t fixed_bytes;                /* states and scratch, whatever the context */
    uint64_t multiply_adds;              /* for a token of a prompt */
    uint32_t context_trained;
};

struct fit_plan {
    bool fits;
    enum kv_kind kv;
    uint32_t context_tokens; /* the longest: memory or training ends it; 0: does not fit */
    uint64_t needed_bytes;   /* of free memory, for FIT_PLAN_CONTEXT_LEAST */
    uint64_t room_bytes;     /* there are: free, less the reserve */
    double first_speed;      /* tokens written per second at the beginning; 0: does not fit */
    double last_speed;       /* when the context is full */
    double prompt_speed;     /* tokens read per second; 0: not known */
};

/* With keys and values of one kind. */
void fit_plan_with(const struct fit_machine *machine, const struct fit_shape *shape,
                   enum kv_kind kv, struct fit_plan *out);

/* With f16, or where that leaves less than the model and FIT_PLAN_CONTEXT_GOOD allow with the first
 * kind that leaves enough, or most. */
void fit_plan_make(const struct fit_machine *machine, const struct fit_shape *shape,
                   struct fit_plan *out);
