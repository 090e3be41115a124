/*
 * progress - one line at the bottom of the terminal that says what is going on, gone when it is
 * over.
 *
 * Only on a terminal; elsewhere every call is without effect. The line appears when something takes
 * longer than PROGRESS_DELAY_MS, so quick things do not flicker. Whoever prints clears it first.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/attr.h"
#include "cli/style.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROGRESS_DELAY_MS = 200, PROGRESS_TEXT_MAX = 120 };

struct progress {
    int fd; /* where the line is shown */
    bool is_enabled;
    const struct style_theme *theme;
    char text[PROGRESS_TEXT_MAX + 1]; /* "": nothing is going on */
    uint64_t began_ns;
    unsigned frame;
    bool is_shown;
};

void progress_init(struct progress *progress, int fd, const struct style_theme *theme);

/* What is going on now; a new text goes on with the old one's time. */
void progress_set(struct progress *progress, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Draws the next picture of the line when it is due. */
void progress_tick(struct progress *progress);

/* Takes the line off the screen; the next tick draws it again. */
void progress_hide(struct progress *progress);

/* It is over. */
void progress_clear(struct progress *progress);
