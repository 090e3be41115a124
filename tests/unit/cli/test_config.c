/*
 * The configuration is written by hand: every mistake in it must be told with its line, none may
 * crash, and what is right beside it must still count.
 */
#include "tests/holt_test.h"

#include "base/strbuf.h"
#include "cli/config.h"

static void keep_warning(void *context, const char *text)
{
    struct strbuf *warnings = context;
    strbuf_addf(warnings, "%s\n", text);
}

static void settings_are_read(void **state)
{
    (void)state;
    struct config config = {0};
    assert_ok(config_parse(STR("# mine\nmodel: qwen\nthreads: 4\nallow: write, run\n"
                               "theme: light\n"),
                           "c.yaml", NULL, NULL, &config, err));
    assert_string_equal(config.model, "qwen");
    assert_int_equal(config.threads, 4);
    assert_string_equal(config.allow, "write, run");
    assert_string_equal(config.theme, "light");
    config_done(&config);
    assert_ok(config_parse(STR("# nothing but this\n"), "c.yaml", NULL, NULL, &config, err));
    assert_null(config.model);
    config_done(&config);
    assert_ok(config_parse(STR("model: a\nmodel: b\n"), "c.yaml", NULL, NULL, &config, err));
    assert_string_equal(config.model, "b");
    config_done(&config);
}

static void unknown_settings_are_told(void **state)
{
    (void)state;
    struct config config = {0};
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    assert_ok(config_parse(STR("modle: x\nmodel: y\ncolour: red\n"), "c.yaml", keep_warning,
                           &warnings, &config, err));
    assert_string_equal(strbuf_c(&warnings),
                        "c.yaml line 1: there is no setting \"modle\"; did you mean model?\n"
                        "c.yaml line 3: there is no setting \"colour\"\n");
    assert_string_equal(config.model, "y");
    config_done(&config);
}

static const struct {
    const char *name;
    const char *text;
    enum status status;
    const char *message;
} wrong[] = {
    {"no number", "threads: many", E_INVALID, "line 1: threads is a number from 1 to 256"},
    {"too many threads", "\nthreads: 1000", E_INVALID, "line 2: threads is a number"},
    {"unknown permission", "allow: fly", E_INVALID, "\"fly\" cannot be allowed"},
    {"unknown theme", "theme: pink", E_INVALID, "theme is dark, light or none"},
    {"empty model", "model:", E_INVALID, "model is empty"},
    {"a list", "- a\n- b", E_FORMAT, "no list of settings"},
    {"nested", "model:\n  name: x", E_FORMAT, "settings are single values"},
    {"alias", "model: &a x\nallow: *a", E_FORMAT, "single values"},
    {"no YAML", "model: [", E_FORMAT, "c.yaml line"},
    {"tab", "\tmodel: x", E_FORMAT, "c.yaml line"},
    {"binary", "\x01\x02\xff", E_FORMAT, "c.yaml line"},
};

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        test_case(wrong[i].name);
        struct config config = {0};
        struct error err = {0};
        assert_int_equal(
            config_parse(str_from_c(wrong[i].text), "c.yaml", NULL, NULL, &config, &err),
            wrong[i].status);
        if (!strstr(err.text, wrong[i].message))
            fail_msg("\"%s\" lacks \"%s\"", err.text, wrong[i].message);
        assert_null(config.model);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct config config = {0};
    for (int i = 0; i <= CONFIG_KEYS_MAX; i++)
        strbuf_addf(&text, "key%d: x\n", i);
    assert_int_equal(config_parse(strbuf_view(&text), "c.yaml", NULL, NULL, &config, NULL),
                     E_LIMIT);
    strbuf_clear(&text);
    strbuf_add_c(&text, "model: ");
    for (int i = 0; i <= CONFIG_VALUE_MAX; i++)
        strbuf_add_char(&text, 'x');
    assert_int_equal(config_parse(strbuf_view(&text), "c.yaml", NULL, NULL, &config, NULL),
                     E_LIMIT);
    assert_ok(config_load("/no/such/file.yaml", NULL, NULL, &config, err));
    assert_null(config.model);
}

int test_config(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(unknown_settings_are_told),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
