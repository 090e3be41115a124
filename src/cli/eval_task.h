/*
 * eval_task - the tasks of `holt eval`: read from a file of JSON lines (tests/eval/README.md)
 * and laid out as real files. eval_judge.h looks at what is there at the end.
 *
 * Threads: any. Used by: eval_play.c, cmd_eval.c.
 */
#pragma once

#include "base/error.h"

#include <jansson.h>

enum {
    EVAL_TASK_FILE_MAX = 64 * 1024 * 1024, /* bytes of a file of tasks */
    EVAL_TASK_COUNT_MAX = 100 * 1000,
};

/* Where the set `name` is: a path if it has a "/" or ends in ".jsonl", else NAME.jsonl in
 * ./tests/eval or in the installed share/holt/eval. The caller owns *out. */
MUST_USE enum status eval_task_find(const char *name, char **out, struct error *err);

/* An array of the tasks in the file, each checked for the keys it needs. A new reference. */
MUST_USE enum status eval_task_read(const char *path, json_t **out, struct error *err);

/* Makes the task's files and folders in `workspace`, an empty folder. */
MUST_USE enum status eval_task_lay_out(const json_t *task, const char *workspace,
                                       struct error *err);
