#include "cli/state.h"

#include "base/mem.h"
#include "cli/command.h"
#include "os/file.h"
#include "os/path.h"

#include <stdlib.h>

/* $variable/holt when it is an absolute path (others are to be ignored), else ~/fallback/holt. */
static enum status base_folder(const char *variable, const char *fallback, const char *option,
                               char **out, struct error *err)
{
    const char *base = getenv(variable);
    if (base && base[0] == '/') {
        *out = path_join(base, "holt");
        return OK;
    }
    const char *home = getenv("HOME");
    if (!home || home[0] != '/')
        return error_set(err, E_INVALID, "neither %s nor HOME names a folder: use %s", variable,
                         option);
    CLEANUP(mem_freep) char *folder = path_join(home, fallback);
    *out = path_join(folder, "holt");
    return OK;
}

static enum status find_folder(const struct command_common *common, char **out, struct error *err)
{
    if (common->state_folder) {
        if (!common->state_folder[0])
            return error_set(err, E_INVALID, "--state needs the name of a folder");
        *out = mem_copy_str(common->state_folder);
        return OK;
    }
    return base_folder("XDG_DATA_HOME", ".local/share", "--state DIR", out, err);
}

/* Takes ownership of `folder`. */
static void fill(struct state *out, char *folder)
{
    *out = (struct state){
        .folder = folder,
        .database = path_join(folder, "holt.db"),
        .models = path_join(folder, "models"),
        .memory = path_join(folder, "memory"),
        .prompts = path_join(folder, "prompts"),
        .history = path_join(folder, "history"),
    };
}

enum status state_find_paths(const struct command_common *common, struct state *out,
                             struct error *err)
{
    CLEANUP(mem_freep) char *folder = NULL;
    char *real = NULL;
    TRY(find_folder(common, &folder, err));
    if (path_real(folder, &real, NULL) != OK)
        real = mem_copy_str(folder);
    fill(out, real);
    return OK;
}

enum status state_init(const struct command_common *common, struct state *out, struct error *err)
{
    CLEANUP(mem_freep) char *folder = NULL;
    char *real = NULL;
    TRY(find_folder(common, &folder, err));
    if (path_kind(folder) != PATH_FOLDER)
        TRY(file_make_folder(folder, err));
    TRY(path_real(folder, &real, err));
    fill(out, real);
    return OK;
}

void state_done(struct state *state)
{
    mem_free(state->folder);
    mem_free(state->database);
    mem_free(state->models);
    mem_free(state->memory);
    mem_free(state->prompts);
    mem_free(state->history);
    *state = (struct state){0};
}

enum status state_config_path(const struct command_common *common, char **out, struct error *err)
{
    if (common->config_path) {
        *out = mem_copy_str(common->config_path);
        return OK;
    }
    CLEANUP(mem_freep) char *folder = NULL;
    TRY(base_folder("XDG_CONFIG_HOME", ".config", "--config FILE", &folder, err));
    *out = path_join(folder, "config.yaml");
    return OK;
}
