/*
 * core_role - the process that holds the model, the conversation and the database.
 *
 * The front forks it before it touches data; it locks itself (sandbox/core_lock.h), then loads the
 * model and carries out what the front asks (cli/front_protocol.h). It ends when the front is gone.
 * What it says has been written to the database before.
 *
 * Threads: the engine's, and one that listens to the front so that a turn can be stopped.
 * Depends on: agent/, engine/, store/, tools/, sandbox/. Used by: front.c.
 */
#pragma once

#include "base/attr.h"
#include "engine/engine.h"
#include "infer/sampler.h"

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct prompt_store;
struct state;

struct core_role_config {
    const struct state *state;
    const char *model_path;  /* NULL: the built-in model */
    const char *model_label; /* as the user named it */
    const char *workspace;
    const char *resume_id;   /* NULL: a new session */
    uint32_t thread_count;   /* 0: all cores */
    uint32_t context_tokens; /* 0: as engine_open() chooses */
    enum kv_kind kv;
    unsigned cpu_features_off;
    enum engine_speculate speculate;
    const char *draft_path;     /* NULL: no model to guess with */
    uint32_t steps_max;         /* 0: the agent's default */
    uint32_t answer_tokens_max; /* 0: the same */
    struct str system_text;     /* of a model that was made from another; empty: none */
    struct str chat_template;   /* the same, in place of the file's */
    struct sampler_options sampler;
    const struct prompt_store *prompts; /* NULL: none are stored */
    bool forgets;                       /* keep no session, store no prompt */
};

/* A front_role_fn (front.h); `config` is a struct core_role_config. */
NO_RETURN void core_role_run(const void *config, struct channel *front, struct channel *calls);
