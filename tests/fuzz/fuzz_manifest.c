/*
 * fuzz_manifest - any bytes as what names a model's files: a hub's list of files, a registry's
 * manifest, a manifest in Ollama's store, one of holt's own, and a name for one.
 *
 * Each is read or refused with one sentence. What is read leads nowhere else: files get names of
 * harmless characters in the folder they belong to, addresses stay with the service that was asked,
 * a digest is one.
 *
 * The first byte ("0" to "4") picks the kind; hub and registry have the name that was asked for up
 * to the first end of a line, and then the answer.
 */
#include "base/check.h"
#include "base/strbuf.h"
#include "catalog/catalog.h"
#include "catalog/model_manifest.h"
#include "cli/pull_source.h"
#include "tests/fuzz/scratch.h"
#include "text/json.h"

#include <ctype.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define HUB      "https://hub.example"
#define REGISTRY "https://registry.example"
#define BLOB     "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---------------------------------------------------------------- what a service answers */

static bool is_harmless(const char *text, const char *others)
{
    for (const char *at = text; *at; at++)
        if (!(isascii(*at) && isalnum(*at)) && !strchr(others, *at))
            return false;
    return true;
}

static void check_digest(const char *digest)
{
    CHECK(strlen(digest) == PULL_SOURCE_DIGEST_LEN);
    CHECK(strspn(digest, "0123456789abcdef") == PULL_SOURCE_DIGEST_LEN);
}

static void check_plan(const struct pull_plan *plan, const char *service, bool is_from_hub)
{
    CHECK(plan->count > 0 && plan->count <= PULL_SOURCE_FILES_MAX && plan->model && *plan->model);
    for (size_t i = 0; i < plan->count; i++) {
        const struct pull_file *file = &plan->files[i];
        const struct str url = str_from_c(file->url);
        CHECK(is_harmless(file->name, "._-:") && file->name[0] != '.');
        CHECK(str_ends_with(str_from_c(file->name), STR(".gguf")));
        CHECK(str_starts_with(url, str_from_c(service)) && url.ptr[strlen(service)] == '/');
        CHECK(is_harmless(file->url + strlen("https:"), "._-:/"));
        CHECK(str_find(url, STR("/."), 0) == SIZE_MAX); /* no part is "..", none is hidden */
        check_digest(file->sha256);
        CHECK(file->is_from_hub == is_from_hub); /* whose token goes with it */
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(plan->files[k].name, file->name) != 0);
    }
}

static void read_answer(struct str input, bool is_hub)
{
    static const struct pull_source_config config = {.hub = HUB, .registry = REGISTRY};
    CLEANUP(pull_source_done) struct pull_plan plan = {0};
    CLEANUP(json_decrefp) json_t *answer = NULL;
    struct error err = {0};
    const struct str name = str_split(&input, '\n');
    if (json_parse(input, NULL, &answer, &err) != OK)
        return;
    const enum status status = is_hub
                                   ? pull_source_read_tree(&config, name, answer, &plan, &err)
                                   : pull_source_read_manifest(&config, name, answer, &plan, &err);
    if (status == OK)
        check_plan(&plan, is_hub ? HUB : REGISTRY, is_hub);
    else
        CHECK(err.text[0]);
}

/* ---------------------------------------------------------------- what lies in a folder */

/* A folder of models and a store of Ollama's, each with a blob. */
static void make_folder(void)
{
    static bool is_made;
    static const char *const folders[] = {"own", "own/blobs", "ollama", "ollama/blobs",
                                          "ollama/manifests/registry.ollama.ai/library/otter"};
    if (is_made)
        return;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        scratch_make_folder(folders[i]);
    scratch_write("own/blobs/" BLOB, STR("GGUF"));
    scratch_write("own/otter.gguf", STR("GGUF"));
    scratch_write("ollama/blobs/" BLOB, STR("GGUF"));
    is_made = true;
}

static void read_catalog(struct catalog *out)
{
    CLEANUP(mem_freep) char *own = scratch_path("own");
    CLEANUP(mem_freep) char *ollama = scratch_path("ollama");
    const struct catalog_places places = {.own = own, .ollama = ollama};
    catalog_read(&places, out);
}

/* Only the one blob can be meant. */
static void read_store(struct str manifest)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    CLEANUP(mem_freep) char *blob = scratch_path("ollama/blobs/" BLOB);
    scratch_write("own/a.manifest.json", STR("{}"));
    scratch_write("ollama/manifests/registry.ollama.ai/library/otter/latest", manifest);
    read_catalog(&catalog);
    CHECK(catalog.count <= 2);
    for (size_t i = 0; i < catalog.count; i++) {
        const struct catalog_entry *entry = &catalog.entries[i];
        CHECK(entry->store == CATALOG_OWN || strcmp(entry->path, blob) == 0);
        CHECK(entry->store == CATALOG_OWN || strcmp(entry->name, "otter:latest") == 0);
    }
}

/* What is read can be written, and is then the same. */
static void check_round_trip(const struct model_manifest *manifest)
{
    CLEANUP(mem_freep) char *own = scratch_path("own");
    CLEANUP(mem_freep) char *file_name = NULL;
    CLEANUP(model_manifest_done) struct model_manifest again = {0};
    CLEANUP(strbuf_done) struct strbuf name = {0};
    if (model_manifest_file_name(str_from_c(manifest->name), &file_name, NULL) != OK)
        return;
    CHECK(model_manifest_write(manifest, own, NULL) == OK);
    strbuf_addf(&name, "own/%s", file_name);
    CLEANUP(mem_freep) char *path = scratch_path(strbuf_c(&name));
    CHECK(model_manifest_read(path, &again, NULL) == OK);
    CHECK(strcmp(again.name, manifest->name) == 0);
    CHECK(json_equal(again.settings, manifest->settings));
    CHECK(again.has_blob == manifest->has_blob && again.is_builtin == manifest->is_builtin);
    CHECK(!again.has_blob || strcmp(again.blob.hex, manifest->blob.hex) == 0);
    CHECK(!again.file == !manifest->file);
    CHECK(!again.file || strcmp(again.file, manifest->file) == 0);
    CHECK(file_remove(path));
}

static void read_own(struct str text)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    CLEANUP(model_manifest_done) struct model_manifest manifest = {0};
    CLEANUP(mem_freep) char *path = scratch_path("own/a.manifest.json");
    CLEANUP(mem_freep) char *own = scratch_path("own");
    CLEANUP(mem_freep) char *blobs = scratch_path("own/blobs/");
    struct error err = {0};
    scratch_write("own/a.manifest.json", text);
    read_catalog(&catalog);
    CHECK(catalog.count >= 1 && catalog.count <= 3); /* otter is found whatever this one is */
    if (model_manifest_read(path, &manifest, &err) != OK) {
        CHECK(err.text[0] && catalog.unreadable_count == 1);
        return;
    }
    CHECK(manifest.name[0] && json_is_object(manifest.settings));
    CHECK(manifest.has_blob + (manifest.file != NULL) + manifest.is_builtin == 1);
    CLEANUP(mem_freep) char *weights = model_manifest_weights(&manifest, own);
    CHECK(!weights == manifest.is_builtin && (!weights || weights[0] == '/'));
    if (manifest.has_blob)
        CHECK(str_starts_with(str_from_c(weights), str_from_c(blobs)) &&
              !strchr(weights + strlen(blobs), '/'));
    check_round_trip(&manifest);
}

/* The byte behind a "%", or -1. */
static int hex_byte(const char *at)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *high = at[0] ? strchr(digits, at[0]) : NULL;
    const char *low = high && at[1] ? strchr(digits, at[1]) : NULL;
    return low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;
}

/* A file of its own for every name, in the folder and not hidden. */
static void check_name(struct str name)
{
    CLEANUP(mem_freep) char *file_name = NULL;
    CLEANUP(strbuf_done) struct strbuf back = {0};
    struct error err = {0};
    if (model_manifest_file_name(name, &file_name, &err) != OK) {
        CHECK(err.text[0]);
        return;
    }
    const size_t stem = strlen(file_name) - strlen(".manifest.json");
    CHECK(model_manifest_is_file_name(file_name) && stem > 0);
    CHECK(strlen(file_name) <= MODEL_MANIFEST_FILE_NAME_MAX);
    CHECK(file_name[0] != '.' && is_harmless(file_name, "._-%"));
    for (size_t i = 0; i < stem; i++) {
        if (file_name[i] != '%') {
            strbuf_add_char(&back, file_name[i]);
            continue;
        }
        const int byte = hex_byte(file_name + i + 1);
        CHECK(byte >= 0);
        strbuf_add_char(&back, (char)byte);
        i += 2;
    }
    CHECK(str_equal(strbuf_view(&back), name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    const struct str rest = {(const char *)bytes + 1, size - 1};
    make_folder();
    switch ((uint8_t)(bytes[0] - '0') % 5) {
    case 0: read_answer(rest, true); break;
    case 1: read_answer(rest, false); break;
    case 2: read_own(rest); break;
    case 3: read_store(rest); break;
    default: check_name(rest); break;
    }
    return 0;
}
