/*
 * markdown - CommonMark (with tables, strike-through and task lists) as styled terminal text.
 *
 * A pure function of source, width and theme. The result ends with its last visible character (see
 * text_flow.h), and the result of a longer source begins with that of a shorter one as long as the
 * shorter one ends outside of what may still change its meaning (markdown_scan.h).
 *
 * Raw HTML is shown as text; indented code is an ordinary paragraph, because models indent by
 * accident. The source is clean text (text/clean_text.h).
 *
 * Threads: any.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"
#include "cli/style.h"

/* Appends the rendered form of `source` to `out`. `width` 0: no wrapping. */
void markdown_render(struct str source, unsigned width, const struct style_theme *theme,
                     struct strbuf *out);
