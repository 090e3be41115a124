/*
 * Which arguments of a tool are texts, and where the references of a schema lead.
 */
#include "text/tool_schema.h"

#include "tests/holt_test.h"
#include "text/json.h"
#include "text/json_pointer.h"

#define DOCUMENT                                                                                   \
    "{\"$defs\": {\"Name\": {\"type\": \"string\"}, \"a/b\": {\"type\": \"integer\"}, "            \
    "\"c~d\": 1, \"e f\": 2, \"Loop\": {\"$ref\": \"#/$defs/Loop\"}, \"Many\": {\"allOf\": "       \
    "[{\"$ref\": \"#/$defs/Many\"}, {\"$ref\": \"#/$defs/Many\"}]}}, \"list\": [10, 11], "         \
    "\"properties\": {\"own\": {\"type\": \"string\"}, \"name\": {\"$ref\": \"#/$defs/Name\"}, "   \
    "\"some\": {\"oneOf\": [{\"type\": \"null\"}, {\"allOf\": [{\"$ref\": \"#/$defs/Name\"}]}]}, " \
    "\"number\": {\"$ref\": \"#/$defs/a~1b\"}, \"loop\": {\"$ref\": \"#/$defs/Loop\"}, "           \
    "\"many\": {\"$ref\": \"#/$defs/Many\"}}, \"allOf\": [{\"properties\": {\"deep\": {\"enum\": " \
    "[\"a\"]}, \"number\": {\"minimum\": 1}}}, {\"$ref\": \"#/$defs/Loop\"}]}"

static json_t *read_document(void)
{
    json_t *root = NULL;
    assert_ok(json_parse(STR(DOCUMENT), NULL, &root, err));
    return root;
}

static void references_lead_where_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *reference;
        enum json_pointer want;
        const char *value; /* as JSON, when found and short */
    } rows[] = {
        {"#/$defs/Name", JSON_POINTER_FOUND, "{\"type\": \"string\"}"},
        {"#/$defs/a~1b", JSON_POINTER_FOUND, "{\"type\": \"integer\"}"},
        {"#/$defs/c~0d", JSON_POINTER_FOUND, "1"},
        {"#/%24defs/e%20f", JSON_POINTER_FOUND, "2"},
        {"#/list/1", JSON_POINTER_FOUND, "11"},
        {"#", JSON_POINTER_FOUND, NULL},
        {"#/list/2", JSON_POINTER_NOWHERE, NULL},
        {"#/list/-1", JSON_POINTER_NOWHERE, NULL},
        {"#/list/x", JSON_POINTER_NOWHERE, NULL},
        {"#/$defs/Name/type/x", JSON_POINTER_NOWHERE, NULL},
        {"#/$defs/a~2b", JSON_POINTER_MALFORMED, NULL},
        {"#/$defs/a%2", JSON_POINTER_MALFORMED, NULL},
        {"#/$defs/a%00", JSON_POINTER_MALFORMED, NULL},
        {"#Name", JSON_POINTER_ANCHOR, NULL},
        {"other.json#/x", JSON_POINTER_FOREIGN, NULL},
        {"", JSON_POINTER_FOREIGN, NULL},
    };
    CLEANUP(json_decrefp) json_t *root = read_document();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        const json_t *found = NULL;
        test_case(rows[i].reference);
        assert_int_equal(json_pointer_find(root, str_from_c(rows[i].reference), &found),
                         rows[i].want);
        if (!rows[i].value)
            continue;
        json_write_python(found, &text);
        assert_string_equal(strbuf_c(&text), rows[i].value);
    }
}

static void a_text_is_one_wherever_the_schema_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool is_text;
    } rows[] = {{"own", true},     {"name", true},  {"some", true},  {"deep", true},
                {"number", false}, {"loop", false}, {"many", false}, {"absent", false}};
    CLEANUP(json_decrefp) json_t *root = read_document();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].key);
        assert_int_equal(tool_schema_has_text(root, str_from_c(rows[i].key)), rows[i].is_text);
    }
    assert_false(tool_schema_has_text(NULL, STR("own")));
    assert_false(tool_schema_is_text(NULL, NULL));
}

static void what_a_value_may_be_is_said_along_the_way(void **state)
{
    (void)state;
    static const char document[] =
        "{\"$defs\": {\"N\": {\"type\": \"object\", \"properties\": {\"v\": {\"type\": "
        "[\"string\", \"null\"]}, \"next\": {\"anyOf\": [{\"$ref\": \"#/$defs/N\"}, {\"type\": "
        "\"null\"}]}}}}, \"allOf\": [{\"properties\": {\"deep\": {\"items\": {\"type\": "
        "\"integer\"}}}}], \"anyOf\": [{\"properties\": {\"no\": {\"type\": \"string\"}}}], "
        "\"properties\": {\"node\": {\"$ref\": \"#/$defs/N\"}, \"list\": {\"type\": \"array\", "
        "\"items\": {\"$ref\": \"#/$defs/N\"}}, \"open\": {\"type\": \"object\", "
        "\"additionalProperties\": {\"const\": \"x\"}}}}";
    enum { STEPS = 5 };
    static const struct {
        struct str path[STEPS]; /* "[]" is a step to an item */
        unsigned kinds;
    } rows[] = {
        {{{"node", 4}}, TOOL_SCHEMA_OBJECT},
        {{{"node", 4}, {"v", 1}}, TOOL_SCHEMA_TEXT | TOOL_SCHEMA_NULL},
        {{{"node", 4}, {"next", 4}}, TOOL_SCHEMA_OBJECT | TOOL_SCHEMA_NULL},
        {{{"node", 4}, {"next", 4}, {"next", 4}, {"v", 1}}, TOOL_SCHEMA_TEXT | TOOL_SCHEMA_NULL},
        {{{"list", 4}}, TOOL_SCHEMA_ARRAY},
        {{{"list", 4}, {"[]", 2}, {"v", 1}}, TOOL_SCHEMA_TEXT | TOOL_SCHEMA_NULL},
        {{{"list", 4}, {"v", 1}}, 0},
        {{{"deep", 4}}, TOOL_SCHEMA_ARRAY},
        {{{"deep", 4}, {"[]", 2}}, 0},
        {{{"open", 4}, {"any", 3}}, TOOL_SCHEMA_TEXT},
        {{{"no", 2}}, 0}, /* of the arguments themselves no alternatives are written */
        {{{"absent", 6}}, 0},
    };
    CLEANUP(json_decrefp) json_t *root = NULL;
    assert_ok(json_parse(str_from_c(document), NULL, &root, err));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str path[STEPS];
        size_t count = 0;
        for (; count < STEPS && rows[i].path[count].len; count++)
            path[count] =
                str_equal_c(rows[i].path[count], "[]") ? (struct str){0} : rows[i].path[count];
        if (tool_schema_kinds_at(root, path, count) != rows[i].kinds)
            fail_msg("row %zu: %u", i, tool_schema_kinds_at(root, path, count));
    }
    assert_int_equal(tool_schema_kinds_at(NULL, NULL, 0), 0);
}

int test_tool_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_value_may_be_is_said_along_the_way),
        cmocka_unit_test(references_lead_where_they_say),
        cmocka_unit_test(a_text_is_one_wherever_the_schema_says_so),
    };
    return cmocka_run_group_tests_name("tool_schema", tests, NULL, NULL);
}
