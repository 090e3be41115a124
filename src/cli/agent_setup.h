/*
 * agent_setup - from options, configuration and the stored session to what the processes need.
 *
 * An option wins over the configuration, the configuration over the default; a session that is
 * taken up again brings its own workspace and model where no option says otherwise.
 *
 * Threads: any. Used by: cmd_agent.c, cmd_chat.c, cmd_resume.c.
 */
#pragma once

#include "base/error.h"
#include "cli/agent_options.h"
#include "cli/config.h"
#include "cli/core_role.h"
#include "cli/state.h"

struct command_common;

/* Owns what it points to. Zeroed is empty. */
struct agent_setup {
    struct state state;
    struct config config;
    char *workspace;
    char *model_path;
    char *model_label;
    char *resume_id;
    char *draft_path;
    json_t *settings; /* of a model that was made from another; NULL: none */
    struct prompt_store prompts;
    unsigned allowed;
    struct core_role_config core; /* points into this struct: do not move it */
};

/* `resume_id` NULL: a new session; "": the latest one of this folder, or of any. E_UNSUPPORTED:
 * used wrongly (see workspace.h); E_INVALID: an option's value is wrong. */
MUST_USE enum status agent_setup_init(struct agent_setup *setup,
                                      const struct command_common *common,
                                      const struct agent_options *options, const char *resume_id,
                                      struct error *err);
void agent_setup_done(struct agent_setup *setup);

/* Reads the configuration; what is odd in it becomes a warning on standard error. */
MUST_USE enum status agent_setup_config(const struct command_common *common, struct config *out,
                                        struct error *err);

/* Bits of cpu_features() that a --cpu-mask takes away; NULL: none. */
MUST_USE enum status agent_setup_cpu(const char *cpu_mask, unsigned *out_features_off,
                                     struct error *err);
