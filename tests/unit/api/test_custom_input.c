/* The text of a custom tool's call comes out while its arguments come, wherever they are cut. */
#include "api/client_tools.h"
#include "api/custom_input.h"
#include "tests/holt_test.h"

static const struct {
    const char *name;
    const char *arguments;
    const char *text;
} rows[] = {
    {"plain", "{\"input\": \"abc\"}", "abc"},
    {"empty", "{\"input\":\"\"}", ""},
    {"white space", " {\n \"input\" :\t\"a b\" } ", "a b"},
    {"every escape", "{\"input\": \"\\n\\r\\t\\b\\f\\\"\\\\\\/\"}", "\n\r\t\b\f\"\\/"},
    {"characters by number", "{\"input\": \"\\u0041\\u00e9\\u20AC\"}", "A\xc3\xa9\xe2\x82\xac"},
    {"a pair of halves", "{\"input\": \"x\\ud83e\\uDDA6y\"}", "x\xf0\x9f\xa6\xa6y"},
    {"characters as they are", "{\"input\": \"caf\xc3\xa9 \xf0\x9f\xa6\xa6\"}",
     "caf\xc3\xa9 \xf0\x9f\xa6\xa6"},
    {"what looks like an end", "{\"input\": \"a\\\"} b\"}", "a\"} b"},
};

static void the_text_comes_out_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct str all = str_from_c(rows[i].arguments);
        test_case(rows[i].name);
        CLEANUP(json_decrefp) json_t *whole = client_tools_input(all);
        assert_string_equal(json_string_value(whole), rows[i].text);
        for (size_t cut = 0; cut <= all.len; cut++) {
            CLEANUP(strbuf_done) struct strbuf text = {0};
            struct custom_input input = {0};
            custom_input_feed(&input, str_slice(all, 0, cut), &text);
            const struct str rest = custom_input_rest(&input, str_from_c(rows[i].text));
            assert_int_equal(text.len + rest.len, strlen(rows[i].text));
            custom_input_feed(&input, str_slice(all, cut, all.len), &text);
            assert_string_equal(strbuf_c(&text), rows[i].text);
            assert_int_equal(custom_input_rest(&input, str_from_c(rows[i].text)).len, 0);
        }
    }
}

static void halves_alone_are_no_characters(void **state)
{
    (void)state;
    static const char *const texts[] = {"\\ud83ex", "\\udda6x", "\\ud83e\\nx", "\\ud83e"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(strbuf_done) struct strbuf arguments = {0};
        CLEANUP(strbuf_done) struct strbuf text = {0};
        struct custom_input input = {0};
        strbuf_addf(&arguments, "{\"input\": \"%s\"}", texts[i]);
        custom_input_feed(&input, strbuf_view(&arguments), &text);
        assert_int_equal(strncmp(strbuf_c(&text), "\xef\xbf\xbd", 3), 0);
    }
}

int test_custom_input(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_comes_out_wherever_it_is_cut),
        cmocka_unit_test(halves_alone_are_no_characters),
    };
    return cmocka_run_group_tests_name("custom_input", tests, NULL, NULL);
}
