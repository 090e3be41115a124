/* What outlives an answer of /v1/responses: fields, items with stable ids, pages, and how an
 * unknown id is told. */
#include "api/responses_kept.h"
#include "base/attr.h"
#include "tests/holt_test.h"
#include "text/json.h"

#define REPLY "0102030405060708090a0b0c0d0e0f10"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    assert_ok(json_parse(str_from_c(text), NULL, &value, err));
    return value;
}

static void assert_json(json_t *value, const char *want)
{
    CLEANUP(json_decrefp) json_t *wanted = parse(want);
    if (!json_equal(value, wanted)) {
        char *text = json_dumps(value, 0);
        fail_msg("%s\ninstead of\n%s", text, want);
    }
    json_decref(value);
}

static void items_have_ids_that_stay(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *text = parse("{\"input\": \"hi\"}");
    CLEANUP(json_decrefp)
    json_t *items = parse(
        "{\"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"type\": \"reasoning\", \"id\": "
        "\"rs_own\"}, {\"type\": \"function_call_output\", \"call_id\": \"c\"}, 7]}");
    for (int again = 0; again < 2; again++) {
        assert_json(responses_kept_items(text, REPLY),
                    "[{\"type\": \"message\", \"role\": \"user\", \"content\": [{\"type\": "
                    "\"input_text\", \"text\": \"hi\"}], \"id\": "
                    "\"msg_0102030405060708090a0b0ci0000\"}]");
        assert_json(responses_kept_items(items, REPLY),
                    "[{\"type\": \"message\", \"role\": \"user\", \"content\": \"a\", \"id\": "
                    "\"msg_0102030405060708090a0b0ci0000\"}, {\"type\": \"reasoning\", \"id\": "
                    "\"rs_own\"}, {\"type\": \"function_call_output\", \"call_id\": \"c\", \"id\": "
                    "\"fco_0102030405060708090a0b0ci0002\"}, {\"type\": \"message\", \"id\": "
                    "\"msg_0102030405060708090a0b0ci0003\"}]");
    }
}

static void fields_are_said_again(void **state)
{
    (void)state;
    CLEANUP(json_decrefp)
    json_t *body = parse("{\"instructions\": \"be brief\", \"temperature\": 0, \"store\": false, "
                         "\"tools\": 4, \"metadata\": {\"a\": \"b\"}, \"tool_choice\": "
                         "\"required\", \"input\": \"x\", \"stream\": true}");
    assert_json(
        responses_kept_fields(body),
        "{\"instructions\": \"be brief\", \"max_output_tokens\": null, \"max_tool_calls\": null, "
        "\"metadata\": {\"a\": \"b\"}, \"previous_response_id\": null, \"prompt_cache_key\": null, "
        "\"reasoning\": null, \"safety_identifier\": null, \"service_tier\": null, \"user\": null, "
        "\"tool_choice\": \"required\", \"background\": false, \"parallel_tool_calls\": true, "
        "\"store\": false, \"temperature\": 0, \"text\": {\"format\": {\"type\": \"text\"}}, "
        "\"tools\": [], \"top_logprobs\": 0, \"top_p\": 1.0, \"truncation\": \"disabled\"}");
}

static void pages_go_through_all_items(void **state)
{
    (void)state;
    static const struct {
        const char *limit, *after, *order;
        const char *ids; /* NULL: refused */
        bool has_more;
    } rows[] = {
        {"", "", "", "edcba", false},    {"2", "", "asc", "ab", true},
        {"2", "b", "asc", "cd", true},   {"2", "d", "asc", "e", false},
        {"2", "", "desc", "ed", true},   {"9", "c", "", "ba", false},
        {"1", "e", "asc", "", false},    {"0", "", "", NULL, false},
        {"101", "", "", NULL, false},    {"x", "", "", NULL, false},
        {"", "nobody", "", NULL, false}, {"", "", "up", NULL, false},
    };
    CLEANUP(json_decrefp)
    json_t *items = parse("[{\"id\": \"a\"}, {\"id\": \"b\"}, {\"id\": \"c\"}, {\"id\": \"d\"}, "
                          "{\"id\": \"e\"}]");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct responses_kept_query query = {
            str_from_c(rows[i].limit), str_from_c(rows[i].after), str_from_c(rows[i].order)};
        struct api_failure failure = {0};
        char ids[8] = "";
        CLEANUP(json_decrefp) json_t *page = responses_kept_page(items, &query, &failure);
        assert_int_equal(page != NULL, rows[i].ids != NULL);
        if (!page) {
            assert_int_equal(failure.http_status, 400);
            continue;
        }
        const json_t *data = json_object_get(page, "data");
        for (size_t k = 0; k < json_array_size(data); k++)
            ids[k] = json_string_value(json_object_get(json_array_get(data, k), "id"))[0];
        assert_string_equal(ids, rows[i].ids);
        assert_int_equal(json_is_true(json_object_get(page, "has_more")), rows[i].has_more);
        assert_int_equal(json_is_string(json_object_get(page, "last_id")), ids[0] != 0);
    }
}

static void an_unknown_id_is_told_as_the_protocol_has_it(void **state)
{
    (void)state;
    struct api_failure failure = responses_kept_unknown(STR("resp_x"), true);
    assert_int_equal(failure.http_status, 404);
    assert_json(api_failure_json(&failure, API_OPENAI),
                "{\"error\": {\"message\": \"Previous response with id 'resp_x' not found.\", "
                "\"type\": \"invalid_request_error\", \"param\": \"previous_response_id\", "
                "\"code\": \"previous_response_not_found\"}}");
    failure = responses_kept_unknown(STR("resp_x"), false);
    assert_json(api_failure_json(&failure, API_OPENAI),
                "{\"error\": {\"message\": \"Response with id 'resp_x' not found.\", \"type\": "
                "\"invalid_request_error\", \"param\": null, \"code\": \"not_found\"}}");
}

int test_responses_kept(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_have_ids_that_stay),
        cmocka_unit_test(fields_are_said_again),
        cmocka_unit_test(pages_go_through_all_items),
        cmocka_unit_test(an_unknown_id_is_told_as_the_protocol_has_it),
    };
    return cmocka_run_group_tests_name("responses_kept", tests, NULL, NULL);
}
