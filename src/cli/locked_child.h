/*
 * locked_child - a piece of work on model or session data in a locked process of its own.
 *
 * The child gives up everything it does not need (model_lock.h), then runs a function that
 * prints as usual. Its output passes through the parent, which removes control characters, shows
 * what is going on meanwhile, and says in a sentence when the child died. The parent keeps what
 * the child may not have: the file a result is written to, the terminal.
 *
 * Threads: one, without others: it forks. Used by: cmd_tokenize.c, cmd_logits.c and the like.
 */
#pragma once

#include <stdbool.h>

struct command_common;
struct strbuf;

/* Runs in the child; returns its exit code. */
typedef int(locked_child_fn)(void *context);

struct locked_child {
    const char *state_folder; /* readable and writable; NULL: none */
    const char *model_path;   /* readable; NULL: the built-in model */
    const char *doing;        /* "measuring", shown while it runs; NULL: nothing */
    struct strbuf *output;    /* its standard output is added here; NULL: goes to ours */
    bool no_color;
    locked_child_fn *run;
    void *context;
};

/* Returns the exit code of the child, or EXIT_FAILED after saying why there is none. */
int locked_child_run(const struct locked_child *config);
