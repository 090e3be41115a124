/*
 * interrupt - Ctrl-C as something to be read, instead of something that strikes anywhere.
 *
 * Threads: main thread, before other threads start (they inherit the blocked signal).
 * Used by: cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* SIGINT no longer ends the process; *out_fd becomes readable when it comes. */
MUST_USE enum status interrupt_open(int *out_fd, struct error *err);

/* True if Ctrl-C was pressed since the last call. */
bool interrupt_take(int fd);

/* SIGINT ends the process again. */
void interrupt_close(int fd);

/* The calling process no longer minds SIGINT and SIGQUIT, which are meant for the process that
 * holds the terminal, nor SIGPIPE and SIGXFSZ: what cannot be written is told by the call that
 * tries. */
void interrupt_ignore(void);
