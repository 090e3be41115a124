/*
 * stream_view - an answer shown while it is being written, without ever going back.
 *
 * Text comes in pieces cut anywhere. What can still change its meaning (an open `**`, a table, the
 * last word of a line) waits; the rest appears at once, rendered. The screen is only appended
 * to, so nothing flickers and scrolling back shows each line once. For a stream that is no
 * terminal the view passes the clean text through as it is.
 *
 * Output goes to a buffer that the caller writes: that keeps this pure and testable.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"
#include "cli/style.h"
#include "text/clean_text.h"

enum {
    STREAM_VIEW_BLOCK_MAX = 64 * 1024 /* bytes that wait for the end of their block at most */
};

struct stream_view {
    const struct style_theme *theme;
    unsigned width;   /* 0: never wrap */
    bool is_rendered; /* false: pass through */

    struct clean_text cleaner;
    struct strbuf source; /* clean text of the blocks that are not finished */
    struct strbuf shown;  /* what was written for `source` so far */
    bool has_output;      /* something was written before `source` */
    bool ends_line;       /* pass through: the last byte was a line break */
};

void stream_view_init(struct stream_view *view, const struct style_theme *theme, unsigned width,
                      bool is_rendered);
void stream_view_done(struct stream_view *view);

/* Appends to `out` what can be shown after `piece` came. */
void stream_view_add(struct stream_view *view, struct str piece, struct strbuf *out);

/* Ends the text: shows the rest and, if anything was shown, ends the line. Ready for a new text. */
void stream_view_end(struct stream_view *view, struct strbuf *out);
