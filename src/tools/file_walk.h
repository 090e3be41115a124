/*
 * file_walk - every file below a folder of the workspace, in the byte order of the paths.
 *
 * Hidden folders and symbolic links are left out; hidden files are not. The walk is bounded: what
 * lies deeper or comes later is not visited, and the caller learns that something was left out.
 *
 * Threads: one. Used by: tools/.
 */
#pragma once

#include "base/strbuf.h"
#include "os/beneath.h"

enum {
    FILE_WALK_DEPTH_MAX = 32,
    FILE_WALK_FILES_MAX = 100 * 1000,
    FILE_WALK_ENTRIES_MAX = 100 * 1000, /* of one folder */
};

/* `path` is relative to the workspace, without "./". Returns false to stop. */
typedef bool(file_walk_fn)(void *context, const char *path);

/* `folder` is "." or a relative path. True when every file was visited or `visit` stopped. */
bool file_walk(const struct beneath *beneath, const char *folder, file_walk_fn *visit,
               void *context);
