/*
 * server_find - the `holt serve` that runs on this machine, asked over its own loopback address.
 *
 * The asking is done by fetch_role.h; what comes back is another process's word and checked here.
 *
 * Threads: one, without others: it forks. Used by: cmd_ps.c, cmd_launch.c.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_FIND_MODELS_MAX = 64, SERVER_FIND_NAME_MAX = 256, SERVER_FIND_PORT = 11434 };

struct server_find_model {
    char name[SERVER_FIND_NAME_MAX];
    uint64_t size_bytes;
    uint64_t context_tokens;
    char until[40]; /* as the server says it; "" for as long as it runs */
};

/* Zeroed is empty. */
struct server_find_answer {
    char base[64]; /* "http://127.0.0.1:11434" */
    struct server_find_model models[SERVER_FIND_MODELS_MAX];
    size_t model_count;
    double active; /* answers being made; below 0: not told */
    double waiting;
};

/* E_NOT_FOUND: nobody listens there; E_UNSUPPORTED: it is no holt; E_DENIED: it wants a key. `key`
 * NULL: none. */
MUST_USE enum status server_find(uint16_t port, const char *key, struct server_find_answer *out,
                                 struct error *err);

/* What /api/ps answered, as rows. E_FORMAT. */
MUST_USE enum status server_find_read(const json_t *body, struct server_find_answer *out,
                                      struct error *err);

/* The number behind `name` in /metrics; -1: it is not there. */
double server_find_metric(const char *text, const char *name);
