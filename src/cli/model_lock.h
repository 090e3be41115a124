/*
 * model_lock - the lock of a process that reads model data: sandbox/core_lock.h with the paths of
 * one model and, where sessions are needed, of the state folder.
 *
 * Threads: call it before the first one. Used by: the roles of cli/.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* `state_folder` may be read and written (NULL: none); `model_path` (NULL: the built-in model) and
 * `draft_path` (NULL: none) may be read, with the other parts of split files. */
MUST_USE enum status model_lock_enter(const char *state_folder, const char *model_path,
                                      const char *draft_path, struct error *err);

struct model_lock_serving {
    char *const
        *folders; /* of models, that may be read, too; those that are missing are left out */
    size_t folder_count;
    const char *prompt_folder; /* of stored prompts: may be read and written; NULL: none */
};

/* The same without the rest of the state folder, for a process that accepts connections on a socket
 * that listens already. */
MUST_USE enum status model_lock_enter_serving(const char *model_path, const char *draft_path,
                                              const struct model_lock_serving *serving,
                                              struct error *err);
