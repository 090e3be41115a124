/*
 * catalog_hub - models in the cache of Hugging Face's tools: snapshots of repositories, links into
 * its blobs.
 *
 * Threads: any; no state.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/catalog_internal.h"
#include "os/folder.h"
#include "os/path.h"

#include <ctype.h>
#include <string.h>

/* Whether the part of a file name is a quantization: "Q4_K_M", "IQ3_XXS", "BF16", "MXFP4". */
static bool is_quantization(struct str part)
{
    static const char *const plain[] = {"f16", "bf16", "f32", "mxfp4", "fp16", "nvfp4"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (part.len == strlen(plain[i]) && strncasecmp(part.ptr, plain[i], part.len) == 0)
            return true;
    size_t at = part.len > 0 && tolower((unsigned char)part.ptr[0]) == 'i' ? 1 : 0;
    if (at == 0 && part.len > 1 && tolower((unsigned char)part.ptr[0]) == 't')
        at = 1;
    return part.len > at + 1 && tolower((unsigned char)part.ptr[at]) == 'q' &&
           isdigit((unsigned char)part.ptr[at + 1]);
}

/* The tag of a file: its quantization, with "UD-" in front if it has that, else all of it. */
struct str catalog_quantization(struct str stem)
{
    size_t begin = stem.len;
    while (begin > 0 && stem.ptr[begin - 1] != '-' && stem.ptr[begin - 1] != '.')
        begin--;
    if (begin == 0 || !is_quantization(str_slice(stem, begin, stem.len)))
        return stem;
    if (str_ends_with(str_slice(stem, 0, begin), STR("-UD-")))
        begin -= 3;
    return str_slice(stem, begin, stem.len);
}

/* Files of one snapshot, and of folders in it. */
static void add_files(struct catalog *catalog, const char *repository, const char *folder,
                      bool goes_down)
{
    CLEANUP(folder_list_done) struct folder_list files = {0};
    folder_list_read(folder, CATALOG_NAMES_MAX, &files);
    for (size_t i = 0; i < files.count; i++) {
        CLEANUP(mem_freep) char *path = path_join(folder, files.names[i]);
        const size_t stem = catalog_stem(files.names[i]);
        if (stem > 0) {
            CLEANUP(strbuf_done) struct strbuf name = {0};
            const struct str tag = catalog_quantization((struct str){files.names[i], stem});
            strbuf_addf(&name, "%s:%.*s", repository, STR_ARG(tag));
            catalog_add(catalog, CATALOG_HUGGING_FACE, strbuf_c(&name), path);
        } else if (goes_down && path_kind(path) == PATH_FOLDER) {
            add_files(catalog, repository, path, false);
        }
    }
}

static void add_repository(struct catalog *catalog, const char *hub, const char *folder_name)
{
    const struct str prefix = STR("models--");
    struct str rest = str_from_c(folder_name);
    CLEANUP(strbuf_done) struct strbuf repository = {0};
    CLEANUP(folder_list_done) struct folder_list snapshots = {0};
    if (!str_starts_with(rest, prefix))
        return;
    rest = str_slice(rest, prefix.len, rest.len);
    const size_t between = str_find(rest, STR("--"), 0);
    if (between == SIZE_MAX)
        return;
    strbuf_addf(&repository, "%.*s/%.*s", STR_ARG(str_slice(rest, 0, between)),
                STR_ARG(str_slice(rest, between + 2, rest.len)));
    CLEANUP(mem_freep) char *folder = path_join(hub, folder_name);
    CLEANUP(mem_freep) char *all = path_join(folder, "snapshots");
    folder_list_read(all, CATALOG_NAMES_MAX, &snapshots);
    const size_t before = catalog->count;
    for (size_t i = 0; i < snapshots.count; i++) { /* files of several revisions: the first found */
        CLEANUP(mem_freep) char *snapshot = path_join(all, snapshots.names[i]);
        if (catalog->count == before)
            add_files(catalog, strbuf_c(&repository), snapshot, true);
    }
}

void catalog_read_hub(struct catalog *catalog, const char *folder)
{
    CLEANUP(folder_list_done) struct folder_list names = {0};
    folder_list_read(folder, CATALOG_NAMES_MAX, &names);
    for (size_t i = 0; i < names.count; i++)
        add_repository(catalog, folder, names.names[i]);
}
