/* holt rm - remove a model from holt's own folder. */
#include "base/mem.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/model_admin.h"
#include "cli/state.h"

#include <stdio.h>

static enum status remove_model(const struct command_call *call, struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *name = NULL;
    TRY(agent_setup_config(call->common, &config, err));
    TRY(state_find_paths(call->common, &state, err));
    TRY(model_admin_remove(&state, config.model_folders, str_from_c(call->operands[0]), &name,
                           err));
    printf("Removed %s.\n", name);
    return OK;
}

static int run(const struct command_call *call)
{
    struct error err = {0};
    return remove_model(call, &err) == OK ? EXIT_OK : command_fail(&err);
}

static const struct option_spec options[] = {OPTION_END};

const struct command cmd_rm = {
    .name = "rm",
    .summary = "remove a model from holt's own folder",
    .operands = "NAME",
    .description = "Models in Ollama's store, in Hugging Face's cache and in other folders are "
                   "left alone.",
    .examples = "holt rm qwen",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
