/*
 * file_edit - files that belong to other programs of the user, changed with care: never through a
 * link, never another user's, with the mode they had, all or nothing.
 *
 * Threads: any. Used by: cli/launch_backup.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>

struct file_edit_state {
    bool exists;
    unsigned mode; /* 0600 for a file that is to be made */
};

/* What is there. E_INVALID: no regular file, a symbolic link, or a file with several names;
 * E_DENIED: another user's. A missing folder is a missing file. */
MUST_USE enum status file_edit_look(const char *path, struct file_edit_state *out,
                                    struct error *err);

/* Replaces the file, as file_write(), with that mode. */
MUST_USE enum status file_edit_write(const char *path, struct str bytes, unsigned mode,
                                     struct error *err);

/* Removes it; one that is not there is no failure. */
MUST_USE enum status file_edit_remove(const char *path, struct error *err);
