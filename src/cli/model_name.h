/*
 * model_name - from what -m says to a model file.
 *
 * "builtin" is the model inside the program. A text that ends in ".gguf", begins with "/", "./" or
 * "../", or names something that is there, is a path. Anything else is a name in the catalog
 * (model_catalog.h): it is compared with what was found, never made a path.
 *
 * Threads: any. Used by: the commands.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct state;

enum { MODEL_NAME_LEN_MAX = 200 };

#define MODEL_NAME_BUILTIN "builtin"

/* *out is an absolute path the caller owns, or NULL for the built-in model. E_NOT_FOUND says where
 * a name was looked for, E_INVALID which models it could mean. `name` NULL is the built-in model;
 * `folders` is config.model_folders. */
MUST_USE enum status model_name_resolve(const char *name, const struct state *state,
                                        const char *folders, char **out, struct error *err);

/* What clients of a server call the model: as the catalog does, else the last part of its path
 * without ".gguf"; "builtin" for NULL. `folders` as above. The caller frees it. */
char *model_name_served(const char *path, const struct state *state, const char *folders);

/* Whether `name` means a model that was made from another: its one name, owned by the caller, and a
 * new reference to its settings (api/model_settings.h). */
bool model_name_made(const char *name, const struct state *state, const char *folders,
                     char **out_name, json_t **out_settings);
