/* holt rm - remove a model from holt's own folder. */
#include "base/mem.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/model_catalog.h"
#include "cli/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status remove_model(const struct command_call *call, struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    TRY(agent_setup_config(call->common, &config, err));
    TRY(state_find_paths(call->common, &state, err));
    model_catalog_read(&state, config.model_folders, &catalog);
    TRY(catalog_find(&catalog, str_from_c(call->operands[0]), &entry, err));
    if (entry->store != CATALOG_OWN)
        return error_set(err, E_DENIED,
                         "%s belongs to %s and is only used from there (%.300s); remove it with "
                         "what put it there",
                         entry->name, catalog_store_name(entry->store), entry->path);
    if (strstr(entry->path, "-00001-of-"))
        return error_set(err, E_UNSUPPORTED, "%s has several files: remove them by hand (%.300s)",
                         entry->name, entry->path);
    if (unlink(entry->path) != 0)
        return error_set(err, E_IO, "%.300s: %s", entry->path, strerror(errno));
    printf("Removed %s.\n", entry->name);
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
