/*
 * display - the messages of the core as a person reads them.
 *
 * The answer goes to standard output: rendered while it comes on a terminal, as plain text at the
 * end elsewhere, so that `holt agent ... > file` holds the answer and nothing else. What the agent
 * does on the way goes to standard error, one line for a call and one for its result.
 *
 * Threads: one at a time. Used by: cmd_agent.c, cmd_chat.c.
 */
#pragma once

#include "base/strbuf.h"
#include "cli/progress.h"
#include "cli/stream_view.h"
#include "cli/style.h"

#include <stdbool.h>

struct front_message;
struct front_view;

struct display {
    const struct style_theme *answer_theme;
    const struct style_theme *note_theme;
    struct stream_view answer;
    struct progress progress;
    unsigned note_width; /* columns of a line about a call; 0: no terminal, never cut */
    struct strbuf held;  /* not live: text of the step, the answer if no call follows */
    bool is_live;        /* the answer is shown while it comes */
    bool is_quiet;       /* only the answer */
    bool after_notes;    /* the last thing shown was a note */
    bool shows_thinking;
    bool in_thinking; /* thinking was shown and its line is not ended */
    struct clean_text thinking;
};

struct display_options {
    const char *theme_name; /* NULL: dark */
    bool no_color;
    bool is_quiet;
    bool shows_thinking; /* on standard error, dim */
    bool is_streamed;    /* all text is the answer: show it while it comes, also in a pipe */
    bool is_raw;         /* show the text as it is, not as Markdown */
};

void display_init(struct display *display, const struct display_options *options);
void display_done(struct display *display);

/* Fills message, tick, question and core_says of `view`. */
void display_fill_view(struct display *display, struct front_view *view);

/* One line for the person, on standard error; the text is made clean. */
void display_note(struct display *display, enum style style, struct str text);

/* Shows a message; display_fill_view() installs it. */
void display_message(struct display *display, const struct front_message *message);

/* The answer has ended: what was held is printed. False when standard output takes no more. */
bool display_end_answer(struct display *display);
