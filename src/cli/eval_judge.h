/*
 * eval_judge - whether a task of `holt eval` was done: its checks against the state at the end.
 *
 * The checks are those of tests/eval/README.md, one row each in eval_judge.c.
 *
 * Threads: any. Used by: eval_play.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>

enum {
    EVAL_JUDGE_FILE_MAX = 64 * 1024 * 1024, /* bytes of a file that is looked at */
    EVAL_JUDGE_FILES_MAX = 10 * 1000,       /* files counted when a task must not change any */
};

/* What happened, to be judged. Borrowed. */
struct eval_judge_outcome {
    struct str answer;       /* the last one */
    const json_t *calls;     /* names of the tools called, in order */
    const char *workspace;   /* as it is now */
    const char *memory_file; /* the notes; may be missing */
};

/* True when every check of the task holds; else `reason` gets the first that does not. */
bool eval_judge(const json_t *task, const struct eval_judge_outcome *outcome,
                struct strbuf *reason);
