/*
 * file_pieces - a regular file read in pieces, straight to where they belong in memory.
 *
 * Threads: any number may read one file; open and close belong to one. Depends on: base/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_PIECES_MAX = 1024 }; /* of one read */

/* Zeroed is closed. */
struct file_pieces {
    int fd; /* valid while is_open */
    bool is_open;
    uint64_t size; /* at opening */
};

struct file_piece {
    void *bytes;
    size_t size;
};

/* Links are not followed. E_NOT_FOUND, E_INVALID: not a regular file, E_IO. */
MUST_USE enum status file_pieces_open(const char *path, struct file_pieces *out, struct error *err);
void file_pieces_close(struct file_pieces *file); /* zeroed is allowed; zeroed afterwards */

/* Fills the pieces, in order, with the bytes from `offset` on; E_FORMAT when the file ends before.
 * At most FILE_PIECES_MAX pieces. */
MUST_USE enum status file_pieces_read(const struct file_pieces *file, uint64_t offset,
                                      const struct file_piece *pieces, size_t count,
                                      struct error *err);
