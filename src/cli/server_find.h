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

enum { SERVER_FIND_MODELS_MAX = 4096, SERVER_FIND_NAME_MAX = 256, SERVER_FIND_PORT = 11434 };

struct server_find_model {
    char name[SERVER_FIND_NAME_MAX];
    uint64_t size_bytes;
    uint64_t context_tokens; /* in force; what it was trained for when it is not loaded */
    uint64_t active;         /* answers being made */
    uint64_t waiting;
    char until[40]; /* as the server says it; "" for as long as it runs */
};

/* Zeroed is empty. */
struct server_find_answer {
    char base[64];                    /* "http://127.0.0.1:11434" */
    struct server_find_model *models; /* owned */
    size_t model_count;
};

void server_find_done(struct server_find_answer *answer);

/* The models that are loaded. E_NOT_FOUND: nobody listens there; E_UNSUPPORTED: it is no holt;
 * E_DENIED: it wants a key. `key` NULL: none. */
MUST_USE enum status server_find(uint16_t port, const char *key, struct server_find_answer *out,
                                 struct error *err);

/* The model called `name` among all that the server could load. E_NOT_FOUND. */
MUST_USE enum status server_find_known(const char *base, const char *key, const char *name,
                                       struct server_find_model *out, struct error *err);

/* Has it loaded, which may take minutes; then it is among the models of server_find(). */
MUST_USE enum status server_find_load(const char *base, const char *key, const char *name,
                                      struct error *err);

/* What /api/ps or /api/tags answered, as rows. E_FORMAT. */
MUST_USE enum status server_find_read(const json_t *body, struct server_find_answer *out,
                                      struct error *err);
