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

#include <stdbool.h>
#include <stdint.h>

/* Appends the content of `path` to `out`. Only regular files. E_LIMIT when it is longer than
 * `size_max` bytes. */
MUST_USE enum status file_read(const char *path, size_t size_max, struct strbuf *out,
                               struct error *err);

/* Replaces `path` with `bytes`. */
MUST_USE enum status file_write(const char *path, struct str bytes, struct error *err);

/* The same, but leaves a file that is there as it is; *out_is_new says which it was. Of several
 * processes that do it at once one makes the file. */
MUST_USE enum status file_write_new(const char *path, struct str bytes, bool *out_is_new,
                                    struct error *err);

/* Makes `path` and the folders above it that are missing, mode 0700. */
/* Of what the path leads to; the time is since 1970. E_NOT_FOUND, E_IO. */
MUST_USE enum status file_measure(const char *path, uint64_t *out_size, int64_t *out_modified_us,
                                  struct error *err);

MUST_USE enum status file_make_folder(const char *path, struct error *err);

/* What is known of a regular file without reading it. */
struct file_facts {
    uint64_t size;
    int64_t changed_s; /* seconds since 1970-01-01 */
};

/* False when `path` is not a regular file (links are not followed). */
bool file_look(const char *path, struct file_facts *out);

/* False when nothing was removed. */
bool file_remove(const char *path);

/* Overwrites a few bytes of a file in place; whether it worked does not matter to the caller. The
 * file then counts as changed now. */
void file_poke(const char *path, uint64_t offset, const void *bytes, size_t size);

/* Removes from `folder` what file writers left that were killed; those at work keep theirs. */
void file_sweep(const char *folder);

/* A file being written; no two threads write the same bytes. Zeroed is closed. */
struct file_writer {
    char *path;      /* where it will be */
    char *temporary; /* where it is now */
    int fd;          /* valid while path is not NULL */
};

/* E_INVALID: a folder, device or pipe is there, which the file would take the place of. */
MUST_USE enum status file_writer_open(const char *path, struct file_writer *out, struct error *err);
MUST_USE enum status file_writer_add(struct file_writer *writer, const void *bytes, size_t size,
                                     struct error *err);

/* Takes room for `size` bytes before they are written, where the file system can: a full disk is
 * known at once. E_LIMIT when it would leave the disk's other users less than `left_bytes`. */
MUST_USE enum status file_writer_reserve(struct file_writer *writer, uint64_t size,
                                         uint64_t left_bytes, struct error *err);

/* Writes at a place of the caller's choice instead of behind what was added. Any thread. */
MUST_USE enum status file_writer_put(const struct file_writer *writer, uint64_t offset,
                                     const void *bytes, size_t size, struct error *err);

/* Puts on the disk what was written so far, so that the commit has less to wait for. */
MUST_USE enum status file_writer_sync(const struct file_writer *writer, struct error *err);

/* Syncs and renames. The writer is closed afterwards, also on failure. */
MUST_USE enum status file_writer_commit(struct file_writer *writer, struct error *err);

/* Forgets the file if it was not committed; for CLEANUP. */
void file_writer_done(struct file_writer *writer);
