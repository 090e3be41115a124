/*
 * model_admin - what is done with models in holt's own folder: take one in, remove one. The models
 * of other programs are only read.
 *
 * Threads: any. Used by: cmd_import.c, cmd_rm.c, serve_jobs.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct state;

/* A name is one file in one folder. E_INVALID. */
MUST_USE enum status model_admin_check_name(struct str name, struct error *err);

/* Links or copies the file at `path` to be the model `name`. E_INVALID: there is one already. */
MUST_USE enum status model_admin_take(const struct state *state, const char *path, struct str name,
                                      bool *out_is_link, struct error *err);

/* Removes the model that `name` means; of one that was made from another its settings, and its
 * weights if they were uploaded for it and nothing else uses them. E_DENIED: another program put it
 * there. E_BUSY: a model was made from it. *out_name (may be NULL) is its own name; owned by the
 * caller. */
MUST_USE enum status model_admin_remove(const struct state *state, const char *folders,
                                        struct str name, char **out_name, struct error *err);

/* Removes the file at `path` if it is a blob (catalog/blob_store.h) that no model uses. */
void model_admin_drop_blob(const struct state *state, const char *folders, const char *path);

/* The same with every blob that is `age_s` old and more. */
void model_admin_prune(const struct state *state, const char *folders, uint64_t age_s);
