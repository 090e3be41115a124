/*
 * serve_role - the process that has the model and answers connections: `holt serve`.
 *
 * The listening socket was opened before; the process locks itself and can open no other. It ends
 * when the front says so or is gone.
 *
 * Threads: one that listens to the front; the engine's and the server's. Used by: cmd_serve.c
 * through front.h.
 */
#pragma once

#include "base/attr.h"
#include "cli/prompt_store.h"
#include "engine/embed.h"
#include "engine/engine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct channel;
struct state;

struct serve_role_config {
    const char *model_path; /* NULL: the built-in model */
    const char *model_name; /* what clients call it */
    json_t *settings;       /* of a model that was made from another; NULL: none */
    const struct state *state;
    const char *model_folders; /* of the configuration, or NULL */
    double keep_seconds;       /* of models loaded on demand; below 0: for ever */
    const char *address;
    const char *key;   /* NULL: none */
    const char *pages; /* guard.h; NULL: none */
    int listen_fd;
    uint32_t thread_count;
    uint32_t context_tokens;
    uint32_t active_max;     /* 0: the default */
    uint64_t memory_bytes;   /* of all models together; 0: what the machine has free */
    uint32_t kept_responses; /* that can be gone on from; 0: none */
    enum kv_kind kv;
    unsigned cpu_features_off;
    bool embeds; /* serve embeddings whatever the file says */
    enum embed_pooling pooling;
    enum engine_speculate speculate;
    const char *draft_path; /* NULL: no model to guess with */
    struct prompt_store prompts;
    bool is_verbose; /* say on standard error what each request found computed, and what of its
                        tools and schemas is not enforced */
    bool is_loopback;
};

/* A front_role_fn (front.h); `config` is a struct serve_role_config. READY has the model's name and
 * its context. */
NO_RETURN void serve_role_run(const void *config, struct channel *front, struct channel *calls);
