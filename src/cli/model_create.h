/*
 * model_create - makes a model from another: checks what is asked, finds the weights, writes the
 * manifest (catalog/model_manifest.h). Nothing is copied: the weights are used where they are.
 *
 * Threads: any. Used by: serve_jobs.c, cmd_create.c.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct state;

/*
 * `body` is that of Ollama's /api/create: "model" (or "name"), "from" (a model at hand) or "files"
 * ({FILE NAME: digest} of one blob), and what api/model_settings.h reads. A model that was made
 * before is replaced. *out_ignores_template (may be NULL): a Go template was given, which is not
 * used. E_INVALID, E_NOT_FOUND, E_UNSUPPORTED.
 */
MUST_USE enum status model_create(const struct state *state, const char *folders,
                                  const json_t *body, bool *out_ignores_template,
                                  struct error *err);

/* The same with the weights of the file at `path`, which become a blob. */
MUST_USE enum status model_create_from_file(const struct state *state, const char *folders,
                                            const json_t *body, const char *path,
                                            bool *out_ignores_template, struct error *err);
