/*
 * eval_run - many tasks of `holt eval`, several at a time, each in a process and a temporary folder
 * of its own that are gone afterwards.
 *
 * A task that takes too long is ended with everything it started; one whose process dies counts as
 * failed. Neither stops the others.
 *
 * Threads: one, without others: it starts processes. Used by: cmd_eval.c.
 */
#pragma once

#include "base/error.h"
#include "cli/core_role.h"

#include <jansson.h>

enum { EVAL_RUN_JOBS_MAX = 24, EVAL_RUN_RESULT_MAX = 1024 * 1024 };

struct eval_run_config {
    struct core_role_config core; /* model, threads, sampling; state and workspace are the task's */
    unsigned job_count;           /* 1 to EVAL_RUN_JOBS_MAX */
    unsigned timeout_s;           /* of one task */
    void (*on_result)(void *context, const json_t *result); /* may be NULL */
    void *context;
};

/* *out_results: one object of eval_play.h per task, in the order of the tasks; a new reference.
 * E_CANCELLED after Ctrl-C. */
MUST_USE enum status eval_run(const struct eval_run_config *config, const json_t *tasks,
                              json_t **out_results, struct error *err);
