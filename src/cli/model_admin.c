#include "cli/model_admin.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/blob_store.h"
#include "cli/model_catalog.h"
#include "cli/model_name.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/file_take.h"
#include "os/path.h"
#include "text/utf8.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum status model_admin_check_name(struct str name, struct error *err)
{
    if (name.len == 0 || name.len > MODEL_NAME_LEN_MAX || name.ptr[0] == '.' ||
        !utf8_is_valid(name))
        return error_set(err, E_INVALID, "a model's name has 1 to %d bytes and begins with no dot",
                         MODEL_NAME_LEN_MAX);
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || name.ptr[i] == ':' || (unsigned char)name.ptr[i] < 0x20)
            return error_set(err, E_INVALID, "a model's name has no \"/\" and no \":\"");
    if (str_equal_c(name, MODEL_NAME_BUILTIN))
        return error_set(err, E_INVALID, "\"builtin\" is the model inside the program");
    return OK;
}

enum status model_admin_take(const struct state *state, const char *path, struct str name,
                             bool *out_is_link, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf file = {0};
    TRY(model_admin_check_name(name, err));
    TRY(file_make_folder(state->models, err));
    strbuf_addf(&file, "%.*s.gguf", STR_ARG(name));
    CLEANUP(mem_freep) char *to = path_join(state->models, strbuf_c(&file));
    if (path_kind(to) != PATH_MISSING)
        return error_set(err, E_INVALID,
                         "there is a model %.*s already: holt rm it, or give another name",
                         STR_ARG(name));
    return file_take(path, "GGUF", to, out_is_link, err);
}

/* ---------------------------------------------------------------- removing */

static enum status unlink_file(const char *path, struct error *err)
{
    return unlink(path) == 0 ? OK : error_set(err, E_IO, "%.300s: %s", path, strerror(errno));
}

/* A file in holt's folder. */
static enum status remove_file(const struct catalog *catalog, const struct catalog_entry *entry,
                               struct error *err)
{
    CLEANUP(mem_freep) char *real = NULL;
    const struct catalog_entry *user = catalog_find_user(catalog, entry->path);
    if (!user && path_real(entry->path, &real, NULL) == OK)
        user = catalog_find_user(catalog, real);
    if (user)
        return error_set(err, E_BUSY, "%s was made from %s and uses its file: remove that first",
                         user->name, entry->name);
    if (strstr(entry->path, "-00001-of-"))
        return error_set(err, E_UNSUPPORTED, "%s has several files: remove them by hand (%.300s)",
                         entry->name, entry->path);
    return unlink_file(entry->path, err);
}

enum status model_admin_remove(const struct state *state, const char *folders, struct str name,
                               char **out_name, struct error *err)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    model_catalog_read(state, folders, &catalog);
    const enum status found = catalog_find(&catalog, name, &entry, err);
    if (found == E_NOT_FOUND)
        return error_set(err, found,
                         "there is no model \"%.*s\"; 'holt models' lists what is at hand",
                         STR_ARG(str_slice(name, 0, 80)));
    TRY(found);
    if (entry->store != CATALOG_OWN)
        return error_set(err, E_DENIED,
                         "%s belongs to %s and is only used from there (%.300s); remove it with "
                         "what put it there",
                         entry->name, catalog_store_name(entry->store), entry->path);
    if (!entry->manifest) {
        TRY(remove_file(&catalog, entry, err));
    } else {
        TRY(unlink_file(entry->manifest, err));
        if (entry->path)
            model_admin_drop_blob(state, folders, entry->path);
    }
    if (out_name)
        *out_name = mem_copy_str(entry->name);
    return OK;
}

/* ---------------------------------------------------------------- blobs */

struct usage {
    const struct state *state;
    struct catalog catalog;
};

static bool is_used(void *context, const struct blob_digest *digest)
{
    const struct usage *usage = context;
    CLEANUP(mem_freep) char *path = blob_store_path(usage->state->models, digest);
    return catalog_find_user(&usage->catalog, path) != NULL;
}

void model_admin_drop_blob(const struct state *state, const char *folders, const char *path)
{
    struct usage usage = {.state = state};
    struct blob_digest digest;
    if (!blob_store_is_blob(state->models, path, &digest))
        return;
    model_catalog_read(state, folders, &usage.catalog);
    if (usage.catalog.unreadable_count == 0 && !is_used(&usage, &digest))
        (void)file_remove(path);
    catalog_done(&usage.catalog);
}

void model_admin_prune(const struct state *state, const char *folders, uint64_t age_s)
{
    struct usage usage = {.state = state};
    model_catalog_read(state, folders, &usage.catalog);
    /* what a manifest uses that cannot be read is not known */
    if (usage.catalog.unreadable_count == 0 && usage.catalog.count < CATALOG_ENTRIES_MAX)
        blob_store_prune(state->models, age_s, is_used, &usage);
    catalog_done(&usage.catalog);
}
