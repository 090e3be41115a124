#include "cli/model_name.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/state.h"
#include "os/path.h"

static enum status resolve_path(const char *path, char **out, struct error *err)
{
    switch (path_kind(path)) {
    case PATH_FILE: return path_real(path, out, err);
    case PATH_MISSING: return error_set(err, E_NOT_FOUND, "there is no model file %.300s", path);
    case PATH_FOLDER:
        return error_set(err, E_INVALID, "%.300s is a folder, not a model file", path);
    case PATH_OTHER: break;
    }
    return error_set(err, E_INVALID, "%.300s is not a regular file", path);
}

enum status model_name_resolve(const char *name, const struct state *state, char **out,
                               struct error *err)
{
    if (!name || strcmp(name, MODEL_NAME_BUILTIN) == 0) {
        *out = NULL;
        return OK;
    }
    const struct str text = str_from_c(name);
    if (text.len == 0)
        return error_set(err, E_INVALID, "a model needs a name or a file");
    if (strchr(name, '/') || str_ends_with(text, STR(".gguf")))
        return resolve_path(name, out, err);
    if (text.len > MODEL_NAME_LEN_MAX)
        return error_set(err, E_LIMIT, "a model name has at most %d bytes", MODEL_NAME_LEN_MAX);

    /* A name without "/" that gets a suffix cannot be "." or "..". */
    CLEANUP(strbuf_done) struct strbuf file = {0};
    strbuf_addf(&file, "%s.gguf", name);
    CLEANUP(mem_freep) char *path = path_join(state->models, strbuf_c(&file));
    if (path_kind(path) != PATH_MISSING)
        return resolve_path(path, out, err);
    return error_set(err, E_NOT_FOUND,
                     "there is no model %s: it would be %s; give a file with -m FILE, or put one "
                     "there",
                     name, path);
}
