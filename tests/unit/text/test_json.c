/*
 * Prompts and tool calls are compared byte for byte with what Python's json.dumps() writes, so the
 * writer is tested against its recorded output, and the reader against what it must refuse.
 */
#include "base/attr.h"
#include "tests/holt_test.h"
#include "text/json.h"

#include <math.h>

static void assert_written(const char *json, const char *want)
{
    test_case(json);
    CLEANUP(json_decrefp) json_t *value = NULL;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    assert_ok(json_parse(str_from_c(json), NULL, &value, err));
    json_write_python(value, &out);
    assert_string_equal(strbuf_c(&out), want);
}

static void values_are_written_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *want;
    } rows[] = {
        {"null", "null"},
        {" [ ] ", "[]"},
        {"{}", "{}"},
        {"[1,2,[3]]", "[1, 2, [3]]"},
        {"{\"b\":1,\"a\":{\"x\":true,\"y\":false}}",
         "{\"b\": 1, \"a\": {\"x\": true, \"y\": false}}"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"\"a\\/b\"", "\"a/b\""},
        {"\"\\u00e9 \\ud83d\\ude00\"", "\"\u00e9 \U0001F600\""},
        {"\"\\\"\\\\\\n\\r\\t\\b\\f\\u001f\\u007f\"", "\"\\\"\\\\\\n\\r\\t\\b\\f\\u001f\x7f\""},
        {"{\"\\n\":\"\\u2028\"}", "{\"\\n\": \"\u2028\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_written(rows[i].json, rows[i].want);
}

/* Left: anything strtod reads. Right: recorded from Python's repr(). */
static void floats_are_the_shortest_that_read_back_equal(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {100.0, "100.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {123456789.125, "123456789.125"},
        {1e15, "1000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.5e16, "1.5e+16"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1e100, "1e+100"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"}, /* a power of two whose nearest 16 digits fail */
        {0x1p-1000, "9.332636185032189e-302"},
        {3.141592653589793, "3.141592653589793"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].want);
        CLEANUP(strbuf_done) struct strbuf out = {0};
        json_write_real(rows[i].value, &out);
        assert_string_equal(strbuf_c(&out), rows[i].want);
    }
}

static void every_float_reads_back_equal(void **state)
{
    (void)state;
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 6364136223846793005U + 1442695040888963407U;
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        CLEANUP(strbuf_done) struct strbuf out = {0};
        json_write_real(value, &out);
        assert_true(strtod(strbuf_c(&out), NULL) == value);
    }
}

static void style_follows_the_arguments_of_dumps(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *value = NULL;
    assert_ok(json_parse(STR("{\"b\":[1,{}],\"a\":\"\u00e9\U0001F600\"}"), NULL, &value, err));
    static const struct {
        const char *name;
        struct json_style style;
        const char *want;
    } rows[] = {
        {"indent=2",
         {.indent = 2},
         "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"\u00e9\U0001F600\"\n}"},
        {"indent=0", {.indent = 0}, "{\n\"b\": [\n1,\n{}\n],\n\"a\": \"\u00e9\U0001F600\"\n}"},
        {"separators",
         {.indent = -1, .item_separator = ",", .key_separator = ":"},
         "{\"b\":[1,{}],\"a\":\"\u00e9\U0001F600\"}"},
        {"ensure_ascii",
         {.indent = -1, .ensure_ascii = true},
         "{\"b\": [1, {}], \"a\": \"\\u00e9\\ud83d\\ude00\"}"},
        {"sort_keys",
         {.indent = -1, .sort_keys = true},
         "{\"a\": \"\u00e9\U0001F600\", \"b\": [1, {}]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        CLEANUP(strbuf_done) struct strbuf out = {0};
        json_write_style(value, &rows[i].style, &out);
        assert_string_equal(strbuf_c(&out), rows[i].want);
    }
}

static void what_is_not_json_is_refused_in_one_sentence(void **state)
{
    (void)state;
    const struct {
        struct str json;
        enum status want;
    } rows[] = {
        {STR(""), E_FORMAT},
        {STR("{"), E_FORMAT},
        {STR("[1,]"), E_FORMAT},
        {STR("{'a':1}"), E_FORMAT},
        {STR("1 2"), E_FORMAT},
        {STR("NaN"), E_FORMAT},
        {STR("01"), E_FORMAT},
        {STR("\"\\ud800\""), E_FORMAT},
        {STR("\"\xff\""), E_FORMAT},
        {STR("\"a\nb\""), E_FORMAT},
        {STR("\"\\u0000\""), E_FORMAT},
        {STR("[1]\0"), E_FORMAT},
        {STR("9223372036854775808"), E_FORMAT},
        {STR("1e999"), E_FORMAT},
        {STR("{\"a\":1,\"a\":2}"), E_FORMAT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].json.ptr);
        json_t *value = NULL;
        struct error err = {0};
        assert_int_equal(json_parse(rows[i].json, NULL, &value, &err), rows[i].want);
        assert_null(value);
        assert_true(strlen(err.text) > 10);
        assert_null(strchr(err.text, '\n'));
    }
}

static void limits_hold(void **state)
{
    (void)state;
    json_t *value = NULL;
    struct error err = {0};
    const struct json_limits small = {.size_max = 8, .depth_max = 2, .values_max = 3};
    assert_int_equal(json_parse(STR("[1, 2, 3]"), &small, &value, &err), E_LIMIT);
    assert_int_equal(json_parse(STR("[[[]]]"), &small, &value, &err), E_LIMIT);
    assert_int_equal(json_parse(STR("[1,1,1]"), &small, &value, &err), E_LIMIT);
    assert_int_equal(json_parse(STR("[[1]]"), &small, &value, &err), OK);
    json_decref(value);
    value = NULL;
    assert_int_equal(json_parse(STR("\"[[[,,\""), &small, &value, &err), OK); /* in a string */
    json_decref(value);

    CLEANUP(strbuf_done) struct strbuf deep = {0};
    for (int i = 0; i < 100000; i++)
        strbuf_add_char(&deep, '[');
    assert_int_equal(json_parse(strbuf_view(&deep), NULL, &value, &err), E_LIMIT);
    const struct json_limits no_limit = {.depth_max = SIZE_MAX};
    assert_int_equal(json_parse(strbuf_view(&deep), &no_limit, &value, &err), E_LIMIT);
}

static void nul_is_allowed_only_on_request(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *value = NULL;
    const struct json_limits limits = {.allow_nul = true};
    assert_ok(json_parse(STR("\"a\\u0000b\""), &limits, &value, err));
    assert_int_equal(json_str(value).len, 3);
    CLEANUP(strbuf_done) struct strbuf out = {0};
    json_write_python(value, &out);
    assert_string_equal(strbuf_c(&out), "\"a\\u0000b\"");
}

static void nul_is_replaced_on_request(void **state)
{
    (void)state;
    const struct json_limits limits = {.replace_nul = true};
    CLEANUP(json_decrefp) json_t *value = NULL;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    assert_ok(json_parse(STR("{\"a\": [\"x\\u0000y\", {\"b\": \"\\u0000\"}], \"c\": \"d\"}"),
                         &limits, &value, err));
    json_write_python(value, &out);
    assert_string_equal(strbuf_c(&out),
                        "{\"a\": [\"x\xef\xbf\xbdy\", {\"b\": \"\xef\xbf\xbd\"}], \"c\": \"d\"}");
    json_t *other = NULL;
    struct error err = {0};
    assert_int_equal(json_parse(STR("{\"a\\u0000\": 1}"), &limits, &other, &err), E_FORMAT);
}

static void a_bounded_buffer_stops_the_writer(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *value = NULL;
    assert_ok(json_parse(STR("[\"0123456789\"]"), NULL, &value, err));
    CLEANUP(strbuf_done) struct strbuf out = {.size_max = 8};
    json_write_python(value, &out);
    assert_true(out.overflowed);
}

int test_json(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_python_writes_them),
        cmocka_unit_test(floats_are_the_shortest_that_read_back_equal),
        cmocka_unit_test(every_float_reads_back_equal),
        cmocka_unit_test(style_follows_the_arguments_of_dumps),
        cmocka_unit_test(what_is_not_json_is_refused_in_one_sentence),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(nul_is_allowed_only_on_request),
        cmocka_unit_test(nul_is_replaced_on_request),
        cmocka_unit_test(a_bounded_buffer_stops_the_writer),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
