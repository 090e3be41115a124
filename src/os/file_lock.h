/*
 * file_lock - one process at a time: an advisory lock on a folder or file.
 *
 * The system drops it when the process ends, however that happens.
 *
 * Threads: a lock belongs to one thread. Zeroed is not held.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct file_lock {
    int fd;
    bool is_held;
};

/* Waits until no other process holds the lock on `path`, which exists. */
MUST_USE enum status file_lock_take(const char *path, struct file_lock *out, struct error *err);
void file_lock_done(struct file_lock *lock);
