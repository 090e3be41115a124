/*
 * task_run - one task from beginning to end: start the processes, ask, show, say how it ended.
 *
 * Threads: main thread, without others. Used by: cmd_agent.c, cmd_resume.c.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>

struct agent_setup;
struct command_common;

struct task_run_options {
    bool is_json;
    bool is_quiet;
};

enum { TASK_RUN_TEXT_MAX = 1024 * 1024 };

/* Returns the exit code of the program. */
int task_run(const struct agent_setup *setup, const struct command_common *common,
             const struct task_run_options *options, struct str text);
