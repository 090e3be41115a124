/*
 * command - what a command of the program is, and how a command line becomes a call of one.
 *
 * A command is one const table (cmd_<name>.c) and one row in command_list.c. Its struct of options
 * is filled from the table before run() sees it. run() is the only part that talks to the user and
 * returns the exit code.
 *
 * Output: what was asked for goes to standard output, everything else (progress, warnings, errors)
 * to standard error. A message is one sentence.
 *
 * Threads: main thread only.
 */
#pragma once

#include "cli/options.h"

#include <stdbool.h>

/* Exit codes, the same for every command. */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,       /* it could not be done; the reason is on standard error */
    EXIT_USAGE = 2,        /* used wrongly */
    EXIT_NO_ANSWER = 3,    /* the agent stopped without an answer */
    EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

/* What every command accepts. */
struct command_common {
    const char *state_folder; /* --state; NULL: the usual place */
    const char *config_path;  /* --config; NULL: the usual place */
    bool no_color;
    bool help;
};

extern const struct option_spec command_common_options[]; /* the rows of struct command_common */

struct command;

/* One call of a command. Borrowed by run(). */
struct command_call {
    const struct command *command;
    const struct command_common *common;
    const void *options; /* the command's struct, `args_size` bytes */
    int operand_count;
    const char *const *operands;
};

/* Where a command stands in the list. */
enum command_group {
    COMMAND_GROUP_AGENT,
    COMMAND_GROUP_MODEL,
    COMMAND_GROUP_PROGRAM,
    COMMAND_GROUP_COUNT
};

struct command {
    const char *name;
    const char *summary;               /* one line, no period, small first letter */
    const char *operands;              /* "[TASK]", "ID"; "" for none */
    const char *description;           /* paragraphs for --help and the man page; NULL: none */
    const char *examples;              /* "holt agent ...\n  what it does" lines; NULL: none */
    enum option_value operand_value;   /* what a shell completes for an operand */
    const struct option_spec *options; /* NULL: none */
    const void *defaults;              /* initial content of the options; NULL: zeroed */
    size_t args_size;
    int operand_count_min, operand_count_max; /* outside: used wrongly; max -1: any */
    enum command_group group;
    bool is_hidden; /* not in the list of `holt help`; still in the man page */
    int (*run)(const struct command_call *call);
};

/* Finds the command, reads its options and runs it. Returns the exit code; what was written to
 * standard output has reached it, or the code says failed. */
int command_main(int argument_count, char **arguments);

/* Print "holt: <text>" or, for usage, also how to get help; return the exit code to end with. The
 * text is a sentence; control characters in it are made visible. */
int command_fail(const struct error *err);
int command_failf(const char *fmt, ...) PRINTF_LIKE(1, 2);
int command_usage(const struct command *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "holt: warning: <text>" */
void command_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
