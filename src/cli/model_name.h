/*
 * model_name - from what -m says to a model file.
 *
 * "builtin" is the model inside the program. A text with "/" or ending in ".gguf" is a path.
 * Anything else is a name: <state>/models/NAME.gguf. A name can never lead out of that folder.
 *
 * Threads: any. Used by: the commands.
 */
#pragma once

#include "base/error.h"

struct state;

enum { MODEL_NAME_LEN_MAX = 200 };

#define MODEL_NAME_BUILTIN "builtin"

/* *out is an absolute path the caller owns, or NULL for the built-in model. E_NOT_FOUND says where
 * a name was looked for. `name` NULL is the built-in model. */
MUST_USE enum status model_name_resolve(const char *name, const struct state *state, char **out,
                                        struct error *err);
