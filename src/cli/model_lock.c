#include "cli/model_lock.h"

#include "base/mem.h"
#include "base/str.h"
#include "sandbox/core_lock.h"

/* "name-00001-of-00003.gguf": the other parts lie beside it. */
static bool is_split(struct str path)
{
    const struct str pattern = STR("-00001-of-00001.gguf");
    return path.len > pattern.len && str_find(path, STR("-of-"), path.len - pattern.len) ==
                                         path.len - STR("-of-00001.gguf").len;
}

static char *parent_of(const char *path)
{
    char *parent = mem_copy_str(path);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent ? 1 : 0] = '\0';
    return parent;
}

/* In Hugging Face's cache the parts are links: the repository has both them and the files. */
static void widen_to_repository(char *folder)
{
    char *snapshots = strstr(folder, "/snapshots/");
    if (snapshots && strstr(folder, "/models--"))
        *snapshots = '\0';
}

/* What must be readable to read the model; *out_parent is to be freed. */
static const char *readable_of(const char *path, char **out_parent)
{
    if (!is_split(str_from_c(path)))
        return path;
    *out_parent = parent_of(path);
    widen_to_repository(*out_parent);
    return *out_parent;
}

static enum status enter(const char *state_folder, const char *model_path, const char *draft_path,
                         const struct model_lock_serving *serving, struct error *err)
{
    CLEANUP(mem_freep) char *model_parent = NULL;
    CLEANUP(mem_freep) char *draft_parent = NULL;
    const char *readable[CORE_LOCK_PATHS_MAX] = {NULL};
    const char *writable[1] = {state_folder};
    size_t count = 0;
    if (model_path)
        readable[count++] = readable_of(model_path, &model_parent);
    if (draft_path)
        readable[count++] = readable_of(draft_path, &draft_parent);
    for (size_t i = 0; serving && i < serving->folder_count; i++) {
        if (count < CORE_LOCK_PATHS_MAX)
            readable[count++] = serving->folders[i];
    }
    const struct core_lock_config config = {
        .write_paths = writable,
        .write_path_count = state_folder ? 1 : 0,
        .read_paths = readable,
        .read_path_count = count,
        .accepts_connections = serving != NULL,
    };
    return core_lock_enter(&config, NULL, err);
}

enum status model_lock_enter(const char *state_folder, const char *model_path,
                             const char *draft_path, struct error *err)
{
    return enter(state_folder, model_path, draft_path, NULL, err);
}

enum status model_lock_enter_serving(const char *model_path, const char *draft_path,
                                     const struct model_lock_serving *serving, struct error *err)
{
    return enter(serving->prompt_folder, model_path, draft_path, serving, err);
}
