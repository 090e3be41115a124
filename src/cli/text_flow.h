/*
 * text_flow - styled words into lines of a given width.
 *
 * Text is wrapped at spaces; every line of a block begins with the block's prefix ("> ", the
 * indent of a list). Nothing trails: line breaks, prefixes and changes of style are written only
 * when something visible follows, so the output of a longer text begins with that of a shorter one.
 * That is what lets a stream be shown without ever going back (stream_view.h).
 *
 * Threads: one at a time. Used by: markdown.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"
#include "cli/style.h"

#include <stdint.h>

enum {
    TEXT_FLOW_DEPTH_MAX = 32, /* nested prefixes and styles; deeper ones are ignored */
    TEXT_FLOW_WIDTH_MIN = 20
};

struct text_flow_prefix {
    char text[16];
    unsigned width; /* columns */
    enum style style;
    bool is_once; /* on its first line only, then as many spaces: a bullet */
    bool was_shown;
};

struct text_flow {
    struct strbuf *out;
    const struct style_theme *theme;
    unsigned width;

    struct text_flow_prefix prefixes[TEXT_FLOW_DEPTH_MAX];
    unsigned prefix_count; /* may exceed the maximum: those are not shown */
    enum style styles[TEXT_FLOW_DEPTH_MAX];
    unsigned style_count; /* as above */

    struct strbuf word; /* bytes not yet placed, with the changes of style between them */
    unsigned word_width;
    uint32_t word_begin_styles; /* bit per enum style: at the beginning of `word` */
    uint32_t word_end_styles;   /* at its end */
    uint32_t line_styles;       /* what the terminal has */
    unsigned column;
    unsigned breaks;    /* line breaks due before the next word */
    bool needs_space;   /* a space is due before the next word, unless the line breaks */
    bool has_output;    /* something was written */
    bool is_line_begun; /* the prefixes of this line are written */
};

/* `width` 0: never wrap. */
void text_flow_init(struct text_flow *flow, struct strbuf *out, const struct style_theme *theme,
                    unsigned width);
void text_flow_done(struct text_flow *flow);

/* Adds text that may be wrapped: runs of spaces and line breaks are one space. */
void text_flow_words(struct text_flow *flow, struct str text);

/* Adds text as it stands; its line breaks are kept, nothing is wrapped. */
void text_flow_exact(struct text_flow *flow, struct str text);

/* The next visible text begins a new line / a new block with an empty line before it. */
void text_flow_break(struct text_flow *flow);
void text_flow_gap(struct text_flow *flow);

void text_flow_push_style(struct text_flow *flow, enum style style);
void text_flow_pop_style(struct text_flow *flow);

/* `text` (under 16 bytes) goes before every line, or before the first only. */
void text_flow_push_prefix(struct text_flow *flow, const char *text, enum style style,
                           bool is_once);
void text_flow_pop_prefix(struct text_flow *flow);

/* Places the word that is still open. Adds neither a line break nor the end of a style. */
void text_flow_flush(struct text_flow *flow);

/* Columns of a text without control characters. */
unsigned text_flow_columns(struct str text);
