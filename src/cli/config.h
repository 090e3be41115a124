/*
 * config - the user's settings (YAML): what to use when an option does not say otherwise.
 *
 *   model: NAME-OR-FILE   threads: N   allow: write,run   theme: dark | light | none
 *   prompt_store: SIZE or off   disk for computed prompts (cli/prompt_store.h)
 *   model_folders: FOLDER:FOLDER   where model files lie, besides the usual places
 *
 * The file is the user's own but may be wrong: values are checked like options, an unknown key is
 * told as a warning, and there are limits on everything.
 *
 * Threads: any. Used by: the commands.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum {
    CONFIG_FILE_MAX = 64 * 1024, /* bytes */
    CONFIG_KEYS_MAX = 64,
    CONFIG_VALUE_MAX = 4096, /* bytes */
    CONFIG_THREADS_MAX = 256
};

/* Zeroed is "nothing was set". Strings are owned; NULL: not set. */
struct config {
    char *model;
    char *model_folders;
    char *allow;
    char *theme;
    char *prompt_store;
    int64_t threads; /* 0: not set */
};

/* Called for what is odd but harmless, with a sentence. */
typedef void(config_warn_fn)(void *context, const char *text);

/* Reads `path`; a missing file is an empty configuration. E_FORMAT, E_INVALID and E_LIMIT name the
 * file and the line. Release *out with config_done(). */
MUST_USE enum status config_load(const char *path, config_warn_fn *warn, void *context,
                                 struct config *out, struct error *err);

/* As config_load() for a text; `path` is for messages. */
MUST_USE enum status config_parse(struct str text, const char *path, config_warn_fn *warn,
                                  void *context, struct config *out, struct error *err);

void config_done(struct config *config); /* zeroed is allowed */
