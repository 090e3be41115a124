/*
 * tty - what a terminal is asked: whether it is one, how wide, one key without Enter.
 *
 * Threads: any; tty_quiet_begin() and _end() from one thread at a time.
 * Used by: cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <termios.h>

enum { TTY_WIDTH_DEFAULT = 80, TTY_WIDTH_MAX = 1000 };

bool tty_is_terminal(int fd);

/* Columns of the terminal behind `fd`: TTY_WIDTH_DEFAULT when it is none or does not say. */
unsigned tty_width(int fd);

/* A terminal that neither shows what is typed nor waits for Enter. */
struct tty_quiet {
    int fd;
    bool is_active;
    struct termios before;
};

/* Switches `fd` over; no effect (and OK) when it is no terminal. With `are_keys` Ctrl-C and Ctrl-Z
 * are
 * keys like others and raise no signal. */
MUST_USE enum status tty_quiet_begin(struct tty_quiet *quiet, int fd, bool are_keys,
                                     struct error *err);

/* Restores what was there before. Zeroed is allowed; a second call has no effect. */
void tty_quiet_end(struct tty_quiet *quiet);

/* Throws away what was typed but not read yet, so that a question is not answered by an earlier
 * key. */
void tty_discard_typed(int fd);
