/*
 * path - names of files and folders as text, and where they really lead.
 *
 * Results are NUL-terminated and owned by the caller (mem_free()).
 *
 * Threads: any.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* folder + "/" + name. */
char *path_join(const char *folder, const char *name);

/* The absolute path without links, "." and ".."; everything on it must exist. */
MUST_USE enum status path_real(const char *path, char **out, struct error *err);

/* The current folder. */
MUST_USE enum status path_current(char **out, struct error *err);

enum path_kind { PATH_MISSING, PATH_FILE, PATH_FOLDER, PATH_OTHER };

/* What is there; links are followed. What cannot be looked at counts as missing. */
enum path_kind path_kind(const char *path);

/* True when this process may list and enter the folder. */
bool path_can_read_folder(const char *path);

/* True when this process may make files in it. */
bool path_can_write_folder(const char *path);

/* A descriptor of the folder for path lookups; the caller closes it. */
MUST_USE enum status path_open_folder(const char *path, int *out_fd, struct error *err);
