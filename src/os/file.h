/*
 * file - whole files in and out, safely.
 *
 * Writing never leaves half a file: bytes go to a new file beside the target (mode 0600), which is
 * synced and then renamed over it; the folder is synced too. A failure or a crash leaves the old
 * file as it was.
 *
 * Threads: any; a file_writer belongs to one thread. Depends on: base/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

/* Appends the content of `path` to `out`. Only regular files. E_LIMIT when it is longer than
 * `size_max` bytes. */
MUST_USE enum status file_read(const char *path, size_t size_max, struct strbuf *out,
                               struct error *err);

/* Replaces `path` with `bytes`. */
MUST_USE enum status file_write(const char *path, struct str bytes, struct error *err);

/* Makes `path` and the folders above it that are missing, mode 0700. */
/* Of what the path leads to; the time is since 1970. E_NOT_FOUND, E_IO. */
MUST_USE enum status file_facts(const char *path, uint64_t *out_size, int64_t *out_modified_us,
                                struct error *err);

MUST_USE enum status file_make_folder(const char *path, struct error *err);

/* A file being written. Zeroed is closed. */
struct file_writer {
    char *path;      /* where it will be */
    char *temporary; /* where it is now */
    int fd;          /* valid while path is not NULL */
};

MUST_USE enum status file_writer_open(const char *path, struct file_writer *out, struct error *err);
MUST_USE enum status file_writer_add(struct file_writer *writer, const void *bytes, size_t size,
                                     struct error *err);

/* Syncs and renames. The writer is closed afterwards, also on failure. */
MUST_USE enum status file_writer_commit(struct file_writer *writer, struct error *err);

/* Forgets the file if it was not committed; for CLEANUP. */
void file_writer_done(struct file_writer *writer);
