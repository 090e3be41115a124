/*
 * session_line - one session as a line of a list.
 *
 *   k3f9qa  today 14:02   12  ~/project   how many lines has a.txt?
 *
 * Threads: any. Used by: chat_loop.c, cmd_sessions.c.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct front_message;
struct style_theme;
struct strbuf;

/* A FRONT_SESSION message in at most `width` columns. */
void session_line_print(const struct front_message *message, const struct style_theme *theme,
                        unsigned width, FILE *out);

/* "14:02" today, "Mon 14:02" this week, else "2026-11-22", in local time. */
void session_line_add_time(int64_t unix_ms, int64_t now_ms, struct strbuf *out);
