/*
 * markdown_scan - how much of a Markdown text that is still growing can be shown already.
 *
 * A cautious reading of the text: what it calls stable renders the same whatever follows, except
 * where a later line reaches back on purpose (a line of === under a paragraph); stream_view.c deals
 * with those. Both functions are pure and take time proportional to the text.
 *
 * Threads: any.
 */
#pragma once

#include "base/str.h"

enum {
    /* A "*" or "[" that is not closed after so many bytes is taken as it stands. */
    MARKDOWN_SCAN_HOLD_MAX = 400
};

/* Bytes at the beginning that are whole blocks and mean the same without the rest: up to the last
 * blank line, outside of code, that a new top-level block follows; 0 when there is none. */
size_t markdown_scan_whole_blocks(struct str source);

/* Bytes at the beginning that can be shown now: up to a word that is whole, with every `*`, `[` and
 * the like closed, and without a table that may still grow. */
size_t markdown_scan_stable(struct str source);
