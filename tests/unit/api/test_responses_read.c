/* What Codex and other clients of /v1/responses send is understood as they mean it. */
#include "api/responses_read.h"
#include "tests/unit/api/api_test.h"

#define TOOLS                                                                        \
    "\"tools\": [{\"type\": \"function\", \"name\": \"f\"}, {\"type\": \"custom\", " \
    "\"name\": \"p\"}, {\"type\": \"namespace\", \"name\": \"n\", \"tools\": "       \
    "[{\"name\": \"y\"}]}]"

static const struct api_test_row rows[] = {
    {"a text", "{\"input\": \"hi\", \"instructions\": \"be brief\", \"model\": \"m\"}",
     "system be brief\nuser hi\n\nmodel m", NULL},
    {"messages with parts",
     "{\"input\": [{\"type\": \"message\", \"role\": \"developer\", \"content\": [{\"type\": "
     "\"input_text\", \"text\": \"a\"}]}, {\"role\": \"user\", \"content\": [{\"type\": "
     "\"input_text\", \"text\": \"b\"}]}]}",
     "developer a\nuser b\n", NULL},
    {"a late developer message is folded",
     "{\"instructions\": \"s\", \"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": "
     "\"developer\", \"content\": \"note\"}]}",
     "user <system-reminder>\nnote\n</system-reminder>\n", NULL},
    {"a call, its result and what was thought before",
     "{\"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"type\": \"reasoning\", "
     "\"summary\": [], \"content\": [{\"type\": \"reasoning_text\", \"text\": \"hm\"}]}, "
     "{\"type\": "
     "\"function_call\", \"call_id\": \"c1\", \"name\": \"shell\", \"arguments\": \"{\\\"x\\\": "
     "1}\"}, {\"type\": \"function_call_output\", \"call_id\": \"c1\", \"output\": \"ok\"}]}",
     "user a\nassistant [hm]  (call c1 shell {\"x\": 1})\ntool ok (for c1)\n", NULL},
    {"what is thought, said and called is one turn",
     "{\"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"type\": \"reasoning\", "
     "\"content\": [{\"type\": \"reasoning_text\", \"text\": \"hm\"}]}, {\"type\": \"message\", "
     "\"role\": \"assistant\", \"content\": [{\"type\": \"output_text\", \"text\": \"b\"}]}, "
     "{\"type\": \"function_call\", \"call_id\": \"c1\", \"name\": \"f\", \"arguments\": \"{}\"}, "
     "{\"role\": \"assistant\", \"content\": \"d\"}]}",
     "user a\nassistant [hm] b (call c1 f {})\nassistant d\n", NULL},
    {"a custom tool is a function of one text",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"apply_patch\", "
     "\"description\": \"d\", \"format\": {\"type\": \"text\"}}]}",
     "[{\"type\": \"function\", \"function\": {\"name\": \"apply_patch\", \"description\": \"d\", "
     "\"parameters\": {\"type\": \"object\", \"properties\": {\"input\": {\"type\": \"string\"}}, "
     "\"required\": [\"input\"], \"additionalProperties\": false}}}]",
     NULL},
    {"a custom tool's grammar is told to the model",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\", \"format\": "
     "{\"type\": \"grammar\", \"syntax\": \"lark\", \"definition\": \"start: A\"}}]}",
     "{\"input\": {\"type\": \"string\", \"description\": \"A text of this grammar "
     "(lark):\\nstart: A\"}}",
     NULL},
    {"and to the mask",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\", \"format\": "
     "{\"type\": \"grammar\", \"syntax\": \"lark\", \"definition\": \"start: A\"}}]}",
     "grammars {\"p\": {\"syntax\": \"lark\", \"definition\": \"start: A\"}}", NULL},
    {"a custom call comes back as one",
     "{\"input\": [{\"type\": \"custom_tool_call\", \"call_id\": \"c\", \"name\": \"p\", "
     "\"input\": \"x\"}, {\"type\": \"custom_tool_call_output\", \"call_id\": \"c\", "
     "\"output\": [{\"type\": "
     "\"input_text\", \"text\": \"done\"}]}]}",
     "(call c p {\"input\": \"x\"})\ntool done (for c)\n", NULL},
    {"the tools of a namespace get joined names",
     "{\"input\": [{\"type\": \"function_call\", \"call_id\": \"c\", \"namespace\": \"mcp__x\", "
     "\"name\": \"y\", \"arguments\": \"\"}], \"tools\": [{\"type\": \"namespace\", \"name\": "
     "\"mcp__x\", \"tools\": [{\"type\": \"function\", \"name\": \"y\", \"parameters\": {\"type\": "
     "\"object\"}}]}]}",
     "(call c mcp__x__y {})\n[{\"type\": \"function\", \"function\": {\"name\": \"mcp__x__y\"",
     NULL},
    {"tools of the provider are left out, unknown items skipped",
     "{\"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"type\": \"web_search_call\"}, "
     "{\"type\": \"later\"}], \"tools\": [{\"type\": \"web_search\"}]}",
     "user a\n[]\nmodel", NULL},
    {"settings",
     "{\"input\": \"a\", \"max_output_tokens\": 5, \"stream\": true, "
     "\"parallel_tool_calls\": false, \"reasoning\": {\"effort\": \"none\"}, \"text\": "
     "{\"format\": {\"type\": \"json_schema\", "
     "\"schema\": {\"type\": \"array\"}}}}",
     "{\"type\": \"array\"}\nmodel  tokens 5 choice auto one 1 temperature 1 top_k 0 seed -1 "
     "stops 0 stream 1 usage 0 thinking 2",
     NULL},
    {"the way back of a custom tool and a namespace is kept",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\"}, {\"type\": "
     "\"namespace\", \"name\": \"n\", \"tools\": [{\"name\": \"y\"}]}]}",
     "names {\"p\": {\"name\": \"p\", \"custom\": true}, \"n__y\": {\"name\": \"y\", \"custom\": "
     "false, \"namespace\": \"n\"}}",
     NULL},

    {"few tools may be called",
     "{\"input\": \"a\", " TOOLS ", \"tool_choice\": {\"type\": \"allowed_tools\", \"mode\": "
     "\"required\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\"}]}}",
     "\"additionalProperties\": false}}}]\nmodel  tokens 0 choice required", NULL},
    {"of a namespace, too",
     "{\"input\": \"a\", " TOOLS ", \"tool_choice\": {\"type\": \"allowed_tools\", \"mode\": "
     "\"auto\", \"tools\": [{\"type\": \"function\", \"namespace\": \"n\", \"name\": \"y\"}]}}",
     "[{\"type\": \"function\", \"function\": {\"name\": \"n__y\", \"parameters\": {\"type\": "
     "\"object\"}}}]\nmodel  tokens 0 choice auto",
     NULL},
    {"a tool that is not there is allowed",
     "{\"input\": \"a\", " TOOLS ", \"tool_choice\": {\"type\": \"allowed_tools\", \"mode\": "
     "\"auto\", \"tools\": [{\"type\": \"function\", \"name\": \"y\"}]}}",
     NULL, "allows \"y\""},

    {"nothing", "{}", NULL, "input is missing"},
    {"a conversation that is kept elsewhere", "{\"input\": \"a\", \"conversation\": \"c\"}", NULL,
     "previous_response_id is"},
    {"a store that is neither true nor false", "{\"input\": \"a\", \"store\": \"yes\"}", NULL,
     "store"},
    {"a grammar without a definition",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\", \"format\": "
     "{\"type\": \"grammar\", \"syntax\": \"lark\"}}]}",
     NULL, "the format of tool \"p\""},
    {"a function named like a custom tool",
     "{\"input\": \"a\", \"tools\": [{\"type\": \"custom\", \"name\": \"p\"}, {\"type\": "
     "\"function\", \"name\": \"p\"}]}",
     NULL, "both named \"p\""},
    {"an unknown role", "{\"input\": [{\"role\": \"x\", \"content\": \"a\"}]}", NULL, "\"x\""},
    {"a tool without a name", "{\"input\": \"a\", \"tools\": [{\"type\": \"function\"}]}", NULL,
     "tools[0]"},
    {"an image", "{\"input\": [{\"role\": \"user\", \"content\": [{\"type\": \"input_image\"}]}]}",
     NULL, "reads only text"},
};

static void requests_are_read(void **state)
{
    (void)state;
    api_test_rows(responses_read, rows, ARRAY_LEN(rows));
}

int test_responses_read(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_are_read)};
    return cmocka_run_group_tests_name("responses_read", tests, NULL, NULL);
}
