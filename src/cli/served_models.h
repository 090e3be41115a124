/*
 * served_models - where `holt serve` takes its models from: the one it was started with, the
 * built-in one, and those of the catalog.
 *
 * Memory: what was free at the start, less a reserve, is shared by all open models, each counted
 * with everything that was planned for it, touched or not.
 *
 * Threads: see model_pool.h. Used by: serve_role.c.
 */
#pragma once

#include "cli/serve_role.h"
#include "server/model_pool.h"

struct served_models;

/* Borrows `config`. Release with served_models_free() when the pool is gone. */
struct served_models *served_models_new(const struct serve_role_config *config);
void served_models_free(struct served_models *models); /* NULL is allowed */

/* Opens the model the server was started with, as fully as memory allows. */
MUST_USE enum status served_models_open_first(struct served_models *models, struct api_model *out,
                                              struct error *err);

void served_models_provide(struct served_models *models, struct model_provider *out);
