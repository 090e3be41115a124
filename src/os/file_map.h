/*
 * file_map - a regular file mapped read-only into memory.
 *
 * The size is taken once, from the descriptor that is then mapped; the descriptor stays open, so
 * that file_map_check() can see whether the file was changed since. A mapped file that shrinks
 * cannot be read past its new end: the process gets SIGBUS. Read what must be safe against that
 * with file_map_read(), which copies through the descriptor and fails cleanly.
 *
 * Threads: any number may read; open and close belong to one. Depends on: base/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is closed. An empty file maps to bytes NULL, size 0. */
struct file_map {
    const unsigned char *bytes; /* page-aligned */
    size_t size;
    int fd; /* valid while is_open */
    bool is_open;
    int64_t changed_s; /* modification time at opening */
    int64_t changed_ns;
};

MUST_USE enum status file_map_open(const char *path, struct file_map *out, struct error *err);
void file_map_close(struct file_map *map); /* zeroed is allowed; zeroed afterwards */

/* Copies `size` bytes at `offset` into `out`; E_FORMAT if the file is shorter now. */
MUST_USE enum status file_map_read(const struct file_map *map, size_t offset, size_t size,
                                   void *out, struct error *err);

/* E_IO if the file's size or modification time is no longer that of file_map_open(). */
MUST_USE enum status file_map_check(const struct file_map *map, struct error *err);
