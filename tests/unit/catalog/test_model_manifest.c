/* Models that were made of others: written and read back, found by name, and loaded as what they
 * share. A manifest that is broken hides nothing else. */
#include "catalog/model_manifest.h"

#include "base/mem.h"
#include "catalog/catalog.h"
#include "os/file.h"
#include "os/path.h"
#include "tests/holt_test.h"
#include "text/json.h"

static void put(const char *folder, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = path_join(folder, name);
    assert_ok(file_make_folder(folder, err));
    assert_ok(file_write(path, str_from_c(text), err));
}

static void make(const char *models, const char *name, const char *file, const char *settings)
{
    struct model_manifest manifest = {.name = mem_copy_str(name), .is_builtin = !file};
    if (file)
        manifest.file = path_join(models, file);
    assert_ok(json_parse(str_from_c(settings), NULL, &manifest.settings, err));
    assert_ok(model_manifest_write(&manifest, models, err));
    model_manifest_done(&manifest);
}

static void file_names_lead_nowhere_else(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file;
    } rows[] = {
        {"otter", "otter.manifest.json"},
        {"acme/Otter:Q4_K_M", "acme%2FOtter%3AQ4_K_M.manifest.json"},
        {"../otter", "%2E.%2Fotter.manifest.json"},
        {".hidden", "%2Ehidden.manifest.json"},
        {"a%b", "a%25b.manifest.json"},
    };
    char *file = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        assert_ok(model_manifest_file_name(str_from_c(rows[i].name), &file, err));
        assert_string_equal(file, rows[i].file);
        mem_free(file);
    }
    char longest[260];
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(model_manifest_file_name((struct str){longest, 250}, &file, NULL), E_INVALID);
    assert_int_equal(model_manifest_file_name((struct str){0}, &file, NULL), E_INVALID);
    assert_int_equal(model_manifest_file_name(STR("\xff"), &file, NULL), E_INVALID);
}

static const struct catalog_entry *find(const struct catalog *catalog, const char *name)
{
    const struct catalog_entry *entry = NULL;
    assert_ok(catalog_find(catalog, str_from_c(name), &entry, err));
    return entry;
}

static void made_models_are_found_and_share_weights(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *models = path_join(test_folder(), "made");
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_places places = {.own = models};
    put(models, "river.gguf", "GGUF");
    put(models, "bare.data", "GGUF");
    make(models, "otter", "river.gguf", "{\"system\": \"swim\"}");
    make(models, "acme/heron:2", "river.gguf", "{\"template\": \"{{ x }}\"}");
    make(models, "lone", "bare.data", "{}");
    make(models, "lonely", "bare.data", "{}");
    make(models, "small", NULL, "{}");
    make(models, "gone", "absent.gguf", "{}");
    put(models, "broken.manifest.json", "{\"holt_manifest\": 1, \"name\": \"broken\"}");
    catalog_read(&places, &catalog);
    assert_int_equal(catalog.count, 6);
    assert_int_equal(catalog.unreadable_count, 1);
    const struct catalog_entry *otter = find(&catalog, "otter");
    assert_string_equal(json_string_value(json_object_get(otter->settings, "system")), "swim");
    assert_non_null(strstr(otter->manifest, "otter.manifest.json"));
    assert_ptr_equal(catalog_loaded_as(&catalog, otter), find(&catalog, "river"));
    const struct catalog_entry *heron = find(&catalog, "acme/heron:2");
    assert_ptr_equal(catalog_loaded_as(&catalog, heron), heron);
    assert_ptr_equal(catalog_loaded_as(&catalog, find(&catalog, "lonely")), find(&catalog, "lone"));
    assert_null(find(&catalog, "small")->path);
    assert_string_equal(catalog_find_user(&catalog, otter->path)->name, "acme/heron:2");
    assert_null(catalog_find_user(&catalog, "/elsewhere"));
}

static void what_is_broken_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "[]",
        "{\"holt_manifest\": 2, \"name\": \"a\", \"settings\": {}, \"builtin\": true}",
        "{\"name\": \"a\", \"settings\": {}, \"builtin\": true}",
        "{\"holt_manifest\": 1, \"name\": \"\", \"settings\": {}, \"builtin\": true}",
        "{\"holt_manifest\": 1, \"name\": \"a\", \"settings\": [], \"builtin\": true}",
        "{\"holt_manifest\": 1, \"name\": \"a\", \"settings\": {}, \"builtin\": false}",
        "{\"holt_manifest\": 1, \"name\": \"a\", \"settings\": {}, \"file\": \"relative.gguf\"}",
        "{\"holt_manifest\": 1, \"name\": \"a\", \"settings\": {}, \"blob\": \"sha256:../x\"}",
    };
    CLEANUP(mem_freep) char *path = path_join(test_folder(), "x.manifest.json");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct model_manifest manifest = {0};
        struct error err = {0};
        test_case(rows[i]);
        put(test_folder(), "x.manifest.json", rows[i]);
        assert_int_not_equal(model_manifest_read(path, &manifest, &err), OK);
        assert_non_null(strstr(err.text, "x.manifest.json"));
        assert_null(manifest.name);
    }
}

int test_model_manifest(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names_lead_nowhere_else),
        cmocka_unit_test(made_models_are_found_and_share_weights),
        cmocka_unit_test(what_is_broken_is_refused),
    };
    return cmocka_run_group_tests_name("model_manifest", tests, NULL, NULL);
}
