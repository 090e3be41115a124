/*
 * program_start - programs of the user, started as the user: found in PATH, with some variables
 * changed, on the streams they are given.
 *
 * For programs the user asked for by name. Tools of an agent are started by sandbox/program.h.
 *
 * Threads: a process with one thread: it forks. Used by: cli/ (holt launch).
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* The absolute path of `name` in the absolute folders of PATH; NULL when there is none. The caller
 * frees it. */
char *program_start_find(const char *name);

/* The path of the program that runs, also when its file was replaced meanwhile. */
#define PROGRAM_START_OWN "/proc/self/exe"

struct program_start {
    const char *path;
    const char *const *arguments; /* ends with NULL; the first is the program's name */
    const char *const *variables; /* "NAME=VALUE" sets, "NAME" takes away; ends with NULL */
    int output_fd;                /* becomes its standard output; -1: ours */
    int errors_fd;                /* the same for its standard error */
    bool is_apart; /* the terminal's Ctrl-C does not reach it, it has an empty standard
                                     input, and it is told to end (SIGINT) when we are gone */
};

/* *out_pid is a child of ours. E_NOT_FOUND or E_IO, with the reason, when it cannot be started. */
MUST_USE enum status program_start_run(const struct program_start *start, pid_t *out_pid,
                                       struct error *err);

/* Asks it to end (SIGINT) and waits for timeout_ms, then ends it. */
void program_start_stop(pid_t pid, int timeout_ms);
