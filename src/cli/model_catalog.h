/*
 * model_catalog - the catalog of this user: holt's models folder, the folders of the configuration,
 * Ollama's store and Hugging Face's cache where their environment variables say they are.
 *
 * Threads: any. Used by: model_name.c, cmd_models.c.
 */
#pragma once

#include "catalog/catalog.h"

struct state;

enum { MODEL_CATALOG_FOLDERS_MAX = 35 };

/* `folders`: config.model_folders, separated by ":"; NULL: none. */
void model_catalog_read(const struct state *state, const char *folders, struct catalog *out);

/* The folders themselves, for who must be able to read them; each is owned by the caller. Returns
 * how many. */
size_t model_catalog_folders(const struct state *state, const char *folders,
                             char *out[MODEL_CATALOG_FOLDERS_MAX]);
