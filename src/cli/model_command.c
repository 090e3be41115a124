#include "cli/model_command.h"

#include "base/mem.h"
#include "cli/agent_setup.h"
#include "cli/config.h"
#include "cli/model_name.h"
#include "cli/state.h"

enum status model_command_find(const struct command_common *common, const char *name, char **out,
                               struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    TRY(agent_setup_config(common, &config, err));
    if (!name)
        name = config.model;
    TRY(state_find_paths(common, &state, err));
    return model_name_resolve(name, &state, config.model_folders, out, err);
}

int model_command_run(const struct command_call *call, const char *model_name,
                      const char **path_slot, const char *doing, locked_child_fn *work,
                      void *context)
{
    CLEANUP(mem_freep) char *path = NULL;
    struct error err = {0};
    if (model_command_find(call->common, model_name, &path, &err) != OK)
        return command_fail(&err);
    *path_slot = path;
    const struct locked_child child = {
        .model_path = path,
        .doing = doing,
        .no_color = call->common->no_color,
        .run = work,
        .context = context,
    };
    const int code = locked_child_run(&child);
    *path_slot = NULL;
    return code;
}
