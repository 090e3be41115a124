/*
 * A schema's automaton must accept exactly the texts of its valid values: too little makes calls
 * impossible, too much makes them malformed. Tables name the rules one by one; a random run
 * compares with a plain validator.
 */
#include "base/attr.h"
#include "base/strbuf.h"
#include "infer/grammar_rest.h"
#include "infer/grammar_schema.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "text/json.h"

#include <stdlib.h>

struct verdict {
    const char *schema;
    const char *accepted[8];
    const char *refused[12];
};

static void check_verdict(const struct verdict *row)
{
    CLEANUP(json_decrefp) json_t *schema = mask_support_json(row->schema);
    uint32_t rule = 0;
    CLEANUP(grammar_unrefp) struct grammar *grammar = mask_support_grammar(schema, &rule);
    for (size_t i = 0; i < ARRAY_LEN(row->accepted) && row->accepted[i]; i++) {
        test_case(row->accepted[i]);
        if (!mask_support_accepts(grammar, rule, str_from_c(row->accepted[i])))
            fail_msg("%s refuses %s", row->schema, row->accepted[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(row->refused) && row->refused[i]; i++) {
        test_case(row->refused[i]);
        if (mask_support_accepts(grammar, rule, str_from_c(row->refused[i])))
            fail_msg("%s accepts %s", row->schema, row->refused[i]);
    }
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    mask_support_follow_rest(&state);
}

static void check_verdicts(const struct verdict *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_verdict(&rows[i]);
}

static void scalars(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"null\"}", {"null"}, {"nul", "true", "", "nulll"}},
        {"{\"type\":\"boolean\"}", {"true", "false"}, {"True", "1"}},
        {"{\"type\":[\"null\",\"integer\"]}", {"null", "7"}, {"\"7\"", "7.5"}},
        {"{\"type\":\"integer\",\"nullable\":true}", {"null", "7"}, {"\"7\"", "true"}},
        {"{\"enum\":[1,10,\"a\",null,[1,2],{\"k\":0.5}]}",
         {"1", "10", "\"a\"", "null", "[1, 2]", "{\"k\": 0.5}"},
         {"100", "2", "\"b\"", "[1,2]", "[1]"}},
        {"{\"const\":\"\u00e9\\n\"}", {"\"\u00e9\\n\""}, {"\"\u00e9\"", "\"\\u00e9\\n\""}},
        {"{\"enum\":[1,5,\"x\",2.5],\"type\":\"integer\",\"minimum\":2}", {"5"}, {"1", "2.5"}},
        {"{\"enum\":[1,2,3],\"const\":3}", {"3"}, {"1"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void strings(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"string\"}",
         {"\"\"", "\"a b/\x7f\"", "\"\\\"\\\\\\n\\r\\t\\b\\f\"", "\"\\u0001\\u001f\\u000b\"",
          "\"\u00e9\u20ac\U0001F600\""},
         {"\"\\u0000\"", "\"\\u000a\"", "\"\\u001F\"", "\"\\u0020\"", "\"\\/\"", "\"\n\"",
          "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
          "\"\xe0\x80\x80\"", "\"abc"}},
        {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
         {"\"ab\"", "\"\u20ac\u20ac\u20ac\"", "\"\\n\\n\""},
         {"\"\"", "\"a\"", "\"abcd\"", "\"\\n\""}},
        {"{\"type\":\"string\",\"maxLength\":0}", {"\"\""}, {"\"a\""}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void integers(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"integer\"}",
         {"0", "-1", "10", "9223372036854775807", "-9223372036854775808"},
         {"-0", "01", "1.0", "1e3", "9223372036854775808", "-9223372036854775809", "-", "+1"}},
        {"{\"type\":\"integer\",\"minimum\":1,\"maximum\":2000}",
         {"1", "9", "20", "200", "2000", "1999"},
         {"0", "2001", "20000", "-1", "3000"}},
        {"{\"type\":\"integer\",\"minimum\":38,\"maximum\":45}",
         {"38", "39", "40", "45"},
         {"3", "4", "37", "46", "50", "380", "5"}},
        {"{\"type\":\"integer\",\"exclusiveMinimum\":-3,\"exclusiveMaximum\":0}",
         {"-2", "-1"},
         {"-3", "0", "1", "-10"}},
        {"{\"type\":\"integer\",\"minimum\":1.5,\"maximum\":3.5}", {"2", "3"}, {"1", "4"}},
        {"{\"type\":\"integer\",\"minimum\":-100,\"maximum\":-95}", {"-100", "-95"}, {"-9", "-94"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void numbers(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"number\"}",
         {"0", "-0.5", "3.141592653589793", "1e+16", "1.5e-07", "0.0001", "123456789012345678"},
         {"-0", "1.50", "0.00001", "1e5", "1e+5", "1e+015", ".5", "5.", "-0.0", "00", "1E+16"}},
        {"{\"type\":\"number\"}", {"5.0", "0.0", "100.25", "1e-05", "-12"}, {"0.5e+16", "1.0e+16"}},
        {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
         {"0", "1", "0.5", "0.000123", "1.0", "0.0"},
         {"1.1", "-0.1", "2", "1.000001", "0.50", "10"}},
        {"{\"type\":\"number\",\"exclusiveMinimum\":0.1,\"maximum\":0.3}",
         {"0.100001", "0.3", "0.2"},
         {"0.1", "0.300001", "0", "1"}},
        {"{\"type\":\"number\",\"minimum\":-90.5,\"maximum\":-89.25}",
         {"-90.5", "-90", "-89.25", "-89.9"},
         {"-91", "-89", "-90.6", "-9", "90"}},
        {"{\"type\":\"number\",\"minimum\":0}", {"1700000000000", "0.25"}, {"-1", "-0.5"}},
        {"{\"type\":\"number\",\"exclusiveMaximum\":0}", {"-0.0001", "-5"}, {"0", "0.5"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void multiples(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"integer\",\"multipleOf\":7}",
         {"0", "7", "-14", "70", "9223372036854775807", "700000007"},
         {"1", "8", "-13", "71", "7.0"}},
        {"{\"type\":\"integer\",\"multipleOf\":5,\"minimum\":11,\"maximum\":26}",
         {"15", "20", "25"},
         {"10", "30", "16", "2", "26", "-15"}},
        {"{\"type\":\"integer\",\"multipleOf\":4,\"minimum\":101,\"maximum\":103}",
         {0},
         {"100", "101", "104"}},
        {"{\"type\":\"integer\",\"multipleOf\":2.5}", {"0", "5", "-10"}, {"2", "3", "2.5"}},
        {"{\"type\":\"number\",\"multipleOf\":0.25,\"minimum\":-1,\"maximum\":1.3}",
         {"0", "0.25", "0.5", "-0.75", "1.25", "1", "1.0"},
         {"0.2", "0.3", "1.5", "-1.25", "0.125", "0.50"}},
        {"{\"allOf\":[{\"multipleOf\":4},{\"multipleOf\":6}],\"type\":\"integer\"}",
         {"12", "24", "0"},
         {"4", "6", "18"}},
        {"{\"enum\":[1,2,3,4,5.0,2.5],\"multipleOf\":2}", {"2", "4"}, {"1", "3", "2.5"}},
        {"{\"type\":\"integer\",\"minimum\":3,\"exclusiveMinimum\":true,\"maximum\":5}",
         {"4", "5"},
         {"3", "6"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void patterns(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"string\",\"pattern\":\"^[a-z]{2,3}$\"}",
         {"\"ab\"", "\"xyz\""},
         {"\"a\"", "\"abcd\"", "\"aB\"", "\"\"", "\"ab\\n\""}},
        {"{\"pattern\":\"b.d\"}", /* anywhere in the text, and only in strings */
         {"\"bad\"", "\"a bed!\"", "\"bbxd\"", "\"b€d\"", "\"\\\"b\\\"d\""},
         {"\"bd\"", "\"b\\nd\"", "\"ba\"", "7"}},
        {"{\"pattern\":\"^a|b$\"}", {"\"a\"", "\"ax\"", "\"xb\""}, {"\"xa\"", "\"bx\"", "\"\""}},
        {"{\"pattern\":\"^(?:[A-Z]+_)*[A-Z]+$\"}",
         {"\"A\"", "\"AB_C\"", "\"A_B_C\""},
         {"\"A_\"", "\"_A\"", "\"A__B\"", "\"a\""}},
        {"{\"pattern\":\"^[^\\\\s\\\"]+$\"}", /* no white space, no quote */
         {"\"a\"", "\"\\\\x\"", "\"😀\"", "\"\\u0001\""},
         {"\"a b\"", "\"\\\"\"", "\" \"", "\"\\t\"", "\"\""}},
        {"{\"pattern\":\"^\\\\u00e9[\\\\u{1F600}-\\\\u{1F602}]\\\\x41?$\"}",
         {"\"é😀\"", "\"é😂A\""},
         {"\"é😃\"", "\"é\"", "\"e😀\""}},
        {"{\"pattern\":\"^\\\\d+(\\\\.\\\\d{2})?$\",\"minLength\":3,\"maxLength\":5}",
         {"\"123\"", "\"1.25\"", "\"12345\"", "\"12.25\""},
         {"\"12\"", "\"1.2\"", "\"123456\"", "\"123.25\""}},
        {"{\"allOf\":[{\"pattern\":\"^[ab]+$\"},{\"pattern\":\"^[bc]+$\"}],\"maxLength\":2}",
         {"\"b\"", "\"bb\""},
         {"\"a\"", "\"c\"", "\"bbb\"", "\"\""}},
        {"{\"enum\":[\"ab\",\"b\",\"ac\",3],\"pattern\":\"^a\"}",
         {"\"ab\"", "\"ac\"", "3"},
         {"\"b\""}},
        {"{\"pattern\":\"^a$\",\"minLength\":2,\"type\":\"string\"}", {0}, {"\"a\"", "\"aa\""}},
        {"{\"type\":\"string\",\"pattern\":\"\"}", {"\"\"", "\"x\""}, {"\"", "1"}},
        {"{\"type\":\"string\",\"pattern\":\"^x*?y+?$\"}", {"\"y\"", "\"xxyy\""}, {"\"x\""}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void formats(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"string\",\"format\":\"date\"}",
         {"\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\"", "\"2023-04-30\""},
         {"\"2023-02-29\"", "\"1900-02-29\"", "\"2023-04-31\"", "\"2023-13-01\"", "\"2023-00-10\"",
          "\"2023-1-1\"", "\"23-01-01\"", "\"2023-01-32\""}},
        {"{\"type\":\"string\",\"format\":\"time\"}",
         {"\"00:00:00Z\"", "\"23:59:59.5+01:30\""},
         {"\"24:00:00Z\"", "\"12:60:00Z\"", "\"12:00:00\"", "\"12:00Z\"", "\"12:00:00.Z\""}},
        {"{\"type\":\"string\",\"format\":\"date-time\"}",
         {"\"2024-02-29T23:59:59Z\"", "\"2023-01-01T00:00:00.123-08:00\""},
         {"\"2024-02-30T00:00:00Z\"", "\"2024-01-01 00:00:00Z\"", "\"2024-01-01T00:00:00\"",
          "\"2024-01-01\""}},
        {"{\"type\":\"string\",\"format\":\"uuid\"}",
         {"\"123e4567-e89b-12d3-a456-426614174000\""},
         {"\"123e4567e89b12d3a456426614174000\"", "\"123e4567-e89b-12d3-a456-42661417400\"",
          "\"123g4567-e89b-12d3-a456-426614174000\""}},
        {"{\"type\":\"string\",\"format\":\"ipv4\"}",
         {"\"0.0.0.0\"", "\"255.199.10.1\""},
         {"\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\"", "\"1.2.3.4.5\""}},
        {"{\"type\":\"string\",\"format\":\"ipv6\"}",
         {"\"::\"", "\"::1\"", "\"2001:db8::8a2e:370:7334\"", "\"1:2:3:4:5:6:7:8\"", "\"1::\""},
         {"\"1:2:3:4:5:6:7\"", "\"1::2::3\"", "\"12345::\"", "\":\"", "\"1:2:3:4:5:6:7:8:9\""}},
        {"{\"type\":\"string\",\"format\":\"email\"}",
         {"\"a.b+c@example.co.uk\"", "\"x@y.zz\""},
         {"\"a@\"", "\"@b.c\"", "\"a b@c.d\"", "\"a@b@c.d\"", "\"a..b@c.d\"", "\"a@-b.c\""}},
        {"{\"type\":\"string\",\"format\":\"hostname\"}",
         {"\"localhost\"", "\"a-1.example.org\""},
         {"\"-a\"", "\"a-\"", "\"a..b\"", "\"a_b\"", "\"\""}},
        {"{\"type\":\"string\",\"format\":\"duration\"}",
         {"\"P1D\"", "\"PT5M\"", "\"P1Y2M3DT4H5M6S\"", "\"P2W\""},
         {"\"P\"", "\"PT\"", "\"P1DT\"", "\"1D\"", "\"P1H\""}},
        {"{\"type\":\"string\",\"format\":\"date\",\"maxLength\":9}", {0}, {"\"2024-02-29\""}},
        {"{\"format\":\"date\"}", {"7", "\"2024-02-29\"", "null"}, {"\"x\""}},
        {"{\"type\":\"string\",\"format\":\"uri\"}", {"\"anything\""}, {"1"}},
        {"{\"type\":\"integer\",\"format\":\"int32\"}", {"5"}, {"\"5\""}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void objects(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"first\":{\"type\":"
         "\"integer\"},\"count\":{\"type\":\"integer\"}},\"required\":[\"path\"]}",
         {"{\"path\": \"\"}", "{\"path\": \"a\", \"first\": 1}", "{\"path\": \"a\", \"count\": 2}",
          "{\"path\": \"a\", \"first\": 1, \"count\": 2}"},
         {"{}", "{\"first\": 1}", "{\"first\": 1, \"path\": \"a\"}", "{\"path\":\"a\"}",
          "{\"path\": \"a\", }", "{\"path\": \"a\", \"path\": \"b\"}", "{\"path\": 1}",
          "{\"path\": \"a\",\"first\": 1}", "{\"path\": \"a\", \"other\": 1}",
          "{ \"path\": \"a\"}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"ab\":{\"type\":\"nu"
         "ll\"}}"
         ",\"required\":[\"ab\"]}",
         {"{\"ab\": null}", "{\"a\": null, \"ab\": null}"},
         {"{\"a\": null}", "{\"ab\": null, \"a\": null}"}},
        {"{\"type\":\"object\",\"propertyNames\":{\"type\":\"string\"},\"additionalProperties\":{"
         "\"type\":\"integer\"}}",
         {"{}", "{\"k\": 1}"},
         {"{\"k\": \"1\"}"}},
        {"{\"type\":\"object\"}",
         {"{}", "{\"\": 1}", "{\"k\": [true], \"l\": {\"m\": \"\"}}"},
         {"{\"k\": 1, \"k\": 2}", "{\"k\":1}", "[]"}},
        {"{\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"int"
         "eger\"}"
         "}",
         {"{}", "{\"a\": null, \"b\": 1}", "{\"b\": 1, \"c\": 2}"},
         {"{\"a\": 1}", "{\"b\": 1, \"a\": null}", "{\"b\": null}", "{\"a\": null, \"a\": 1}"}},
        {"{\"type\":\"object\",\"properties\":{\"q\\\"\":true},\"additionalProperties\":false}",
         {"{}", "{\"q\\\"\": {\"z\": -1.5}}"},
         {"{\"q\": 1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":false,\"b\":{\"type\":\"null\"}}}",
         {"{}", "{\"b\": null}"},
         {"{\"a\": null}", "{\"a\": 1, \"b\": null}"}},
        {"{\"type\":\"object\",\"required\":[\"free\"],\"additionalProperties\":true}",
         {"{\"free\": 1}", "{\"free\": [], \"x\": 0}"},
         {"{}", "{\"x\": 0}", "{\"free\": 1, \"free\": 1}"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void arrays(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":1,\"maxItems\":2}",
         {"[true]", "[true, false]"},
         {"[]", "[true, true, true]", "[true,false]", "[1]", "[true, ]"}},
        {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"null\"},{\"const\":1}],\"items\":false}",
         {"[]", "[null]", "[null, 1]"},
         {"[1]", "[null, 1, 1]", "[null, null]"}},
        {"{\"type\":\"array\",\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":2},\"minIte"
         "ms\":2"
         "}",
         {"[1, 2]", "[1, 2, 2]"},
         {"[1]", "[2, 2]"}},
        {"{\"items\":{\"items\":{\"type\":\"integer\"}}}", {"[[1, 2], []]"}, {"[1]", "[[true]]"}},
        {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
        {"{\"items\":[{\"const\":1},{\"const\":2}],\"additionalItems\":{\"const\":3},"
         "\"minItems\":1}",
         {"[1]", "[1, 2]", "[1, 2, 3, 3]"},
         {"[]", "[2]", "[1, 3]", "[1, 2, 2]"}},
        {"{\"items\":[{\"const\":1}],\"additionalItems\":false}", {"[]", "[1]"}, {"[1, 1]"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void combinations(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\",\"maximum\":5}]}",
         {"\"x\"", "5"},
         {"6", "null"}},
        {"{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"a\"},\"n\":{"
         "\"type\""
         ":\"integer\"}},\"required\":[\"kind\",\"n\"]},{\"type\":\"object\",\"properties\":{\"kind"
         "\":{\"const\":\"ab\"},\"s\":{\"type\":\"string\"}},\"required\":[\"kind\"]}]}",
         {"{\"kind\": \"a\", \"n\": 1}", "{\"kind\": \"ab\"}", "{\"kind\": \"ab\", \"s\": \"\"}"},
         {"{\"kind\": \"a\"}", "{\"kind\": \"ab\", \"n\": 1}", "{\"kind\": \"b\"}"}},
        {"{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"req"
         "uired\""
         ":[\"a\"]},{\"properties\":{\"a\":{\"minimum\":3},\"b\":{\"type\":\"null\"}}}]}",
         {"{\"a\": 3}", "{\"a\": 4, \"b\": null}"},
         {"{\"a\": 2}", "{\"b\": null}", "{\"a\": 3, \"c\": 1}"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"nul"
         "l\"}},"
         "\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
         {"{\"a\": null}", "{\"b\": null}", "{\"a\": null, \"b\": null}"},
         {"{}"}},
        {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"t\":{\"const\":1}},\"required\":["
         "\"t\"]}"
         ",{\"type\":\"object\",\"properties\":{\"t\":{\"enum\":[2,3]}},\"required\":[\"t\"]},{"
         "\"type\":\"array\"}]}",
         {"{\"t\": 1}", "{\"t\": 3}", "[{}]"},
         {"{\"t\": 4}", "{}"}},
        {"{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{"
         "\"v\":"
         "{\"type\":\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/tr"
         "ee\"}}}"
         ",\"required\":[\"v\"]}}}",
         {"{\"v\": 1}", "{\"v\": 1, \"kids\": [{\"v\": 2, \"kids\": []}, {\"v\": 3}]}"},
         {"{\"v\": 1, \"kids\": [{}]}"}},
        {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", {"null"}, {"1"}},
        {"{\"properties\":{\"a~b/c\":{\"const\":1},\"r\":{\"$ref\":\"#/properties/a~0b~1c\"}},"
         "\"type\":\"object\"}",
         {"{\"r\": 1}"},
         {"{\"r\": 2}"}},
        {"true", {"[{\"a\": null}, -1.5e-07]", "\"\""}, {"[1,2]", "nope"}},
        {"{\"type\":\"object\",\"title\":\"t\",\"description\":\"d\",\"x-any\":[1],\"format\":"
         "\"f\","
         "\"properties\":{\"title\":{\"type\":\"string\"}},\"uniqueItems\":false}",
         {"{\"title\": \"x\"}"},
         {"{\"title\": 1}"}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

static void unsatisfiable_schemas_allow_nothing(void **state)
{
    (void)state;
    static const struct verdict rows[] = {
        {"false", {0}, {"null", "{}"}},
        {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", {0}, {"2", "3"}},
        {"{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", {0}, {"\"aa\""}},
        {"{\"enum\":[1],\"type\":\"string\"}", {0}, {"1"}},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         {0},
         {"{}", "{\"a\": {}}"}},
        {"{\"type\":\"array\",\"items\":false,\"minItems\":1}", {0}, {"[]"}},
        {"{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", {0}, {"null", "\"\""}},
    };
    check_verdicts(rows, ARRAY_LEN(rows));
}

struct refused {
    const char *schema;
    enum status want;
    const char *says;
};

static void check_refused(const struct refused *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        test_case(rows[i].schema);
        CLEANUP(json_decrefp) json_t *schema = mask_support_json(rows[i].schema);
        CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
        struct error err = {0};
        uint32_t rule = 0;
        assert_int_equal(grammar_schema_add(grammar, schema, NULL, &rule, &err), rows[i].want);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s does not say %s", err.text, rows[i].says);
    }
}

static void of_not_only_some_forms_are_enforced(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"not\":{\"type\":\"integer\"}}", E_UNSUPPORTED, "\"not\" at #"},
        {"{\"not\":{\"minimum\":1}}", E_UNSUPPORTED, "\"not\" at #"},
        {"{\"not\":{\"const\":1,\"minimum\":1}}", E_UNSUPPORTED, "\"not\" at #"},
        {"{\"not\":{\"required\":[\"a\",\"b\"]}}", E_UNSUPPORTED, "\"not\" at #"},
        {"{\"not\":{\"type\":\"array\",\"required\":[\"a\"]}}", E_UNSUPPORTED, "\"not\" at #"},
        {"{\"properties\":{\"p\":{\"type\":\"object\",\"not\":{\"const\":{}}}}}", E_UNSUPPORTED,
         "\"not\" at #/properties/p cannot be enforced for objects"},
        {"{\"type\":\"number\",\"not\":{\"const\":1}}", E_UNSUPPORTED,
         "\"not\" at # cannot be enforced for numbers with fractions"},
        {"{\"type\":\"string\",\"not\":{\"pattern\":\"(?=a)b\"}}", E_UNSUPPORTED, "a look"},
        {"{\"not\":{\"type\":\"text\"}}", E_INVALID, "\"not\" at #/not"},
        {"{\"dependentSchemas\":{}}", E_UNSUPPORTED, "\"dependentSchemas\""},
        {"{\"contains\":{}}", E_UNSUPPORTED, "\"contains\""},
        {"{\"dependentRequired\":{}}", E_UNSUPPORTED, "\"dependentRequired\""},
        {"{\"unevaluatedProperties\":false}", E_UNSUPPORTED, "\"unevaluatedProperties\""},
    };
    check_refused(rows, ARRAY_LEN(rows));
}

static void what_cannot_be_enforced_is_refused_by_name(void **state)
{
    (void)state;
    static const struct refused rows[] = {
        {"{\"pattern\":\"(?=a)b\"}", E_UNSUPPORTED, "\"pattern\" at # cannot be enforced: a look"},
        {"{\"pattern\":\"a\\\\b\"}", E_UNSUPPORTED, "a word boundary"},
        {"{\"pattern\":\"(a)\\\\1\"}", E_UNSUPPORTED, "a reference"},
        {"{\"pattern\":\"\\\\p{L}\"}", E_UNSUPPORTED, "Unicode property"},
        {"{\"pattern\":\"(a\"}", E_INVALID, "a group has no end"},
        {"{\"pattern\":\"a)\"}", E_INVALID, "parenthesis too many at byte 1"},
        {"{\"pattern\":\"[z-a]\"}", E_INVALID, "not in order"},
        {"{\"pattern\":\"*\"}", E_INVALID, "nothing to repeat"},
        {"{\"pattern\":\"a{3,2}\"}", E_INVALID, "not in order"},
        {"{\"pattern\":\"a{5000}\"}", E_LIMIT, "more than 4096 repetitions"},
        {"{\"pattern\":\"(a|b)*a(a|b){20}\"}", E_LIMIT, "too intricate"},
        {"{\"pattern\":7}", E_INVALID, "a regular expression"},
        {"{\"properties\":{\"p\":{\"multipleOf\":0.1}}}", E_UNSUPPORTED, "#/properties/p"},
        {"{\"multipleOf\":0}", E_INVALID, "above 0"},
        {"{\"not\":{}}", E_UNSUPPORTED, "\"not\""},
        {"{\"if\":{}}", E_UNSUPPORTED, "\"if\""},
        {"{\"if\":true}", E_UNSUPPORTED, "\"if\""},
        {"{\"if\":{\"properties\":{\"a\":{\"const\":1},\"b\":{\"const\":2}}}}", E_UNSUPPORTED,
         "\"if\""},
        {"{\"if\":{\"properties\":{\"a\":{\"minimum\":1}}}}", E_UNSUPPORTED, "\"if\""},
        {"{\"if\":{\"properties\":{\"a\":{\"const\":1,\"type\":\"integer\"}}}}", E_UNSUPPORTED,
         "\"if\""},
        {"{\"if\":{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"b\"]}}", E_UNSUPPORTED,
         "\"if\""},
        {"{\"if\":{\"properties\":{\"a\":{\"const\":1}}},\"then\":3}", E_INVALID, "object"},
        {"{\"uniqueItems\":true}", E_UNSUPPORTED, "uniqueItems"},
        {"{\"minProperties\":1}", E_UNSUPPORTED, "minProperties"},
        {"{\"patternProperties\":{}}", E_UNSUPPORTED, "patternProperties"},
        {"{\"propertyNames\":{\"maxLength\":3}}", E_UNSUPPORTED, "propertyNames"},
        {"{\"surprise\":1}", E_UNSUPPORTED, "surprise"},
        {"{\"properties\":{\"p\":{\"$id\":\"x\"}}}", E_UNSUPPORTED, "$id"},
        {"{\"$ref\":\"http://example.org/s\"}", E_UNSUPPORTED, "leads out"},
        {"{\"$ref\":\"#anchor\"}", E_UNSUPPORTED, "JSON pointer"},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", E_UNSUPPORTED, "anyOf"},
        {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"properties\":{\"a\":true,"
         "\"b\":true}}",
         E_UNSUPPORTED, "branches 0 and 1"},
        {"{\"oneOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", E_UNSUPPORTED, "anyOf"},
        {"{\"$ref\":\"#/$defs/none\"}", E_INVALID, "leads nowhere"},
        {"{\"$ref\":\"#\"}", E_INVALID, "leads back to itself"},
        {"{\"type\":\"strnig\"}", E_INVALID, "\"type\""},
        {"{\"type\":\"string\",\"minLength\":-1}", E_INVALID, "minLength"},
        {"{\"type\":\"string\",\"maxLength\":1.5}", E_INVALID, "maxLength"},
        {"{\"minimum\":\"3\"}", E_INVALID, "minimum"},
        {"{\"exclusiveMinimum\":\"1\"}", E_INVALID, "exclusiveMinimum"},
        {"{\"required\":[1]}", E_INVALID, "required"},
        {"{\"properties\":[]}", E_INVALID, "properties"},
        {"{\"anyOf\":[]}", E_INVALID, "anyOf"},
        {"{\"enum\":[]}", E_INVALID, "enum"},
        {"{\"properties\":{\"a\":7}}", E_INVALID, "#/properties/a"},
        {"7", E_INVALID, "must be an object"},
    };
    check_refused(rows, ARRAY_LEN(rows));
}

static void a_lenient_caller_is_told_what_is_not_enforced(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        const char *says; /* NULL: nothing */
        const char *accepted;
    } rows[] = {
        {"{\"type\":\"integer\"}", NULL, "5"},
        {"{\"type\":\"array\",\"uniqueItems\":true}", "\"uniqueItems\" at #", "[1, 1]"},
        {"{\"type\":\"string\",\"pattern\":\"(?!a)b\"}", "a lookaround", "\"c\""},
        {"{\"type\":\"string\",\"pattern\":\"[\"}", "a set has no end", "\"c\""},
        {"{\"type\":\"number\",\"multipleOf\":0.1}", "\"multipleOf\" at #", "0.25"},
        {"{\"properties\":{\"a\":{\"$ref\":\"other.json\"}}}", "leads out", "{\"a\": [1]}"},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "branches 0 and 1", "5"},
        {"{\"type\":\"object\",\"if\":{},\"then\":{},\"surprise\":1}", "\"surprise\"", "{}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].schema);
        CLEANUP(json_decrefp) json_t *schema = mask_support_json(rows[i].schema);
        CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
        CLEANUP(strbuf_done) struct strbuf warnings = {0};
        const struct grammar_limits limits = {.warnings = &warnings};
        uint32_t rule = 0;
        assert_ok(grammar_schema_add(grammar, schema, &limits, &rule, err));
        assert_ok(grammar_finish(grammar, 0, err));
        if (rows[i].says ? !strstr(strbuf_c(&warnings), rows[i].says) : warnings.len > 0)
            fail_msg("the warnings are: %s", strbuf_c(&warnings));
        assert_true(mask_support_accepts(grammar, rule, str_from_c(rows[i].accepted)));
    }
}

/* What hostile schemas ask for is refused in bounded time. */
static void hostile_schemas_get_a_sentence(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *wide = json_object();
    json_t *members = json_object();
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        json_object_set_new(members, name, json_true());
    }
    json_object_set_new(wide, "properties", members);

    CLEANUP(json_decrefp) json_t *bomb = json_object(); /* every level twice the one before */
    json_t *defs = json_object();
    for (int i = 0; i < 30; i++) {
        char name[16];
        char next[32];
        snprintf(name, sizeof(name), "d%d", i);
        snprintf(next, sizeof(next), "#/$defs/d%d", i + 1);
        json_object_set_new(defs, name,
                            json_pack("{s[{ss}{ss}]s[{so}{so}]}", "allOf", "$ref", next, "$ref",
                                      next, "anyOf", "minLength", json_integer(i), "maxLength",
                                      json_integer(i + 3)));
    }
    json_object_set_new(defs, "d30", json_pack("{ss}", "type", "string"));
    json_object_set_new(bomb, "$defs", defs);
    json_object_set_new(bomb, "$ref", json_string("#/$defs/d0"));

    CLEANUP(json_decrefp)
    json_t *long_min = mask_support_json("{\"type\":\"array\",\"minItems\":1000000000}");
    CLEANUP(json_decrefp) json_t *deep = json_pack("{ss}", "type", "null");
    for (int i = 0; i < 60; i++)
        deep =
            json_pack("{sss{so}s[s]}", "type", "object", "properties", "a", deep, "required", "a");
    json_t *const rows[] = {wide, bomb, long_min, deep};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
        struct error err = {0};
        uint32_t rule = 0;
        enum status status = grammar_schema_add(grammar, rows[i], NULL, &rule, &err);
        if (status == OK)
            status = grammar_finish(grammar, 0, &err);
        if (status == OK)
            assert_int_equal(grammar->rules[rule].shortest, GRAMMAR_ENDLESS);
        else
            assert_int_equal(status, E_LIMIT);
    }
}

/* Where a further key has reached its greatest length it must be a new one: otherwise neither a
 * quote nor a character could follow. */
static void a_used_key_cannot_fill_its_length(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *schema = mask_support_json("{\"type\":\"object\"}");
    CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
    CLEANUP(grammar_state_done) struct grammar_state automaton = {0};
    const struct grammar_limits limits = {.key_len_max = 2};
    uint32_t rule = 0;
    assert_ok(grammar_schema_add(grammar, schema, &limits, &rule, err));
    assert_ok(grammar_finish(grammar, 0, err));
    grammar_state_start(&automaton, grammar, NULL, rule, 0);
    struct grammar_layer next;
    for (const char *c = "{\"ab\": 1, \"a"; *c; c++) {
        assert_true(grammar_state_step(&automaton, &automaton.base, (unsigned char)*c, &next));
        grammar_state_commit(&automaton, &next);
        mask_support_follow_rest(&automaton);
    }
    assert_false(grammar_state_step(&automaton, &automaton.base, 'b', &next));
    assert_false(grammar_state_step(&automaton, &automaton.base, 0xc3, &next));
    assert_false(grammar_state_step(&automaton, &automaton.base, '\\', &next));
    assert_true(grammar_state_step(&automaton, &automaton.base, 'a', &next));
    assert_true(grammar_state_step(&automaton, &automaton.base, '"', &next));
}

static void a_schema_is_not_kept(void **state)
{
    (void)state;
    json_t *schema = mask_support_json("{\"enum\":[\"one\"]}");
    uint32_t rule = 0;
    CLEANUP(grammar_unrefp) struct grammar *grammar = mask_support_grammar(schema, &rule);
    json_decref(schema);
    assert_true(mask_support_accepts(grammar, rule, STR("\"one\"")));
}

/* ---------------------------------------------------------------- random schemas */

struct tally {
    size_t accepted;
    size_t refused;
    size_t unsupported;
};

static void check_value(const struct grammar *grammar, uint32_t rule, const json_t *schema,
                        const json_t *value, struct tally *tally)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(value, &text);
    const bool want = mask_support_is_valid(schema, schema, value);
    const bool got = mask_support_accepts(grammar, rule, strbuf_view(&text));
    tally->accepted += got;
    tally->refused += !got;
    if (got == want)
        return;
    CLEANUP(strbuf_done) struct strbuf shown = {0};
    json_write_python(schema, &shown);
    fail_msg("automaton says %d, validator %d: %s for %s", got, want, strbuf_c(&text),
             strbuf_c(&shown));
}

/* Follows the shortest rest from random places inside a valid text. */
static void check_rests(const struct grammar *grammar, uint32_t rule,
                        struct mask_support_random *random)
{
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    for (int i = 0; i < 120; i++) { /* random allowed bytes, printable ones more often */
        struct grammar_layer next;
        bool moved = false;
        for (int attempt = 0; attempt < 60 && !moved; attempt++) {
            static const char likely[] = "\"\"\"{}[]:,,  tfn0159-.e\\ax";
            const unsigned char byte =
                attempt % 4 ? (unsigned char)likely[mask_support_below(random, sizeof(likely) - 1)]
                            : (unsigned char)mask_support_below(random, 256);
            moved = grammar_state_step(&state, &state.base, byte, &next);
        }
        if (!moved)
            break;
        grammar_state_commit(&state, &next);
        if (i % 8 == 0)
            mask_support_follow_rest(&state);
    }
    mask_support_follow_rest(&state);
}

static void random_schemas_and_values_agree_with_a_plain_validator(void **state)
{
    (void)state;
    int64_t seed = 0; /* HOLT_SOAK=n is a long run with seed n */
    const bool is_soak = str_to_int(str_from_c(getenv("HOLT_SOAK")), &seed);
    struct mask_support_random random = {.state = (uint64_t)seed + 2024};
    struct tally tally = {0};
    for (int i = 0; i < (is_soak ? 20000 : 400); i++) {
        CLEANUP(json_decrefp) json_t *schema = mask_support_schema(&random);
        CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
        uint32_t rule = 0;
        struct error err = {0};
        const enum status status = grammar_schema_add(grammar, schema, NULL, &rule, &err);
        if (status != OK || grammar_finish(grammar, 0, &err) != OK) {
            tally.unsupported++;
            continue;
        }
        for (int k = 0; k < 20; k++) {
            CLEANUP(json_decrefp) json_t *value = mask_support_value(&random, schema, schema, 6);
            check_value(grammar, rule, schema, value, &tally);
            CLEANUP(json_decrefp) json_t *spoiled = mask_support_spoiled(&random, value, 4);
            check_value(grammar, rule, schema, spoiled, &tally);
        }
        check_rests(grammar, rule, &random);
    }
    print_message("%zu values accepted, %zu refused; %zu schemas cannot be enforced\n",
                  tally.accepted, tally.refused, tally.unsupported);
    assert_true(tally.accepted > 500 && tally.refused > 500);
}

static void a_oneof_that_is_accepted_means_exactly_one(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 77};
    struct tally tally = {0};
    size_t enforced = 0;
    for (int i = 0; i < 1500; i++) {
        CLEANUP(json_decrefp) json_t *schema = mask_support_oneof(&random);
        CLEANUP(grammar_unrefp) struct grammar *grammar = grammar_new();
        uint32_t rule = 0;
        if (grammar_schema_add(grammar, schema, NULL, &rule, NULL) != OK)
            continue;
        assert_ok(grammar_finish(grammar, 0, err));
        enforced++;
        for (int k = 0; k < 12; k++) {
            CLEANUP(json_decrefp) json_t *value = mask_support_value(&random, schema, schema, 4);
            check_value(grammar, rule, schema, value, &tally);
        }
    }
    print_message("%zu of 1500 enforced; %zu values accepted, %zu refused\n", enforced,
                  tally.accepted, tally.refused);
    assert_true(enforced > 300 && tally.accepted > 1000);
}

int test_grammar_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(strings),
        cmocka_unit_test(integers),
        cmocka_unit_test(numbers),
        cmocka_unit_test(multiples),
        cmocka_unit_test(patterns),
        cmocka_unit_test(formats),
        cmocka_unit_test(objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(combinations),
        cmocka_unit_test(unsatisfiable_schemas_allow_nothing),
        cmocka_unit_test(what_cannot_be_enforced_is_refused_by_name),
        cmocka_unit_test(of_not_only_some_forms_are_enforced),
        cmocka_unit_test(a_lenient_caller_is_told_what_is_not_enforced),
        cmocka_unit_test(hostile_schemas_get_a_sentence),
        cmocka_unit_test(a_used_key_cannot_fill_its_length),
        cmocka_unit_test(a_schema_is_not_kept),
        cmocka_unit_test(a_oneof_that_is_accepted_means_exactly_one),
        cmocka_unit_test(random_schemas_and_values_agree_with_a_plain_validator),
    };
    return cmocka_run_group_tests_name("grammar_schema", tests, NULL, NULL);
}
