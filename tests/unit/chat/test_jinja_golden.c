/*
 * A template must give the same bytes here as in Jinja2, for which it was written: one byte more
 * and the model sees a prompt it was not trained on. The cases of tests/golden/jinja were rendered
 * by Jinja2 (dev/golden_jinja.py); those marked "(ours)" say where holt differs on purpose. Whole
 * templates of models are compared when the shared fixtures are there.
 */
#include "tests/holt_test.h"

#include "tests/unit/chat/golden_case.h"
#include "tests/unit/chat/jinja_helper.h"

#include <stdio.h>
#include <string.h>

enum { CASES_MIN = 90, TEMPLATES_MIN = 50 };

static void check_case(const char *path, struct str text)
{
    CLEANUP(json_decrefp)
    json_t *variables = jinja_helper_json(golden_case_section(text, "variables"));
    CLEANUP(jinja_text_done) struct jinja_text out = {0};
    struct error err = {0};
    const enum status status = jinja_helper_render(golden_case_section(text, "template"), variables,
                                                   SEGMENT_USER, NULL, &out, &err);
    const struct str reason = golden_case_section(text, "error");
    if (reason.ptr) {
        if (status == OK || str_find(str_from_c(err.text), reason, 0) == SIZE_MAX)
            fail_msg("%s: wanted the error \"%.*s\", got \"%s\" \"%.*s\"", path, STR_ARG(reason),
                     err.text, STR_ARG(strbuf_view(&out.bytes)));
        return;
    }
    if (status != OK)
        fail_msg("%s: %s", path, err.text);
    golden_case_expect(path, text, "text", strbuf_view(&out.bytes));
}

static void cases_render_as_recorded(void **state)
{
    (void)state;
    golden_case_each("tests/golden/jinja/*.case", CASES_MIN, check_case);
}

/* ---------------------------------------------------------------- templates of models */

/* Recordings that are errors of Python's where a text is of more use: list.append() is refused by
 * a sandbox, a generator has no JSON form, an item of none does not exist. */
static const struct {
    const char *name;
    const char *conversations;
} rendered_anyway[] = {
    {"Kimi-K2-Instruct", "567"},
    {"llama-cpp-deepseek-r1", "567"},
    {"unsloth-mistral-Devstral-Small-2507", "6"},
};

static bool is_rendered_anyway(const char *name, size_t conversation)
{
    for (size_t i = 0; i < ARRAY_LEN(rendered_anyway); i++) {
        if (strcmp(name, rendered_anyway[i].name) == 0)
            return strchr(rendered_anyway[i].conversations, (int)('0' + conversation)) != NULL;
    }
    return false;
}

static void check_recording(const char *name, size_t conversation, struct str source,
                            const json_t *variables, const json_t *recording)
{
    CLEANUP(jinja_text_done) struct jinja_text out = {0};
    struct error err = {0};
    const enum status status =
        jinja_helper_render(source, variables, SEGMENT_USER, NULL, &out, &err);
    const char *text = json_string_value(json_object_get(recording, "text"));
    const char *reason = json_string_value(json_object_get(recording, "error"));
    if (is_rendered_anyway(name, conversation)) {
        assert_int_equal(status, OK);
        assert_true(out.bytes.len > 0);
        return;
    }
    if (text && (status != OK || !str_equal_c(strbuf_view(&out.bytes), text)))
        fail_msg("%s, conversation %zu: %s\n--- wanted\n%s\n--- got\n%s", name, conversation,
                 err.text, text, strbuf_c(&out.bytes));
    if (reason && (status == OK || !strstr(err.text, reason)))
        fail_msg("%s, conversation %zu: wanted the error \"%s\", got \"%s\"", name, conversation,
                 reason, err.text);
}

static size_t check_template(const char *name, const json_t *conversations)
{
    const struct str source = jinja_helper_source(name);
    char path[256];
    snprintf(path, sizeof(path), "templates/expected/%s.json", name);
    CLEANUP(json_decrefp)
    json_t *recordings = jinja_helper_json(test_read_file(test_fixture(path)));
    test_case(name);
    assert_int_equal(json_array_size(recordings), json_array_size(conversations));
    for (size_t i = 0; i < json_array_size(conversations); i++)
        check_recording(name, i, source, json_object_get(json_array_get(conversations, i), "vars"),
                        json_array_get(recordings, i));
    return json_array_size(conversations);
}

static void templates_of_models_render_as_recorded(void **state)
{
    (void)state;
    const char *path = test_fixture("templates/conversations.json");
    if (!path) {
        print_message("no fixtures: templates of models are not compared\n");
        skip();
    }
    CLEANUP(json_decrefp) json_t *conversations = jinja_helper_json(test_read_file(path));
    char names[TEMPLATES_MIN * 4][JINJA_HELPER_NAME_MAX];
    const size_t count = jinja_helper_list(names, ARRAY_LEN(names));
    assert_true(count >= TEMPLATES_MIN);
    size_t compared = 0;
    for (size_t i = 0; i < count; i++)
        compared += check_template(names[i], conversations);
    print_message("%zu recordings compared\n", compared);
}

int test_jinja_golden(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_render_as_recorded),
        cmocka_unit_test(templates_of_models_render_as_recorded),
    };
    return cmocka_run_group_tests_name("jinja_golden", tests, NULL, NULL);
}
