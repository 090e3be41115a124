/*
 * run_role - the process that answers one prompt without tools: `holt run`.
 *
 * Threads: the engine's. Used by: cmd_run.c through front.h.
 */
#pragma once

#include "base/attr.h"
#include "base/str.h"
#include "chat/chat_request.h"
#include "engine/engine.h"
#include "infer/sampler.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct channel;

struct run_role_config {
    const char *model_path;   /* NULL: the built-in model */
    const char *system_text;  /* NULL: none */
    const json_t *messages;   /* in front of the prompt: [{"role", "content"}]; NULL: none */
    struct str chat_template; /* in place of the file's own; empty: the file's */
    bool is_raw;              /* go on with the text itself, without the chat template */
    enum chat_thinking thinking;
    uint32_t thread_count;
    uint32_t context_tokens;
    enum kv_kind kv;
    unsigned cpu_features_off;
    enum engine_speculate speculate;
    const char *draft_path;   /* NULL: no model to guess with */
    uint32_t token_count_max; /* 0: as many as there is room for */
    struct sampler_options sampler;
    struct str json_schema; /* the answer is a value of this schema; {NULL, 0}: no such bond */
    struct str grammar;     /* the answer is a text of this GBNF grammar; {NULL, 0}: likewise */
};

/* Numbers of its FRONT_FINISHED message; texts as described in front_protocol.h. */
enum run_role_finished {
    RUN_ROLE_STATUS,
    RUN_ROLE_END, /* enum session_end */
    RUN_ROLE_PROMPT_TOKENS,
    RUN_ROLE_GENERATED_TOKENS,
    RUN_ROLE_DRAFTED_TOKENS,
    RUN_ROLE_ACCEPTED_TOKENS,
    RUN_ROLE_PROMPT_MICROSECONDS,
    RUN_ROLE_GENERATE_MICROSECONDS,
    RUN_ROLE_COUNT
};

/* A front_role_fn (front.h); `config` is a struct run_role_config. */
NO_RETURN void run_role_run(const void *config, struct channel *front, struct channel *calls);
