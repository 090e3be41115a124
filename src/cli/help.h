/*
 * help - the command and option tables as text for people.
 *
 * Threads: any. Used by: command.c, cmd_help.c, cmd_man.c.
 */
#pragma once

#include <stdio.h>

struct command;
struct option_spec;
struct strbuf;

enum { HELP_WIDTH = 80 };

/* All commands, one line each. */
void help_print_all(FILE *out);

/* One command: usage, what it does, options, examples. */
void help_print_command(const struct command *command, FILE *out);

/* "holt agent [OPTION...] TASK" */
void help_add_usage(const struct command *command, struct strbuf *out);

/* "-m, --model FILE", without the short form where there is none. */
void help_add_option_names(const struct option_spec *option, struct strbuf *out);
