/*
 * file_create - an empty file that is the user's alone, made before a library opens it by name.
 *
 * Threads: any.
 */
#pragma once

#include "base/error.h"

/* Makes `path` an empty file with mode 0600 unless something is there already, which then stays as
 * it is. A symbolic link is refused. */
MUST_USE enum status file_create(const char *path, struct error *err);

/* The same, and opens it to write behind what it holds. */
MUST_USE enum status file_create_open(const char *path, int *out_fd, struct error *err);
