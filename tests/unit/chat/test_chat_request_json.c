/*
 * Conversations in files are written by people and by other programs: each field wrong in each way
 * gets a sentence that names its place, and what is right arrives whole.
 */
#include "tests/holt_test.h"

#include "chat/chat_request_json.h"
#include "tests/unit/chat/jinja_helper.h"

#include <string.h>

static void a_whole_conversation_arrives(void **state)
{
    (void)state;
    static const char text[] =
        "{\"messages\": [{\"role\": \"developer\", \"content\": \"D\"}, "
        "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"U\"}]}, "
        "{\"role\": \"assistant\", \"content\": null, \"reasoning\": \"R\", \"tool_calls\": ["
        "{\"id\": \"1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": "
        "\"{\\\"a\\\": [1, 2.5]}\"}}, {\"name\": \"g\", \"arguments\": {\"b\": null}}]}, "
        "{\"role\": \"tool\", \"tool_call_id\": \"1\", \"name\": \"f\", \"content\": \"T\"}], "
        "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}, {\"name\": \"g\"}, "
        "{\"type\": \"code_interpreter\"}], \"add_generation_prompt\": true, "
        "\"enable_thinking\": false, \"bos_token\": \"ignored\"}";
    CLEANUP(json_decrefp) json_t *json = jinja_helper_json(str_from_c(text));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_ok(chat_request_json_read(json, &request, err));
    assert_int_equal(request.message_count, 4);
    const struct chat_message *messages = request.messages;
    assert_int_equal(messages[0].role, CHAT_ROLE_DEVELOPER);
    assert_int_equal(messages[0].origin, SEGMENT_SYSTEM);
    assert_true(str_equal_c(messages[0].content, "D"));
    assert_int_equal(json_array_size(messages[1].content_parts), 1);
    assert_true(str_equal_c(messages[2].reasoning, "R"));
    assert_int_equal(messages[2].tool_call_count, 2);
    assert_true(str_equal_c(messages[2].tool_calls[0].id, "1"));
    assert_true(str_equal_c(messages[2].tool_calls[0].name, "f"));
    assert_int_equal(json_array_size(json_object_get(messages[2].tool_calls[0].arguments, "a")), 2);
    assert_true(str_equal_c(messages[2].tool_calls[1].name, "g"));
    assert_int_equal(messages[3].origin, SEGMENT_TOOL);
    assert_true(str_equal_c(messages[3].tool_call_id, "1"));
    assert_true(str_equal_c(messages[3].tool_name, "f"));
    assert_int_equal(json_array_size(request.tools), 3);
    assert_true(request.add_generation_prompt);
    assert_int_equal(json_object_size(request.variables), 1);
    assert_true(json_is_false(json_object_get(request.variables, "enable_thinking")));
}

static void a_list_alone_is_a_conversation(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *json = jinja_helper_json(STR("[{\"role\": \"user\"}]"));
    CLEANUP(chat_request_done) struct chat_request request = {0};
    assert_ok(chat_request_json_read(json, &request, err));
    assert_int_equal(request.message_count, 1);
    assert_false(request.add_generation_prompt);
    assert_null(request.tools);
}

static void each_wrong_field_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *text;
    } rows[] = {
        {"1", "a conversation is a list of messages, or an object with \"messages\""},
        {"{}", "a conversation is a list of messages, or an object with \"messages\""},
        {"{\"messages\": {}}", "a conversation is a list of messages, or an object with "
                               "\"messages\""},
        {"[1]", "messages[0] must be an object"},
        {"[{}]", "messages[0].role must be a text"},
        {"[{\"role\": \"user\"}, {\"role\": \"robot\"}]",
         "messages[1].role is \"robot\" (system, developer, user, assistant or tool)"},
        {"[{\"role\": \"user\", \"content\": 5}]",
         "messages[0].content must be a text, a list of parts or null"},
        {"[{\"role\": \"user\", \"content\": [\"text\"]}]",
         "messages[0].content[0] must be an object with a \"type\""},
        {"[{\"role\": \"assistant\", \"reasoning_content\": []}]",
         "messages[0].reasoning_content must be a text"},
        {"[{\"role\": \"user\", \"tool_calls\": []}]",
         "messages[0].tool_calls must be a list, in an assistant message"},
        {"[{\"role\": \"assistant\", \"tool_calls\": {}}]",
         "messages[0].tool_calls must be a list, in an assistant message"},
        {"[{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {}}]}]",
         "messages[0].tool_calls lack the name of a function"},
        {"[{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": \"[1]\"}]}]",
         "messages[0].tool_calls have arguments that are no JSON object"},
        {"[{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": 7}]}]",
         "messages[0].tool_calls have arguments that are no JSON object"},
        {"[{\"role\": \"tool\", \"tool_call_id\": 1}]", "messages[0].tool_call_id must be a text"},
        {"{\"messages\": [], \"tools\": {}}", "tools must be a list"},
        {"{\"messages\": [], \"tools\": [{\"name\": \"f\"}, {\"function\": {}}]}",
         "tools[1] lacks the name of a function"},
        {"{\"messages\": [], \"tools\": [3]}", "tools[0] lacks the name of a function"},
        {"{\"messages\": [], \"add_generation_prompt\": 1}",
         "add_generation_prompt must be true or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_decrefp) json_t *json = jinja_helper_json(str_from_c(rows[i].json));
        CLEANUP(chat_request_done) struct chat_request request = {0};
        struct error err = {0};
        test_case(rows[i].json);
        assert_int_equal(chat_request_json_read(json, &request, &err), E_INVALID);
        assert_string_equal(err.text, rows[i].text);
    }
}

static void counts_have_limits(void **state)
{
    (void)state;
    CLEANUP(json_decrefp) json_t *messages = json_array();
    CLEANUP(json_decrefp) json_t *message = json_pack("{s:s}", "role", "user");
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct error err = {0};
    for (size_t i = 0; i <= CHAT_REQUEST_JSON_MESSAGES_MAX; i++)
        json_array_append(messages, message);
    assert_int_equal(chat_request_json_read(messages, &request, &err), E_LIMIT);
    assert_string_equal(err.text, "100001 messages (limit 100000)");
}

int test_chat_request_json(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_conversation_arrives),
        cmocka_unit_test(a_list_alone_is_a_conversation),
        cmocka_unit_test(each_wrong_field_is_named),
        cmocka_unit_test(counts_have_limits),
    };
    return cmocka_run_group_tests_name("chat_request_json", tests, NULL, NULL);
}
