#include "catalog/catalog.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/catalog_internal.h"
#include "catalog/model_manifest.h"
#include "os/folder.h"
#include "os/path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *catalog_store_name(enum catalog_store store)
{
    static const char *const names[] = {"holt", "folder", "ollama", "huggingface"};
    return names[store];
}

/* ---------------------------------------------------------------- reading */

void catalog_add(struct catalog *catalog, enum catalog_store store, const char *name,
                 const char *path)
{
    struct stat info;
    if (catalog->count == CATALOG_ENTRIES_MAX || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    if (!catalog->entries)
        catalog->entries = mem_zalloc(CATALOG_ENTRIES_MAX * sizeof(*catalog->entries));
    catalog->entries[catalog->count++] = (struct catalog_entry){
        .name = mem_copy_str(name),
        .path = mem_copy_str(path),
        .store = store,
        .size_bytes = (uint64_t)info.st_size,
        .modified_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000,
    };
}

/* The model of a manifest, unless its weights are gone. */
static void add_manifest(struct catalog *catalog, const char *models, const char *path)
{
    CLEANUP(model_manifest_done) struct model_manifest manifest = {0};
    struct error ignored = {0};
    if (model_manifest_read(path, &manifest, &ignored) != OK) {
        catalog->unreadable_count++;
        return;
    }
    CLEANUP(mem_freep) char *weights = model_manifest_weights(&manifest, models);
    const size_t before = catalog->count;
    catalog_add(catalog, CATALOG_OWN, manifest.name, weights ? weights : path);
    if (catalog->count == before)
        return;
    struct catalog_entry *entry = &catalog->entries[before];
    entry->manifest = mem_copy_str(path);
    entry->settings = json_incref(manifest.settings);
    if (weights)
        return;
    mem_free(entry->path);
    entry->path = NULL;
    entry->size_bytes = 0;
}

static void read_manifests(struct catalog *catalog, const char *models)
{
    CLEANUP(folder_list_done) struct folder_list files = {0};
    folder_list_read(models, CATALOG_NAMES_MAX, &files);
    for (size_t i = 0; i < files.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(models, files.names[i]);
        if (model_manifest_is_file_name(files.names[i]))
            add_manifest(catalog, models, path);
    }
}

size_t catalog_stem(const char *file_name)
{
    const struct str name = str_from_c(file_name);
    const struct str suffix = STR(".gguf");
    const struct str first = STR("-00001-of-");
    if (!str_ends_with(name, suffix) || str_starts_with(name, STR("mmproj")))
        return 0;
    const size_t stem = name.len - suffix.len;
    const size_t part_len = strlen("-00001-of-00002");
    if (stem <= part_len || str_find(name, STR("-of-"), 0) != stem - strlen("-of-00002"))
        return stem;
    const size_t begin = stem - part_len;
    return str_starts_with(str_slice(name, begin, stem), first) ? begin : 0;
}

bool catalog_model_stem(struct str file_name, struct str *out)
{
    const struct str suffix = STR(".gguf");
    if (!str_ends_with(file_name, suffix) || str_starts_with(file_name, STR("mmproj")))
        return false;
    *out = str_slice(file_name, 0, file_name.len - suffix.len);
    const size_t part_len = strlen("-00001-of-00002");
    if (out->len > part_len && str_find(*out, STR("-of-"), 0) == out->len - strlen("-of-00002") &&
        out->ptr[out->len - part_len] == '-')
        *out = str_slice(*out, 0, out->len - part_len);
    return true;
}

void catalog_read_folder(struct catalog *catalog, enum catalog_store store, const char *folder)
{
    CLEANUP(folder_list_done) struct folder_list files = {0};
    folder_list_read(folder, CATALOG_NAMES_MAX, &files);
    for (size_t i = 0; i < files.count; i++) {
        const size_t stem = catalog_stem(files.names[i]);
        if (stem == 0)
            continue;
        CLEANUP(mem_freep) char *path = path_join(folder, files.names[i]);
        files.names[i][stem] = '\0';
        catalog_add(catalog, store, files.names[i], path);
    }
}

static int compare_entries(const void *a, const void *b)
{
    const struct catalog_entry *x = a;
    const struct catalog_entry *y = b;
    if (x->store != y->store)
        return x->store < y->store ? -1 : 1;
    return strcmp(x->name, y->name);
}

void catalog_read(const struct catalog_places *places, struct catalog *out)
{
    *out = (struct catalog){0};
    if (places->own) {
        catalog_read_folder(out, CATALOG_OWN, places->own);
        read_manifests(out, places->own);
    }
    for (size_t i = 0; i < places->folder_count; i++)
        catalog_read_folder(out, CATALOG_FOLDER, places->folders[i]);
    if (places->ollama)
        catalog_read_ollama(out, places->ollama);
    if (places->hugging_face)
        catalog_read_hub(out, places->hugging_face);
    if (out->count > 0)
        qsort(out->entries, out->count, sizeof(*out->entries), compare_entries);
}

void catalog_done(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        mem_free(catalog->entries[i].name);
        mem_free(catalog->entries[i].path);
        mem_free(catalog->entries[i].manifest);
        json_decref(catalog->entries[i].settings);
    }
    mem_free(catalog->entries);
    *catalog = (struct catalog){0};
}

/* ---------------------------------------------------------------- finding */

static bool equal_but_for_case(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower((unsigned char)a.ptr[i]) != tolower((unsigned char)b.ptr[i]))
            return false;
    return true;
}

static struct str without_hub(struct str name)
{
    static const char *const hosts[] = {"hf.co/", "huggingface.co/"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        const struct str host = str_from_c(hosts[i]);
        if (str_starts_with(name, host))
            return str_slice(name, host.len, name.len);
    }
    return name;
}

/* "base:tag"; a colon before the last slash belongs to a host's port. */
static void split_tag(struct str name, struct str *out_base, struct str *out_tag)
{
    size_t colon = name.len;
    while (colon > 0 && name.ptr[colon - 1] != ':' && name.ptr[colon - 1] != '/')
        colon--;
    const bool has_tag = colon > 0 && name.ptr[colon - 1] == ':';
    *out_base = has_tag ? str_slice(name, 0, colon - 1) : name;
    *out_tag = has_tag ? str_slice(name, colon, name.len) : (struct str){0};
}

enum match { MATCH_NO, MATCH_LOOSE, MATCH_WHOLE };

static enum match match(const struct catalog_entry *entry, struct str name)
{
    struct str base, tag, own_base, own_tag;
    const struct str own = without_hub(str_from_c(entry->name));
    if (str_equal(own, name))
        return MATCH_WHOLE;
    split_tag(name, &base, &tag);
    split_tag(own, &own_base, &own_tag);
    if (!str_equal(base, own_base) || own_tag.len == 0)
        return MATCH_NO;
    if (tag.len > 0)
        return equal_but_for_case(tag, own_tag) ? MATCH_WHOLE : MATCH_NO;
    return str_equal_c(own_tag, "latest") ? MATCH_WHOLE : MATCH_LOOSE;
}

static enum status ambiguous(const struct catalog *catalog, struct str name,
                             enum catalog_store store, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf list = {0};
    for (size_t i = 0; i < catalog->count && list.len < 200; i++)
        if (catalog->entries[i].store == store && match(&catalog->entries[i], name) == MATCH_LOOSE)
            strbuf_addf(&list, "%s%s", list.len ? ", " : "", catalog->entries[i].name);
    return error_set(err, E_INVALID, "\"%.*s\" could be one of %s: say which",
                     STR_ARG(str_slice(name, 0, 80)), strbuf_c(&list));
}

enum status catalog_find(const struct catalog *catalog, struct str name,
                         const struct catalog_entry **out, struct error *err)
{
    const struct catalog_entry *loose = NULL;
    name = without_hub(name);
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *entry = &catalog->entries[i];
        const enum match found = match(entry, name);
        if (found == MATCH_WHOLE) {
            *out = entry;
            return OK;
        }
        if (found == MATCH_NO)
            continue;
        if (loose && loose->store == entry->store)
            return ambiguous(catalog, name, entry->store, err);
        loose = loose ? loose : entry;
    }
    *out = loose;
    if (loose)
        return OK;
    return error_set(err, E_NOT_FOUND, "there is no model \"%.*s\"",
                     STR_ARG(str_slice(name, 0, 80)));
}

/* ---------------------------------------------------------------- made models */

static bool is_same_path(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool has_template(const struct catalog_entry *entry)
{
    return json_string_length(json_object_get(entry->settings, "template")) > 0;
}

const struct catalog_entry *catalog_loaded_as(const struct catalog *catalog,
                                              const struct catalog_entry *entry)
{
    if (!entry->manifest || has_template(entry))
        return entry;
    const struct catalog_entry *made = NULL;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *other = &catalog->entries[i];
        if (!is_same_path(other->path, entry->path) || has_template(other))
            continue;
        if (!other->manifest)
            return other;
        made = made ? made : other;
    }
    return made;
}

const struct catalog_entry *catalog_find_user(const struct catalog *catalog, const char *path)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->entries[i].manifest && is_same_path(catalog->entries[i].path, path))
            return &catalog->entries[i];
    return NULL;
}
