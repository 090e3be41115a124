/*
 * line_editor - what a person types: a line with editing and history, or lines from a pipe.
 *
 * On a terminal: libedit with its usual keys; a pasted text may have several lines (bracketed
 * paste), Alt-Enter begins another line, Ctrl-C drops the line, Ctrl-D on an empty one ends. The
 * history is a file of the user's alone (0600).
 *
 * Threads: main thread. Used by: cmd_chat.c.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "cli/style.h"

struct line_editor; /* opaque: see line_editor.c */

enum { LINE_EDITOR_TEXT_MAX = 1024 * 1024, LINE_EDITOR_HISTORY_MAX = 1000 };

enum line_editor_result {
    LINE_EDITOR_TEXT,        /* a text, without the line break at its end */
    LINE_EDITOR_INTERRUPTED, /* Ctrl-C */
    LINE_EDITOR_END,         /* Ctrl-D, or the pipe is at its end */
};

/* `history_path` may be missing; a history that cannot be read or written is done without. */
MUST_USE enum status line_editor_new(const char *history_path, const struct style_theme *theme,
                                     struct line_editor **out, struct error *err);
void line_editor_free(struct line_editor *editor); /* NULL is allowed */
static inline void line_editor_freep(struct line_editor **editor)
{
    line_editor_free(*editor);
}

/* Replaces what `out` holds. E_LIMIT for a text over LINE_EDITOR_TEXT_MAX. */
MUST_USE enum status line_editor_read(struct line_editor *editor, struct strbuf *out,
                                      enum line_editor_result *out_result, struct error *err);
