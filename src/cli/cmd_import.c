/* holt import - take a model file into holt's own folder. */
#include "cli/command_list.h"
#include "cli/model_admin.h"
#include "cli/state.h"

#include <stdio.h>
#include <string.h>

struct import_args {
    const char *name;
};

static const struct import_args defaults = {0};

static const struct option_spec options[] = {
    OPTION_STRING(struct import_args, name, 0, "name", "NAME",
                  "what to call the model (default: the file's name)"),
    OPTION_END,
};

static enum status import(const struct command_call *call, struct error *err)
{
    const struct import_args *args = call->options;
    const char *path = call->operands[0];
    CLEANUP(state_done) struct state state = {0};
    const char *slash = strrchr(path, '/');
    struct str name = str_from_c(args->name ? args->name : slash ? slash + 1 : path);
    bool is_link = false;
    if (str_ends_with(name, STR(".gguf")))
        name = str_slice(name, 0, name.len - strlen(".gguf"));
    TRY(model_admin_check_name(name, err));
    TRY(state_init(call->common, &state, err));
    TRY(model_admin_take(&state, path, name, &is_link, err));
    printf("%.*s is at hand (%s): holt run -m %.*s\n", STR_ARG(name),
           is_link ? "linked, no copy" : "copied", STR_ARG(name));
    return OK;
}

static int run(const struct command_call *call)
{
    struct error err = {0};
    return import(call, &err) == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_import = {
    .name = "import",
    .summary = "take a model file into holt's own folder",
    .operands = "FILE",
    .description = "The file is linked where the file system can, else copied; afterwards it has a "
                   "name that every command takes with -m.",
    .examples = "holt import ~/Downloads/qwen3-4b-q4_k_m.gguf --name qwen",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct import_args),
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
