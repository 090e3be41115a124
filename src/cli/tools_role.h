/*
 * tools_role - the process that carries out single tool calls, without a model: `holt tools call`.
 *
 * Each FRONT_ASK names a tool and holds its arguments; FRONT_RESULT and FRONT_FINISHED answer it.
 * Everything goes the way an agent's calls go: through the warden, confined, asked for.
 *
 * Threads: one, and one that listens to the front. Used by: cmd_tools.c through front.h.
 */
#pragma once

#include "base/attr.h"

struct channel;
struct state;

struct tools_role_config {
    const struct state *state;
};

/* A front_role_fn (front.h); `config` is a struct tools_role_config. */
NO_RETURN void tools_role_run(const void *config, struct channel *front, struct channel *calls);
