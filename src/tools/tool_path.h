/*
 * tool_path - a path as the model wrote it: what it means, and what to say when it leads nowhere.
 *
 * Paths are relative to the workspace; an absolute one is taken when it lies inside. Results print
 * a path as it was given, without "./" in front and "/" behind. Errors name a near match where
 * there is one ("error: a/reprot.txt does not exist; did you mean a/report.txt?").
 *
 * Threads: one. Used by: tools/.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "os/beneath.h"
#include "sandbox/warden.h"

enum { TOOL_PATH_DISTANCE_MAX = 2 }; /* edits between a missing name and one that is there */

struct tool_path {
    struct beneath beneath;
    struct strbuf shown;  /* for results */
    const char *relative; /* for lookups; part of `shown` */
};

enum tool_path_want { TOOL_PATH_FILE, TOOL_PATH_FOLDER, TOOL_PATH_ANY };

/* Fails when the text alone leads outside of the workspace, holds a NUL or is too long. */
MUST_USE enum status tool_path_open(const struct warden_job *job, struct str given,
                                    struct tool_path *out, struct error *err);
void tool_path_done(struct tool_path *path);

/* Finds what is there and checks its kind. The error is the sentence for the model. */
MUST_USE enum status tool_path_locate(const struct tool_path *path, enum tool_path_want want,
                                      struct beneath_info *out, struct error *err);

/* Appends the content of the file, which must be text. */
MUST_USE enum status tool_path_read_text(const struct tool_path *path, struct strbuf *out,
                                         struct error *err);

/* Where a write to this path would go: appends the path without links. E_DENIED when a part of it
 * is .git or .holt, or it leads outside; E_INVALID when a folder is there. */
MUST_USE enum status tool_path_target(const struct tool_path *path, struct strbuf *out,
                                      bool *out_exists, struct error *err);

enum { TOOL_PATH_TEXT_MAX = 16 * 1024 * 1024 }; /* bytes of a file that is read */
