#include "cli/model_create.h"

#include "api/field.h"
#include "api/model_settings.h"
#include "base/mem.h"
#include "catalog/model_manifest.h"
#include "cli/model_admin.h"
#include "cli/model_catalog.h"
#include "cli/model_name.h"
#include "cli/state.h"
#include "os/file.h"
#include "os/file_take.h"
#include "os/path.h"
#include "text/json.h"

/* One model on its way. */
struct making {
    const struct state *state;
    const char *folders;
    const json_t *body;
    const char *path; /* of the weights; NULL: as the body says */
    struct catalog catalog;
    struct model_manifest manifest;
    const json_t *base; /* settings of what it is made from; NULL: none */
};

static void making_done(struct making *making)
{
    catalog_done(&making->catalog);
    model_manifest_done(&making->manifest);
}

/* ---------------------------------------------------------------- the weights */

static struct str plain(struct str name)
{
    const struct str latest = STR(":latest");
    return str_ends_with(name, latest) ? str_slice(name, 0, name.len - latest.len) : name;
}

static enum status use_entry(struct making *making, const struct catalog_entry *entry,
                             struct error *err)
{
    struct model_manifest *manifest = &making->manifest;
    making->base = entry->settings;
    if (!entry->path)
        manifest->is_builtin = true;
    else if (blob_store_is_blob(making->state->models, entry->path, &manifest->blob))
        manifest->has_blob = true;
    else
        return path_real(entry->path, &manifest->file, err);
    return OK;
}

static enum status use_model(struct making *making, struct str from, struct error *err)
{
    const struct catalog_entry *entry = NULL;
    from = plain(from);
    if (str_equal_c(from, MODEL_NAME_BUILTIN)) {
        making->manifest.is_builtin = true;
        return OK;
    }
    const enum status status = catalog_find(&making->catalog, from, &entry, err);
    if (status == E_NOT_FOUND)
        return error_set(err, E_NOT_FOUND,
                         "there is no model \"%.*s\" to make it from: holt pull it first",
                         STR_ARG(field_shown(from)));
    return status == OK ? use_entry(making, entry, err) : status;
}

static enum status use_blob(struct making *making, const json_t *files, struct error *err)
{
    struct blob_digest *digest = &making->manifest.blob;
    const char *name = NULL;
    json_t *value = NULL;
    if (json_object_size(files) != 1)
        return error_set(err, E_UNSUPPORTED, "a model is made from one file, and files has %zu",
                         json_object_size(files));
    json_object_foreach((json_t *)(uintptr_t)files, name, value)
        TRY(blob_store_digest(json_str(value), digest, err));
    if (!blob_store_has(making->state->models, digest))
        return error_set(err, E_NOT_FOUND, "the file sha256:%.12s... was not uploaded",
                         digest->hex);
    CLEANUP(mem_freep) char *path = blob_store_path(making->state->models, digest);
    if (!file_begins_with(path, "GGUF"))
        return error_set(err, E_FORMAT, "\"%.*s\" is not a model file (GGUF)",
                         STR_ARG(field_shown(str_from_c(name))));
    making->manifest.has_blob = true;
    return OK;
}

static enum status find_weights(struct making *making, struct error *err)
{
    const json_t *files = json_object_get(making->body, "files");
    struct str from = {0};
    TRY(field_str(making->body, "from", &from, err));
    if (files && !json_is_null(files) && !json_is_object(files))
        return error_set(err, E_INVALID, "files is not an object");
    const bool has_files = json_object_size(files) > 0;
    if (making->path) {
        making->manifest.has_blob = true;
        return blob_store_take(making->state->models, making->path, &making->manifest.blob, err);
    }
    if (has_files && from.len > 0)
        return error_set(err, E_INVALID, "a model is made from another or from files, not both");
    if (has_files)
        return use_blob(making, files, err);
    if (from.len == 0)
        return error_set(err, E_INVALID,
                         "neither \"from\" nor \"files\" says what to make it from");
    return use_model(making, from, err);
}

/* ---------------------------------------------------------------- names */

static enum status read_name(struct making *making, struct error *err)
{
    CLEANUP(mem_freep) char *file_name = NULL;
    struct str name = {0};
    if (!json_member_str(making->body, "model", &name) || name.len == 0)
        (void)json_member_str(making->body, "name", &name);
    name = plain(name);
    if (name.len == 0)
        return error_set(err, E_INVALID, "model is missing");
    TRY(model_manifest_file_name(name, &file_name, err));
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == '\\' || name.ptr[i] == 0x7f)
            return error_set(err, E_INVALID, "a model's name has no white space in it");
    if (str_equal_c(name, MODEL_NAME_BUILTIN))
        return error_set(err, E_INVALID, "\"builtin\" is the model inside the program");
    if (str_starts_with(name, STR("claude-")))
        return error_set(err, E_INVALID,
                         "names that begin with claude- mean the model that is "
                         "served by default");
    if (str_starts_with(name, STR("/")) || str_starts_with(name, STR("./")) ||
        str_starts_with(name, STR("../")) || str_ends_with(name, STR(".gguf")))
        return error_set(err, E_INVALID, "\"%.*s\" would be taken for a path",
                         STR_ARG(field_shown(name)));
    making->manifest.name = mem_zalloc(name.len + 1);
    memcpy(making->manifest.name, name.ptr, name.len);
    return OK;
}

/* A file of that name is not hidden by a made model. */
static enum status check_free(const struct making *making, struct error *err)
{
    for (size_t i = 0; i < making->catalog.count; i++) {
        const struct catalog_entry *entry = &making->catalog.entries[i];
        if (entry->store == CATALOG_OWN && !entry->manifest &&
            strcmp(entry->name, making->manifest.name) == 0)
            return error_set(err, E_INVALID,
                             "there is a model file %s already: holt rm it, or give another name",
                             making->manifest.name);
    }
    return OK;
}

/* The made model of that name that is replaced, or NULL. */
static const struct catalog_entry *find_made(const struct making *making)
{
    for (size_t i = 0; i < making->catalog.count; i++)
        if (making->catalog.entries[i].manifest &&
            strcmp(making->catalog.entries[i].name, making->manifest.name) == 0)
            return &making->catalog.entries[i];
    return NULL;
}

/* ---------------------------------------------------------------- all of it */

static enum status make(struct making *making, bool *out_ignores_template, struct error *err)
{
    CLEANUP(json_decrefp) json_t *own = NULL;
    struct str from = {0};
    if (!json_is_object(making->body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(read_name(making, err));
    TRY(model_settings_read(making->body, &own, err));
    TRY(file_make_folder(making->state->models, err));
    model_catalog_read(making->state, making->folders, &making->catalog);
    TRY(check_free(making, err));
    TRY(find_weights(making, err));
    const struct catalog_entry *before = find_made(making);
    making->manifest.settings = model_settings_merge(making->base, own);
    TRY(field_str(making->body, "from", &from, err));
    if (from.len > 0)
        json_object_set_new(making->manifest.settings, "from", json_stringn(from.ptr, from.len));
    if (out_ignores_template)
        *out_ignores_template = json_is_true(json_object_get(own, "ignored_template"));
    TRY(model_manifest_write(&making->manifest, making->state->models, err));
    if (before && before->path)
        model_admin_drop_blob(making->state, making->folders, before->path);
    return OK;
}

enum status model_create_from_file(const struct state *state, const char *folders,
                                   const json_t *body, const char *path, bool *out_ignores_template,
                                   struct error *err)
{
    CLEANUP(making_done)
    struct making making = {.state = state, .folders = folders, .body = body, .path = path};
    return make(&making, out_ignores_template, err);
}

enum status model_create(const struct state *state, const char *folders, const json_t *body,
                         bool *out_ignores_template, struct error *err)
{
    return model_create_from_file(state, folders, body, NULL, out_ignores_template, err);
}
