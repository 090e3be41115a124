/*
 * launch_backup - changes of files that belong to other programs, which can be undone to the byte.
 *
 * Before a file is changed its bytes go into a file of holt's own, and a record says where they
 * belong and what was written over them. Only then the file is changed. Undoing puts the bytes and
 * the mode back, or removes a file that was not there; it refuses when somebody else changed the
 * file since. A program killed in between leaves either file whole, and the record true.
 *
 *   <folder>/record.json   {"path", "existed", "mode", "before": NAME, "written": [sha256, ...]}
 *   <folder>/before-...    the bytes; kept for good when others changed the file afterwards
 *
 * Threads: one; two programs at once may lose one of two changes, never a backup. Used by:
 * cmd_launch.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>

enum { LAUNCH_BACKUP_FILE_MAX = 1 << 20, LAUNCH_BACKUP_WRITTEN_MAX = 32 };

/* What is at `path` now, appended to `out`; nothing when it is missing. As file_edit_look(). */
MUST_USE enum status launch_backup_read(const char *path, struct strbuf *out, struct error *err);

/* Makes `text` the file's content; `before` is what launch_backup_read() gave. *out_changed is
 * false when it is that already. */
MUST_USE enum status launch_backup_change(const char *folder, const char *path, struct str before,
                                          struct str text, bool *out_changed, struct error *err);

/* Undoes the changes recorded in `folder`; *out_path, which the caller frees, is the file.
 * E_NOT_FOUND when there is none; E_INVALID when the file was changed since, with where its old
 * bytes are. */
MUST_USE enum status launch_backup_restore(const char *folder, char **out_path, struct error *err);
