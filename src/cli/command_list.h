/* command_list - every command of the program, one row each; the order is that of `holt help`. */
#pragma once

#include "cli/command.h"

extern const struct command *const command_list[]; /* ends with NULL */

/* The command of that name, or NULL. */
const struct command *command_list_find(const char *name);

/* The name nearest to `name` when it is near enough to be meant, else NULL. */
const char *command_list_nearest(const char *name);

extern const struct command cmd_agent;
extern const struct command cmd_bench;
extern const struct command cmd_chat; /* `holt` alone */
extern const struct command cmd_completions;
extern const struct command cmd_create;
extern const struct command cmd_doctor;
extern const struct command cmd_embed;
extern const struct command cmd_eval;
extern const struct command cmd_fit;
extern const struct command cmd_help;
extern const struct command cmd_import;
extern const struct command cmd_launch;
extern const struct command cmd_logits;
extern const struct command cmd_man;
extern const struct command cmd_models;
extern const struct command cmd_perplexity;
extern const struct command cmd_rerank;
extern const struct command cmd_ps;
extern const struct command cmd_pull;
extern const struct command cmd_resume;
extern const struct command cmd_rm;
extern const struct command cmd_run;
extern const struct command cmd_serve;
extern const struct command cmd_sessions;
extern const struct command cmd_show;
extern const struct command cmd_template;
extern const struct command cmd_tokenize;
extern const struct command cmd_tools;
extern const struct command cmd_version;
