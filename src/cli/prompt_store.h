/*
 * prompt_store - where computed prompts are kept for the next start, and how much of them
 * (engine/prefix_store.h): --prompt-store, or prompt_store in the configuration.
 *
 * Threads: any. Used by: agent_setup.c, cmd_serve.c, config.c, doctor_facts.c.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct state;

#define PROMPT_STORE_OPTION_ROW(type, member)                                                      \
    OPTION_STRING(type, member, 0, "prompt-store", "SIZE",                                         \
                  "disk for computed prompts, so that the next start need not compute them: off, " \
                  "or a size like 500M (default 4G)")

/* Zeroed is off. */
struct prompt_store {
    char *folder; /* owned; NULL: off */
    uint64_t bytes_max;
};

/* "off" is 0; else a number and K, M, G or T. E_INVALID says what it may be. */
MUST_USE enum status prompt_store_parse(const char *text, uint64_t *out_bytes, struct error *err);

/* `option` wins over `setting`; both may be NULL. Makes the folder, mode 0700, unless it is off. */
MUST_USE enum status prompt_store_resolve(const char *option, const char *setting,
                                          const struct state *state, struct prompt_store *out,
                                          struct error *err);
void prompt_store_done(struct prompt_store *store);
