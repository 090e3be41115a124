/*
 * catalog_ollama - models in Ollama's store: manifests name blobs by their digest.
 *
 * Threads: any; no state.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/catalog_internal.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "text/json.h"

#include <stdio.h>

enum { DEPTH = 4, DIGEST_LEN = 71, NAME_BYTES_MAX = 512 }; /* host/space/model/tag; "sha256:..." */

static const char MODEL_LAYER[] = "application/vnd.ollama.image.model";

/* "sha256:" and 64 hexadecimal digits; the file's name has "-" for ":". */
static bool blob_name(struct str digest, char out[DIGEST_LEN + 1])
{
    if (digest.len != DIGEST_LEN || !str_starts_with(digest, STR("sha256:")))
        return false;
    for (size_t i = 7; i < digest.len; i++) {
        const char c = digest.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    snprintf(out, DIGEST_LEN + 1, "sha256-%.*s", STR_ARG(str_slice(digest, 7, digest.len)));
    return true;
}

/* Where the weights of a manifest are; false: it has none. */
static bool find_blob(const char *manifest, char out[DIGEST_LEN + 1])
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *value = NULL;
    if (file_read(manifest, CATALOG_MANIFEST_BYTES_MAX, &text, NULL) != OK ||
        json_parse(strbuf_view(&text), NULL, &value, NULL) != OK)
        return false;
    size_t index = 0;
    const json_t *layer = NULL;
    json_array_foreach(json_object_get(value, "layers"), index, layer)
    {
        struct str type = {0};
        struct str digest = {0};
        if (json_member_str(layer, "mediaType", &type) && str_equal_c(type, MODEL_LAYER) &&
            json_member_str(layer, "digest", &digest))
            return blob_name(digest, out);
    }
    return false;
}

/* As Ollama shows it: its own registry and the library go without saying. */
static void write_name(char *const parts[DEPTH], char out[NAME_BYTES_MAX])
{
    const bool is_default = strcmp(parts[0], "registry.ollama.ai") == 0;
    const bool is_library = is_default && strcmp(parts[1], "library") == 0;
    snprintf(out, NAME_BYTES_MAX, "%s%s%s%s%s:%s", is_default ? "" : parts[0],
             is_default ? "" : "/", is_library ? "" : parts[1], is_library ? "" : "/", parts[2],
             parts[3]);
}

static void add_manifest(struct catalog *catalog, const char *store, const char *manifest,
                         char *const parts[DEPTH])
{
    char blob[DIGEST_LEN + 1];
    char name[NAME_BYTES_MAX];
    if (!find_blob(manifest, blob))
        return;
    CLEANUP(mem_freep) char *blobs = path_join(store, "blobs");
    CLEANUP(mem_freep) char *path = path_join(blobs, blob);
    write_name(parts, name);
    catalog_add(catalog, CATALOG_OLLAMA, name, path);
}

/* Folders `depth` deep so far, named by `parts`. */
static void walk(struct catalog *catalog, const char *store, const char *path, char *parts[DEPTH],
                 size_t depth)
{
    CLEANUP(folder_list_done) struct folder_list names = {0};
    folder_list_read(path, CATALOG_NAMES_MAX, &names);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(mem_freep) char *below = path_join(path, names.names[i]);
        parts[depth] = names.names[i];
        if (depth + 1 == DEPTH)
            add_manifest(catalog, store, below, parts);
        else if (path_kind(below) == PATH_FOLDER)
            walk(catalog, store, below, parts, depth + 1);
    }
}

void catalog_read_ollama(struct catalog *catalog, const char *folder)
{
    char *parts[DEPTH] = {NULL};
    CLEANUP(mem_freep) char *manifests = path_join(folder, "manifests");
    walk(catalog, folder, manifests, parts, 0);
}
