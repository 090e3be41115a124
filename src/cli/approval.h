/*
 * approval - the question whether the agent may do something, and the person's answer.
 *
 * What is shown comes from the warden and is exactly what would be done. Keys typed before the
 * question appeared do not count. y, n (or Esc) and a answer it, other keys do nothing; Ctrl-C
 * is a no and stops the turn.
 *
 * Threads: main thread. Used by: display.c.
 */
#pragma once

#include "cli/style.h"
#include "sandbox/warden.h"

/* Asks on standard error and reads one key from standard input. */
enum warden_answer approval_ask(const struct warden_event *question,
                                const struct style_theme *theme, int interrupt_fd);

/* The question as it is shown, for tests. */
void approval_add_question(const struct warden_event *question, const struct style_theme *theme,
                           struct strbuf *out);
