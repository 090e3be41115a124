#include "cli/model_name.h"

#include "base/mem.h"
#include "cli/model_catalog.h"
#include "cli/state.h"
#include "os/path.h"

static enum status resolve_path(const char *path, char **out, struct error *err)
{
    switch (path_kind(path)) {
    case PATH_FILE: return path_real(path, out, err);
    case PATH_MISSING:
        return error_set(err, E_NOT_FOUND,
                         "there is no model file %.300s; 'holt models' lists what is at hand",
                         path);
    case PATH_FOLDER:
        return error_set(err, E_INVALID, "%.300s is a folder, not a model file", path);
    case PATH_OTHER: break;
    }
    return error_set(err, E_INVALID, "%.300s is not a regular file", path);
}

static bool is_path(const char *name)
{
    const struct str text = str_from_c(name);
    return str_ends_with(text, STR(".gguf")) || name[0] == '/' ||
           str_starts_with(text, STR("./")) || str_starts_with(text, STR("../")) ||
           (strchr(name, '/') && path_kind(name) != PATH_MISSING);
}

static enum status resolve_name(const char *name, const struct state *state, const char *folders,
                                char **out, struct error *err)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    model_catalog_read(state, folders, &catalog);
    const enum status status = catalog_find(&catalog, str_from_c(name), &entry, err);
    if (status == E_NOT_FOUND)
        return error_set(err, E_NOT_FOUND,
                         "there is no model %s: see holt models; or give a file with -m FILE",
                         name);
    if (status == OK)
        *out = entry->path ? mem_copy_str(entry->path) : NULL;
    return status;
}

enum status model_name_resolve(const char *name, const struct state *state, const char *folders,
                               char **out, struct error *err)
{
    if (!name || strcmp(name, MODEL_NAME_BUILTIN) == 0) {
        *out = NULL;
        return OK;
    }
    const size_t len = strlen(name);
    if (len == 0)
        return error_set(err, E_INVALID, "a model needs a name or a file");
    if (is_path(name))
        return resolve_path(name, out, err);
    if (len > MODEL_NAME_LEN_MAX)
        return error_set(err, E_LIMIT, "a model name has at most %d bytes", MODEL_NAME_LEN_MAX);
    return resolve_name(name, state, folders, out, err);
}

char *model_name_served(const char *path, const struct state *state, const char *folders)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    if (!path)
        return mem_copy_str(MODEL_NAME_BUILTIN);
    model_catalog_read(state, folders, &catalog);
    for (size_t i = 0; i < catalog.count; i++)
        if (!catalog.entries[i].manifest && strcmp(catalog.entries[i].path, path) == 0)
            return mem_copy_str(catalog.entries[i].name);
    const char *slash = strrchr(path, '/');
    char *name = mem_copy_str(slash ? slash + 1 : path);
    const size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".gguf") == 0)
        name[len - 5] = '\0';
    return name;
}

bool model_name_made(const char *name, const struct state *state, const char *folders,
                     char **out_name, json_t **out_settings)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    struct error ignored = {0};
    if (!name || is_path(name))
        return false;
    model_catalog_read(state, folders, &catalog);
    if (catalog_find(&catalog, str_from_c(name), &entry, &ignored) != OK || !entry->manifest)
        return false;
    *out_name = mem_copy_str(entry->name);
    *out_settings = json_incref(entry->settings);
    return true;
}
