/* One setting in somebody's configuration: everything else stays, what is unclear is refused. */
#include "tests/holt_test.h"

#include "cli/launch_edit.h"

static void json_gets_its_members_and_keeps_the_rest(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *provider = json_pack("{s:s}", "api", "ollama");
    CLEANUP(json_decrefp) json_t *model = json_string("holt/otter");
    const struct launch_edit_member members[] = {{"models.providers.holt", provider},
                                                 {"agents.primary", model}};
    const struct {
        const char *name, *before, *after; /* NULL: refused */
    } cases[] = {
        {"an empty file", "",
         "{\n  \"models\": {\n    \"providers\": {\n      \"holt\": {\n        \"api\": "
         "\"ollama\"\n      }\n    }\n  },\n  \"agents\": {\n    \"primary\": \"holt/otter\"\n  "
         "}\n}\n"},
        {"others stay, in order", "{\"z\": 1.50, \"models\": {\"mode\": \"merge\"}, \"a\": null}",
         "{\n  \"z\": 1.5,\n  \"models\": {\n    \"mode\": \"merge\",\n    \"providers\": {\n      "
         "\"holt\": {\n        \"api\": \"ollama\"\n      }\n    }\n  },\n  \"a\": null,\n  "
         "\"agents\": {\n    \"primary\": \"holt/otter\"\n  }\n}\n"},
        {"an old one is replaced",
         "{\"models\": {\"providers\": {\"holt\": {\"x\": 1}}}, \"agents\": {\"primary\": \"o\"}}",
         "{\n  \"models\": {\n    \"providers\": {\n      \"holt\": {\n        \"api\": "
         "\"ollama\"\n      }\n    }\n  },\n  \"agents\": {\n    \"primary\": \"holt/otter\"\n  "
         "}\n}\n"},
        {"a list", "[]", NULL},
        {"a text", "\"x\"", NULL},
        {"comments", "{ // mine\n \"a\": 1 }", NULL},
        {"a comma too many", "{\"a\": 1,}", NULL},
        {"a key twice", "{\"a\": 1, \"a\": 2}", NULL},
        {"cut short", "{\"models\": {", NULL},
        {"something else is there", "{\"models\": 5}", NULL},
        {"a list is there", "{\"models\": {\"providers\": []}}", NULL},
        {"null is there", "{\"agents\": null}", NULL},
        {"no text", "\xff\xfe{}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(strbuf_done) struct strbuf out = {0};
        struct error err = {0};
        test_case(cases[i].name);
        const enum status status =
            launch_edit_json(str_from_c(cases[i].before), members, ARRAY_LEN(members), &out, &err);
        assert_int_equal(status == OK, cases[i].after != NULL);
        if (cases[i].after)
            assert_string_equal(strbuf_c(&out), cases[i].after);
        else
            assert_true(err.text[0] != '\0');
    }
}

static void yaml_changes_whole_lines_only(void **state)
{
    (void)state;
    const struct {
        const char *name, *before, *after; /* NULL: refused */
    } cases[] = {
        {"an empty file", "", "model:\n  a: 1\n"},
        {"comments only", "# mine\n", "# mine\nmodel:\n  a: 1\n"},
        {"behind the rest", "x: 1\ny: [1, 2]\n", "x: 1\ny: [1, 2]\nmodel:\n  a: 1\n"},
        {"a last line without end", "x: 1", "x: 1\nmodel:\n  a: 1\n"},
        {"a block", "x: 1\nmodel:\n  b: 2\n  c:\n    - 3\ny: 4\n", "x: 1\nmodel:\n  a: 1\ny: 4\n"},
        {"comments around it stay", "# one\nmodel: # two\n  b: 2\n# three\ny: 4 # four\n",
         "# one\nmodel:\n  a: 1\n# three\ny: 4 # four\n"},
        {"a single value", "model: old\ny: 4\n", "model:\n  a: 1\ny: 4\n"},
        {"no value", "model:\ny: 4\n", "model:\n  a: 1\ny: 4\n"},
        {"a text over lines", "model: |\n  one\n  two\ny: 4\n", "model:\n  a: 1\ny: 4\n"},
        {"a quoted key", "\"model\": old\n", "model:\n  a: 1\n"},
        {"the last one, without end", "y: 4\nmodel:\n  b: 2", "y: 4\nmodel:\n  a: 1\n"},
        {"letters of several bytes",
         "\xc3\xa4: \xe2\x82\xac\nmodel: \xc3\xb6\xc3\xb6\ny: \xc3\xbc\n",
         "\xc3\xa4: \xe2\x82\xac\nmodel:\n  a: 1\ny: \xc3\xbc\n"},
        {"the same word deeper", "x:\n  model: old\n", "x:\n  model: old\nmodel:\n  a: 1\n"},
        {"a document's mark", "---\nmodel: old\n", "---\nmodel:\n  a: 1\n"},
        {"an alias elsewhere", "x: &x 1\ny: *x\nmodel: old\n", "x: &x 1\ny: *x\nmodel:\n  a: 1\n"},
        {"lines of two bytes", "x: 1\r\nmodel: old\r\ny: 4\r\n",
         "x: 1\r\nmodel:\n  a: 1\ny: 4\r\n"},
        {"braces around all", "{model: old, y: 4}\n", NULL},
        {"braces as value", "model: {b: 2,\n  c: 3}\ny: 4\n", NULL},
        {"a list", "- model\n", NULL},
        {"a text", "model\n", NULL},
        {"the key twice", "model: 1\nmodel: 2\n", NULL},
        {"an anchor in it", "model: &m\n  b: 2\ny: *m\n", NULL},
        {"two documents", "model: 1\n---\nx: 2\n", NULL},
        {"dots at the end", "model: 1\n...\n", NULL},
        {"no YAML", "model: [1\n", NULL},
        {"tabs", "model:\n\tb: 2\n", NULL},
        {"a mark of byte order", "\xef\xbb\xbfmodel: 1\n", NULL},
        {"no text", "model: \xff\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(strbuf_done) struct strbuf out = {0};
        struct error err = {0};
        test_case(cases[i].name);
        const enum status status = launch_edit_yaml(str_from_c(cases[i].before), "model",
                                                    STR("model:\n  a: 1\n"), &out, &err);
        if (cases[i].after) {
            assert_int_equal(status, OK);
            assert_string_equal(strbuf_c(&out), cases[i].after);
        } else {
            assert_int_not_equal(status, OK);
            assert_true(err.text[0] != '\0');
            assert_int_equal(out.len, 0);
        }
    }
}

static void what_was_changed_once_changes_no_more(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf once = {0};
    CLEANUP(strbuf_done) struct strbuf twice = {0};
    assert_ok(launch_edit_yaml(STR("# a\nx: 1\nmodel: old\n# b\n"), "model",
                               STR("model:\n  a: 1\n"), &once, err));
    assert_ok(launch_edit_yaml(strbuf_view(&once), "model", STR("model:\n  a: 1\n"), &twice, err));
    assert_string_equal(strbuf_c(&once), strbuf_c(&twice));
}

int test_launch_edit(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_gets_its_members_and_keeps_the_rest),
        cmocka_unit_test(yaml_changes_whole_lines_only),
        cmocka_unit_test(what_was_changed_once_changes_no_more),
    };
    return cmocka_run_group_tests_name("launch_edit", tests, NULL, NULL);
}
