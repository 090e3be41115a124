/*
 * Models are found where other programs put them. What those wrote is untrusted: a manifest must
 * not be able to name a file outside of its store, and a name must mean one model or none.
 */
#include "catalog/catalog.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/path.h"
#include "tests/holt_test.h"

#include <sys/stat.h>
#include <unistd.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void put(const char *folder, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = path_join(folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(file_make_folder(path, err));
    *slash = '/';
    assert_ok(file_write(path, str_from_c(text), err));
}

static void put_manifest(const char *store, const char *name, const char *digest)
{
    char text[300];
    CLEANUP(mem_freep) char *path = path_join("manifests", name);
    snprintf(text, sizeof(text),
             "{\"layers\": [{\"mediaType\": \"application/vnd.ollama.image.license\", \"digest\": "
             "\"sha256:aa\"}, {\"mediaType\": \"application/vnd.ollama.image.model\", \"digest\": "
             "\"%s\"}]}",
             digest);
    put(store, path, text);
}

static void assert_name(const struct catalog *catalog, size_t index, enum catalog_store store,
                        const char *name)
{
    assert_true(index < catalog->count);
    assert_int_equal(catalog->entries[index].store, store);
    assert_string_equal(catalog->entries[index].name, name);
}

/* One model or more in each kind of store. */
static void read_stores(const char *folder, struct catalog *out)
{
    CLEANUP(mem_freep) char *own = path_join(folder, "own");
    CLEANUP(mem_freep) char *plain = path_join(folder, "plain");
    CLEANUP(mem_freep) char *ollama = path_join(folder, "ollama");
    CLEANUP(mem_freep) char *hub = path_join(folder, "hub");
    put(own, "otter.gguf", "x");
    put(own, "notes.txt", "x");
    put(own, ".hidden.gguf", "x");
    put(own, "mmproj-otter.gguf", "x");
    put(plain, "big-00001-of-00002.gguf", "x");
    put(plain, "big-00002-of-00002.gguf", "x");
    put(ollama, "blobs/sha256-" DIGEST, "weights");
    put_manifest(ollama, "registry.ollama.ai/library/qwen3/4b", "sha256:" DIGEST);
    put_manifest(ollama, "registry.ollama.ai/heron/fish/latest", "sha256:" DIGEST);
    put_manifest(ollama, "hf.co/org/repo/Q8_0", "sha256:" DIGEST);
    put(hub, "models--acme--Otter-GGUF/snapshots/r1/Otter-4B-Q4_K_M.gguf", "x");
    put(hub, "models--acme--Otter-GGUF/snapshots/r1/UD/Otter-4B-UD-IQ3_XXS.gguf", "x");
    put(hub, "models--acme--Plain/snapshots/r1/weights.gguf", "x");
    put(hub, "datasets--acme--Text/snapshots/r1/weights.gguf", "x");
    const char *const folders[] = {plain};
    const struct catalog_places places = {
        .own = own, .folders = folders, .folder_count = 1, .ollama = ollama, .hugging_face = hub};
    catalog_read(&places, out);
}

static void every_store_is_found_in_place(void **state)
{
    (void)state;
    CLEANUP(catalog_done) struct catalog catalog = {0};
    read_stores(test_folder(), &catalog);
    assert_int_equal(catalog.count, 8);
    assert_name(&catalog, 0, CATALOG_OWN, "otter");
    assert_name(&catalog, 1, CATALOG_FOLDER, "big");
    assert_true(strstr(catalog.entries[1].path, "big-00001-of-00002.gguf") != NULL);
    assert_name(&catalog, 2, CATALOG_OLLAMA, "heron/fish:latest");
    assert_name(&catalog, 3, CATALOG_OLLAMA, "hf.co/org/repo:Q8_0");
    assert_name(&catalog, 4, CATALOG_OLLAMA, "qwen3:4b");
    assert_int_equal(catalog.entries[4].size_bytes, strlen("weights"));
    assert_name(&catalog, 5, CATALOG_HUGGING_FACE, "acme/Otter-GGUF:Q4_K_M");
    assert_name(&catalog, 6, CATALOG_HUGGING_FACE, "acme/Otter-GGUF:UD-IQ3_XXS");
    assert_name(&catalog, 7, CATALOG_HUGGING_FACE, "acme/Plain:weights");
}

static void a_name_means_one_model_or_none(void **state)
{
    (void)state;
    CLEANUP(catalog_done) struct catalog catalog = {0};
    read_stores(test_folder(), &catalog);
    const struct {
        const char *name;
        enum status status;
        size_t index;
    } cases[] = {
        {"otter", OK, 0},
        {"big", OK, 1},
        {"heron/fish", OK, 2},
        {"hf.co/org/repo:q8_0", OK, 3},
        {"org/repo", OK, 3},
        {"qwen3:4b", OK, 4},
        {"qwen3", OK, 4},
        {"qwen3:8b", E_NOT_FOUND, 0},
        {"acme/Otter-GGUF", E_INVALID, 0},
        {"hf.co/acme/Otter-GGUF:q4_k_m", OK, 5},
        {"acme/Otter-GGUF:ud-iq3_xxs", OK, 6},
        {"acme/Plain", OK, 7},
        {"..", E_NOT_FOUND, 0},
        {"", E_NOT_FOUND, 0},
        {"otter.gguf", E_NOT_FOUND, 0},
        {"../own/otter", E_NOT_FOUND, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct catalog_entry *found = NULL;
        struct error err = {0};
        test_case(cases[i].name);
        assert_int_equal(catalog_find(&catalog, str_from_c(cases[i].name), &found, &err),
                         cases[i].status);
        if (cases[i].status == OK)
            assert_ptr_equal(found, &catalog.entries[cases[i].index]);
    }
    struct error err = {0};
    const struct catalog_entry *found = NULL;
    assert_int_equal(catalog_find(&catalog, STR("acme/Otter-GGUF"), &found, &err), E_INVALID);
    assert_non_null(strstr(err.text, "Q4_K_M, acme/Otter-GGUF:UD-IQ3_XXS"));
}

static void a_manifest_leads_nowhere_else(void **state)
{
    (void)state;
    const char *folder = test_folder();
    static const char *const digests[] = {
        "sha256:../../../secret",
        "sha256:",
        "",
        "md5:" DIGEST,
        "sha256:" DIGEST "0",
        "sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256-../89abcdef0123456789abcdef0123456789abcdef0123456789abcdef012345"};
    put(folder, "secret", "x");
    put(folder, "blobs/other", "x");
    for (size_t i = 0; i < ARRAY_LEN(digests); i++)
        put_manifest(folder, "registry.ollama.ai/library/bad/latest", digests[i]);
    put(folder, "manifests/registry.ollama.ai/library/broken/latest", "{\"layers\": [");
    put(folder, "manifests/registry.ollama.ai/library/list/latest", "[1, 2]");
    put(folder, "manifests/registry.ollama.ai/library/deep/er/latest", "{}");
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        CLEANUP(catalog_done) struct catalog catalog = {0};
        put_manifest(folder, "registry.ollama.ai/library/bad/latest", digests[i]);
        catalog_read(&(struct catalog_places){.ollama = folder}, &catalog);
        assert_int_equal(catalog.count, 0);
    }
}

static void what_is_not_there_is_empty(void **state)
{
    (void)state;
    const char *folder = test_folder();
    CLEANUP(mem_freep) char *missing = path_join(folder, "missing");
    CLEANUP(mem_freep) char *pipe = path_join(folder, "pipe.gguf");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    CLEANUP(catalog_done) struct catalog catalog = {0};
    catalog_read(&(struct catalog_places){.own = missing, .ollama = missing}, &catalog);
    assert_int_equal(catalog.count, 0);
    catalog_done(&catalog);
    catalog_read(&(struct catalog_places){.own = folder, .hugging_face = missing}, &catalog);
    assert_int_equal(catalog.count, 0); /* a pipe is no model */
    unlink(pipe);
}

int test_catalog(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_store_is_found_in_place),
        cmocka_unit_test(a_name_means_one_model_or_none),
        cmocka_unit_test(a_manifest_leads_nowhere_else),
        cmocka_unit_test(what_is_not_there_is_empty),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
