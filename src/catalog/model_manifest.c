#include "catalog/model_manifest.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"
#include "text/utf8.h"

enum { VERSION = 1 };

static const char SUFFIX[] = ".manifest.json";

void model_manifest_done(struct model_manifest *manifest)
{
    mem_free(manifest->name);
    mem_free(manifest->file);
    json_decref(manifest->settings);
    *manifest = (struct model_manifest){0};
}

/* ---------------------------------------------------------------- names */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

enum status model_manifest_file_name(struct str name, char **out, struct error *err)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < name.len; i++) {
        if (is_plain(name.ptr[i]) && (i > 0 || name.ptr[i] != '.'))
            strbuf_add_char(&text, name.ptr[i]);
        else
            strbuf_addf(&text, "%%%02X", (unsigned)(unsigned char)name.ptr[i]);
    }
    strbuf_add_c(&text, SUFFIX);
    if (name.len == 0 || text.len > MODEL_MANIFEST_FILE_NAME_MAX || !utf8_is_valid(name)) {
        strbuf_done(&text);
        return error_set(err, E_INVALID,
                         "a model's name is text of 1 to %d bytes, fewer if it has "
                         "other signs than letters and digits",
                         MODEL_MANIFEST_FILE_NAME_MAX - (int)strlen(SUFFIX));
    }
    *out = strbuf_take(&text);
    return OK;
}

bool model_manifest_is_file_name(const char *file_name)
{
    return str_ends_with(str_from_c(file_name), str_from_c(SUFFIX));
}

char *model_manifest_weights(const struct model_manifest *manifest, const char *models)
{
    if (manifest->has_blob)
        return blob_store_path(models, &manifest->blob);
    return manifest->file ? mem_copy_str(manifest->file) : NULL;
}

/* ---------------------------------------------------------------- reading */

static char *copy_text(struct str text)
{
    char *copy = mem_zalloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    return copy;
}

static enum status read_weights(const json_t *value, struct model_manifest *out, struct error *err)
{
    struct str text = {0};
    if (json_member_str(value, "blob", &text)) {
        TRY(blob_store_digest(text, &out->blob, err));
        out->has_blob = true;
        return OK;
    }
    if (json_member_str(value, "file", &text)) {
        if (!str_starts_with(text, STR("/")) || memchr(text.ptr, '\0', text.len))
            return error_set(err, E_FORMAT, "its file has no absolute path");
        out->file = copy_text(text);
        return OK;
    }
    out->is_builtin = json_is_true(json_object_get(value, "builtin"));
    return out->is_builtin ? OK : error_set(err, E_FORMAT, "it says nowhere where the weights are");
}

static enum status read_value(const json_t *value, struct model_manifest *out, struct error *err)
{
    const json_t *version = json_object_get(value, "holt_manifest");
    json_t *settings = json_object_get(value, "settings");
    struct str name = {0};
    if (!json_is_integer(version))
        return error_set(err, E_FORMAT, "it is no manifest of a model");
    if (json_integer_value(version) != VERSION)
        return error_set(err, E_FORMAT, "a later holt wrote it");
    if (!json_member_str(value, "name", &name) || name.len == 0 ||
        memchr(name.ptr, '\0', name.len) || !json_is_object(settings))
        return error_set(err, E_FORMAT, "it has no name or no settings");
    out->name = copy_text(name);
    out->settings = json_incref(settings);
    return read_weights(value, out, err);
}

enum status model_manifest_read(const char *path, struct model_manifest *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *value = NULL;
    CLEANUP(model_manifest_done) struct model_manifest manifest = {0};
    struct error why = {0};
    TRY(file_read(path, MODEL_MANIFEST_BYTES_MAX, &text, err));
    enum status status = json_parse(strbuf_view(&text), NULL, &value, &why);
    if (status == OK)
        status = read_value(value, &manifest, &why);
    if (status != OK)
        return error_set(err, status, "%.300s: %s", path, why.text);
    *out = manifest;
    manifest = (struct model_manifest){0};
    return OK;
}

/* ---------------------------------------------------------------- writing */

static json_t *value_of(const struct model_manifest *manifest)
{
    json_t *value = json_pack("{s:i, s:s, s:O}", "holt_manifest", VERSION, "name", manifest->name,
                              "settings", manifest->settings);
    if (manifest->has_blob)
        json_object_set_new(value, "blob", json_pack("s+", "sha256:", manifest->blob.hex));
    else if (manifest->file)
        json_object_set_new(value, "file", json_string(manifest->file));
    else
        json_object_set_new(value, "builtin", json_true());
    return value;
}

enum status model_manifest_write(const struct model_manifest *manifest, const char *models,
                                 struct error *err)
{
    CLEANUP(mem_freep) char *file_name = NULL;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    TRY(model_manifest_file_name(str_from_c(manifest->name), &file_name, err));
    CLEANUP(mem_freep) char *path = path_join(models, file_name);
    CLEANUP(json_decrefp) json_t *value = value_of(manifest);
    if (!value || (manifest->file && !json_object_get(value, "file")))
        return error_set(err, E_INVALID, "the path of the model's file is not text in UTF-8");
    json_write_python(value, &text);
    strbuf_add_char(&text, '\n');
    if (text.len > MODEL_MANIFEST_BYTES_MAX)
        return error_set(err, E_LIMIT, "the model's settings have more than %d bytes",
                         MODEL_MANIFEST_BYTES_MAX);
    return file_write(path, strbuf_view(&text), err);
}
