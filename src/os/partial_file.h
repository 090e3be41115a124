/*
 * partial_file - a large file that comes in pieces, perhaps over several days: hidden until it is
 * whole and checked.
 *
 * FOLDER/.NAME.part grows; partial_file_finish() syncs it and gives it its name. Only one process
 * has it at a time. What is not finished stays for the next try.
 *
 * Threads: one. Depends on: base/. Used by: cli/cmd_pull.c.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct partial_file {
    int fd; /* read and write; valid while `path` is not NULL */
    char *path;
    char *final_path;
    uint64_t size; /* at opening */
};

/* E_BUSY when another process has it; E_INVALID when the finished file is there already. */
MUST_USE enum status partial_file_open(const char *folder, const char *name,
                                       struct partial_file *out, struct error *err);

/* Forgets what has come. */
MUST_USE enum status partial_file_empty(struct partial_file *file, struct error *err);

/* The file appears under its name. */
MUST_USE enum status partial_file_finish(struct partial_file *file, struct error *err);

/* Closes; zeroed is allowed. `removes`: what has come is of no use. */
void partial_file_close(struct partial_file *file, bool removes);

/* Bytes that fit on the file system of `folder` for this user; UINT64_MAX when unknown. */
uint64_t partial_file_room(const char *folder);
