/*
 * pull_run - fetches a model into holt's own folder: where it is, whether there is room, what came
 * of it, and that it is what was published.
 *
 * Threads: one; it forks. Depends on: fetch_role.h, pull_source.h. Used by: cmd_pull.c,
 * serve_jobs.c.
 */
#pragma once

#include "base/error.h"
#include "cli/pull_source.h"

#include <stdbool.h>
#include <stdint.h>

struct state;

struct pull_run_config {
    const char *name;
    const char *sha256; /* what the file must be; NULL: what was published */
    struct pull_source_config source;
    const struct state *state;
    /* May be NULL. `done` of `total` bytes of the file, 0 when the size is not known. False stops
     * with E_CANCELLED; what came is gone on with the next time. */
    bool (*progress)(void *context, const struct pull_file *file, uint64_t done, uint64_t total);
    /* A sentence for the person. */
    void (*note)(void *context, const char *text);
    void *context;
};

/* *out_model: what -m takes afterwards; owned by the caller. */
MUST_USE enum status pull_run(const struct pull_run_config *config, char **out_model,
                              struct error *err);
