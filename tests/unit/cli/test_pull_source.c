/* What a hub's list of files and a registry's manifest mean: which files are a model, where they
 * are and what they are called here. */
#include "base/strbuf.h"
#include "cli/pull_source.h"
#include "tests/holt_test.h"
#include "text/json.h"

#define HEX     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX_BIG "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
#define FILE_OF(path) \
    "{\"path\": \"" path "\", \"size\": 7, \"lfs\": {\"oid\": \"" HEX "\", \"size\": 7}}"
#define LAYER(type, digest)                                                            \
    "{\"mediaType\": \"application/vnd.ollama.image." type "\", \"digest\": \"" digest \
    "\", \"size\": 7}"
#define LAYERS(layers) "{\"layers\": [" layers "]}"

static const struct row {
    const char *what;
    const char *name;
    bool is_hub;
    const char *answer;
    const char *plan;  /* MODEL, then " NAME<URL" for each file */
    const char *error; /* in place of it */
} rows[] = {
    {"the quantization that was asked for", "acme/Otter:q8_0", true,
     "[" FILE_OF("Otter-Q4_K_M.gguf") ", " FILE_OF("Otter-Q8_0.gguf") "]",
     "Otter-Q8_0 Otter-Q8_0.gguf<hub/acme/Otter/resolve/main/Otter-Q8_0.gguf", NULL},
    {"the usual one", "acme/Otter", true,
     "[" FILE_OF("Otter-Q8_0.gguf") ", " FILE_OF("Otter-Q4_K_M.gguf") "]",
     "Otter-Q4_K_M Otter-Q4_K_M.gguf<hub/acme/Otter/resolve/main/Otter-Q4_K_M.gguf", NULL},
    {"the only one", "acme/Otter", true,
     "[" FILE_OF("Otter-Q2_K.gguf") ", " FILE_OF("mmproj-F16.gguf") ", {\"path\": \"README.md\"}]",
     "Otter-Q2_K Otter-Q2_K.gguf<hub/acme/Otter/resolve/main/Otter-Q2_K.gguf", NULL},
    {"all parts, in their folder", "acme/Otter", true,
     "[" FILE_OF("q/Otter-Q4_0-00001-of-00002.gguf") ", " FILE_OF(
         "q/Otter-Q4_0-00002-of-00002.gguf") "]",
     "Otter-Q4_0 Otter-Q4_0-00001-of-00002.gguf<hub/acme/Otter/resolve/main/q/"
     "Otter-Q4_0-00001-of-00002.gguf Otter-Q4_0-00002-of-00002.gguf<hub/acme/Otter/resolve/main/q/"
     "Otter-Q4_0-00002-of-00002.gguf",
     NULL},
    {"a file in two folders comes once", "acme/Otter", true,
     "[" FILE_OF("a/Otter-Q4_0.gguf") ", " FILE_OF("b/Otter-Q4_0.gguf") "]",
     "Otter-Q4_0 Otter-Q4_0.gguf<hub/acme/Otter/resolve/main/a/Otter-Q4_0.gguf", NULL},
    {"paths that lead elsewhere are not there", "acme/Otter", true,
     "[" FILE_OF("../Otter-Q4_0.gguf") ", " FILE_OF("/Otter-Q4_0.gguf") ", " FILE_OF(
         ".Otter-Q4_0.gguf") ", " FILE_OF("a b-Q4_0.gguf") "]",
     NULL, "acme/Otter has no .gguf file"},
    {"several and none of them is usual", "acme/Otter", true,
     "[" FILE_OF("Otter-Q2_K.gguf") ", " FILE_OF("Otter-Q3_K_S.gguf") "]", NULL,
     "acme/Otter has Q2_K, Q3_K_S: say which"},
    {"no such quantization", "acme/Otter:Q9", true, "[" FILE_OF("Otter-Q2_K.gguf") "]", NULL,
     "acme/Otter has Q2_K: say which"},
    {"no digest", "acme/Otter", true, "[{\"path\": \"Otter-Q4_0.gguf\", \"size\": 7}]", NULL,
     "publishes no digest of Otter-Q4_0.gguf"},
    {"a digest that is none", "acme/Otter", true,
     "[{\"path\": \"Otter-Q4_0.gguf\", \"lfs\": {\"oid\": \"../../x\"}}]", NULL, "no digest"},
    {"no list", "acme/Otter", true, "{\"error\": \"x\"}", NULL, "has no .gguf file"},
    {"no repository", "acme/../x", true, "[]", NULL, "is not ORG/REPO"},

    {"the layer with the model", "otter:4b", false,
     LAYERS(LAYER("template", "sha256:" HEX) ", " LAYER("model", "sha256:" HEX_BIG)),
     "otter:4b otter:4b.gguf<registry/v2/library/otter/blobs/sha256:" HEX, NULL},
    {"of a user, the latest", "me/otter", false, LAYERS(LAYER("model", "sha256:" HEX)),
     "otter:latest otter:latest.gguf<registry/v2/me/otter/blobs/sha256:" HEX, NULL},
    {"a digest that leads elsewhere", "otter", false, LAYERS(LAYER("model", "sha256:../../x")),
     NULL, "names no model with a digest"},
    {"no layers", "otter", false, "[]", NULL, "names no model with a digest"},
    {"no name", "a/b/c", false, LAYERS(LAYER("model", "sha256:" HEX)), NULL, "is not MODEL:TAG"},
};

static void answers_are_read(void **state)
{
    (void)state;
    static const struct pull_source_config config = {.hub = "hub", .registry = "registry"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        CLEANUP(pull_source_done) struct pull_plan plan = {0};
        CLEANUP(json_decrefp) json_t *answer = NULL;
        CLEANUP(strbuf_done) struct strbuf shown = {0};
        struct error told = {0};
        test_case(row->what);
        assert_ok(json_parse(str_from_c(row->answer), NULL, &answer, err));
        const struct str name = str_from_c(row->name);
        const enum status status =
            row->is_hub ? pull_source_read_tree(&config, name, answer, &plan, &told)
                        : pull_source_read_manifest(&config, name, answer, &plan, &told);
        assert_int_equal(status == OK, row->plan != NULL);
        if (row->error && !strstr(told.text, row->error))
            fail_msg("\"%s\" instead of \"%s\"", told.text, row->error);
        if (row->error)
            continue;
        strbuf_add_c(&shown, plan.model);
        for (size_t k = 0; k < plan.count; k++) {
            strbuf_addf(&shown, " %s<%s", plan.files[k].name, plan.files[k].url);
            assert_string_equal(plan.files[k].sha256, HEX);
            assert_int_equal(plan.files[k].size, 7);
            assert_int_equal(plan.files[k].is_from_hub, row->is_hub);
        }
        assert_string_equal(strbuf_c(&shown), row->plan);
    }
}

int test_pull_source(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_read)};
    return cmocka_run_group_tests_name("pull_source", tests, NULL, NULL);
}
