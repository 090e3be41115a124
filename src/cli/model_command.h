/*
 * model_command - what commands that work on one model have in common: find it by its name, run the
 * work in a locked child.
 *
 * Threads: main thread. Used by: cmd_tokenize.c, cmd_logits.c, cmd_bench.c, cmd_show.c.
 */
#pragma once

#include "base/error.h"
#include "cli/command.h"
#include "cli/locked_child.h"

struct config;

/* The path behind `name`, else behind the configuration's model; NULL: the built-in one. The caller
 * owns *out. */
MUST_USE enum status model_command_find(const struct command_common *common, const char *name,
                                        char **out, struct error *err);

/* Finds the model, stores its path in *path_slot for the work to see, and runs `work` (with
 * `context`) in a locked child. Returns the exit code. */
int model_command_run(const struct command_call *call, const char *model_name,
                      const char **path_slot, const char *doing, locked_child_fn *work,
                      void *context);
