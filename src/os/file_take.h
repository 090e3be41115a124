/*
 * file_take - a file under another name: linked where the file system can, else copied.
 *
 * Threads: any. Depends on: base/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* `to` must not exist; it appears whole or not at all. `magic` is what the file begins with: a file
 * that does not is E_FORMAT, as is what is no regular file. E_NOT_FOUND, E_IO. */
MUST_USE enum status file_take(const char *from, const char *magic, const char *to,
                               bool *out_is_link, struct error *err);

/* Whether a regular file is at `path` and begins with `magic` (at most 16 bytes). */
bool file_begins_with(const char *path, const char *magic);
