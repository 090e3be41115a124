#include "cli/launch_backup.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/file_edit.h"
#include "os/path.h"
#include "text/json.h"

#include <sodium.h>
#include <stdio.h>

enum {
    DIGEST_CHARS = 2 * crypto_hash_sha256_BYTES,
    NAME_DIGITS = 16,
    NAME_BYTES = 64,
    MODE_BITS = 0777,
};

/* Owned. Zeroed: nothing is recorded. */
struct record {
    json_t *object;
    struct str path;
    struct str before; /* name of the backup */
    bool existed;
    unsigned mode;
};

static void record_done(struct record *record)
{
    json_decref(record->object);
    *record = (struct record){0};
}

static void digest_of(struct str bytes, char out[DIGEST_CHARS + 1])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)(bytes.ptr ? bytes.ptr : ""), bytes.len);
    sodium_bin2hex(out, DIGEST_CHARS + 1, digest, sizeof(digest));
}

static char *in_folder(const char *folder, struct str name)
{
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/", folder);
    strbuf_add_str(&path, name);
    return strbuf_take(&path);
}

/* Records are ours, but lie on a disk: a name must not lead elsewhere. */
static enum status record_parse(struct str text, const char *path, struct record *out,
                                struct error *err)
{
    CLEANUP(record_done) struct record record = {0};
    const json_t *mode = NULL;
    TRY(json_parse(text, NULL, &record.object, err));
    mode = json_object_get(record.object, "mode");
    record.existed = json_is_true(json_object_get(record.object, "existed"));
    record.mode = (unsigned)json_integer_value(mode) & MODE_BITS;
    if (!json_member_str(record.object, "path", &record.path) || record.path.len == 0 ||
        record.path.ptr[0] != '/' || !json_member_str(record.object, "before", &record.before) ||
        !str_starts_with(record.before, STR("before-")) ||
        str_find_char(record.before, '/', 0) != SIZE_MAX || !json_is_integer(mode) ||
        !json_is_array(json_object_get(record.object, "written")))
        return error_set(err, E_FORMAT, "%s is damaged", path);
    *out = record;
    record = (struct record){0};
    return OK;
}

/* A missing one is zeroed. */
static enum status record_load(const char *folder, struct record *out, struct error *err)
{
    CLEANUP(mem_freep) char *path = path_join(folder, "record.json");
    CLEANUP(strbuf_done) struct strbuf text = {0};
    *out = (struct record){0};
    if (path_kind(path) == PATH_MISSING)
        return OK;
    TRY(file_read(path, LAUNCH_BACKUP_FILE_MAX, &text, err));
    return record_parse(strbuf_view(&text), path, out, err);
}

static bool record_has_written(const struct record *record, struct str bytes)
{
    char digest[DIGEST_CHARS + 1];
    size_t i = 0;
    json_t *value = NULL;
    digest_of(bytes, digest);
    json_array_foreach(json_object_get(record->object, "written"), i, value)
    {
        if (str_equal_c(json_str(value), digest))
            return true;
    }
    return false;
}

static enum status record_save(const char *folder, const json_t *object, struct error *err)
{
    CLEANUP(mem_freep) char *path = path_join(folder, "record.json");
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(object, &text);
    strbuf_add_char(&text, '\n');
    return file_write(path, strbuf_view(&text), err);
}

enum status launch_backup_read(const char *path, struct strbuf *out, struct error *err)
{
    struct file_edit_state state;
    TRY(file_edit_look(path, &state, err));
    return state.exists ? file_read(path, LAUNCH_BACKUP_FILE_MAX, out, err) : OK;
}

/* Keeps the bytes and makes a new record. */
static enum status begin_record(const char *folder, const char *path, struct str before,
                                const struct file_edit_state *state, struct record *out,
                                struct error *err)
{
    char digest[DIGEST_CHARS + 1];
    char name[NAME_BYTES];
    digest_of(before, digest);
    snprintf(name, sizeof(name), "before-%.*s", NAME_DIGITS, digest);
    CLEANUP(mem_freep) char *kept = path_join(folder, name);
    TRY(file_write(kept, before, err));
    record_done(out);
    out->object =
        json_pack("{s:s, s:b, s:i, s:s, s:[]}", "path", path, "existed", (int)state->exists, "mode",
                  (int)state->mode, "before", name, "written");
    if (!out->object)
        return error_set(err, E_FORMAT, "the name %s is no UTF-8", path);
    return OK;
}

enum status launch_backup_change(const char *folder, const char *path, struct str before,
                                 struct str text, bool *out_changed, struct error *err)
{
    CLEANUP(record_done) struct record record = {0};
    CLEANUP(strbuf_done) struct strbuf now = {0};
    struct file_edit_state state;
    char digest[DIGEST_CHARS + 1];
    TRY(file_edit_look(path, &state, err));
    TRY(launch_backup_read(path, &now, err));
    if (!str_equal(strbuf_view(&now), before))
        return error_set(err, E_BUSY, "%s was changed just now by another program", path);
    *out_changed = !state.exists || !str_equal(before, text);
    if (!*out_changed)
        return OK;
    TRY(file_make_folder(folder, err));
    TRY(record_load(folder, &record, err));
    if (!record.object || !str_equal_c(record.path, path) || !record_has_written(&record, before) ||
        !state.exists)
        TRY(begin_record(folder, path, before, &state, &record, err));
    json_t *written = json_object_get(record.object, "written");
    digest_of(text, digest);
    json_array_append_new(written, json_string(digest));
    if (json_array_size(written) > LAUNCH_BACKUP_WRITTEN_MAX)
        json_array_remove(written, 0);
    TRY(record_save(folder, record.object, err));
    return file_edit_write(path, text, state.mode, err);
}

/* Puts the bytes back, unless they are there. */
static enum status put_back(const char *folder, const char *path, const struct record *record,
                            struct str before, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf now = {0};
    struct file_edit_state state;
    TRY(file_edit_look(path, &state, err));
    TRY(launch_backup_read(path, &now, err));
    const bool is_as_before =
        state.exists == record->existed && str_equal(strbuf_view(&now), before);
    if (is_as_before)
        return OK;
    if (!state.exists || !record_has_written(record, strbuf_view(&now)))
        return error_set(err, E_INVALID,
                         "%.200s was changed after holt changed it and stays as it is; what it was "
                         "before is %.200s/%.*s",
                         path, folder, STR_ARG(record->before));
    return record->existed ? file_edit_write(path, before, record->mode, err)
                           : file_edit_remove(path, err);
}

enum status launch_backup_restore(const char *folder, char **out_path, struct error *err)
{
    CLEANUP(record_done) struct record record = {0};
    CLEANUP(strbuf_done) struct strbuf before = {0};
    TRY(record_load(folder, &record, err));
    if (!record.object)
        return error_set(err, E_NOT_FOUND, "there is nothing to undo");
    CLEANUP(mem_freep) char *kept = in_folder(folder, record.before);
    CLEANUP(strbuf_done) struct strbuf path = {0};
    CLEANUP(mem_freep) char *note = path_join(folder, "record.json");
    strbuf_add_str(&path, record.path);
    TRY(file_read(kept, LAUNCH_BACKUP_FILE_MAX, &before, err));
    TRY(put_back(folder, strbuf_c(&path), &record, strbuf_view(&before), err));
    TRY(file_edit_remove(note, err));
    TRY(file_edit_remove(kept, err));
    *out_path = strbuf_take(&path);
    return OK;
}
