/*
 * eval_play - one task of `holt eval`, played by the real agent: a fresh state folder, a workspace
 * with real files, the real sandbox, every turn in one session.
 *
 * Threads: one, without others: it starts processes. Used by: cmd_eval.c.
 */
#pragma once

#include "cli/core_role.h"

#include <jansson.h>

/* Plays `task` in `folder`, an empty folder of its own, with the model, threads and sampling of
 * `core`. A new object: {"id", "kind", "passed", "reason", "answer", "calls", "bad_calls", "steps",
 * "seconds"}; "reason" is null when it passed. */
json_t *eval_play_run(const json_t *task, const char *folder, const struct core_role_config *core);
