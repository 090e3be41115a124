/* What Claude Code and other clients of Anthropic send is understood as they mean it. */
#include "api/anthropic_read.h"
#include "tests/unit/api/api_test.h"

#define HI "\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"

static const struct api_test_row rows[] = {
    {"an answer that goes on",
     "{\"max_tokens\": 5, \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": "
     "\"assistant\", \"content\": \"ho\"}]}",
     "continues", NULL},
    {"the least there is", "{" HI ", \"model\": \"m\"}", "user hi\n\nmodel m tokens 9", NULL},
    {"a system text", "{" HI ", \"system\": \"be brief\"}", "system be brief\nuser hi\n", NULL},
    {"the header that changes every time is dropped",
     "{" HI
     ", \"system\": [{\"type\": \"text\", \"text\": \"x-anthropic-billing-header: cch=1;\"}, "
     "{\"type\": \"text\", \"text\": \"a\", \"cache_control\": {\"type\": \"ephemeral\"}}, "
     "{\"type\": \"text\", \"text\": \"b\"}]}",
     "system a\n\nb\nuser hi\n", NULL},
    {"the header's line, not what stands behind it",
     "{" HI ", \"system\": \"x-anthropic-billing-header: cch=9;\\nYou are a pirate.\"}",
     "system You are a pirate.\nuser hi\n", NULL},
    {"a system message in the middle is folded",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": "
     "\"system\", \"content\": \"note\"}]}",
     "user a\nuser <system-reminder>\nnote\n</system-reminder>\n", NULL},
    {"results come before the text of their message",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"assistant\", \"content\": [{\"type\": "
     "\"thinking\", \"thinking\": \"hm\", \"signature\": \"s\"}, {\"type\": \"text\", \"text\": "
     "\"ok\"}, {\"type\": \"tool_use\", \"id\": \"t1\", \"name\": \"look\", \"input\": {\"a\": "
     "1}}]}, {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"and?\"}, "
     "{\"type\": "
     "\"tool_result\", \"tool_use_id\": \"t1\", \"content\": [{\"type\": \"text\", \"text\": "
     "\"2\"}]}]}]}",
     "assistant [hm] ok (call t1 look {\"a\": 1})\ntool 2 (for t1)\nuser and?\n", NULL},
    {"a failed result says so",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
     "\"tool_result\", \"tool_use_id\": \"t\", \"is_error\": true, \"content\": \"no\"}]}]}",
     "tool error: no (for t)\n", NULL},
    {"unknown blocks are ignored",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"later\"}, "
     "{\"type\": \"text\", \"text\": \"a\"}]}]}",
     "user a\n", NULL},
    {"tools get OpenAI's form; those of the provider are left out",
     "{" HI ", \"tools\": [{\"name\": \"look\", \"description\": \"d\", \"input_schema\": "
     "{\"type\": \"object\"}}, {\"type\": \"web_search_20250305\", \"name\": \"web_search\"}]}",
     "[{\"type\": \"function\", \"function\": {\"name\": \"look\", \"description\": \"d\", "
     "\"parameters\": {\"type\": \"object\"}}}]",
     NULL},
    {"any tool",
     "{" HI ", \"tool_choice\": {\"type\": \"any\", \"disable_parallel_tool_use\": true}}",
     "choice required one 1", NULL},
    {"a named tool",
     "{" HI ", \"tools\": [{\"name\": \"a\", \"input_schema\": {}}, {\"name\": \"b\", "
     "\"input_schema\": {}}], \"tool_choice\": {\"type\": \"tool\", \"name\": \"b\"}}",
     "raw 0 only b", NULL},
    {"thinking off", "{" HI ", \"thinking\": {\"type\": \"disabled\"}}", "thinking 2", NULL},
    {"thinking adaptive", "{" HI ", \"thinking\": {\"type\": \"adaptive\"}}", "thinking 1", NULL},
    {"stops and sampling",
     "{" HI ", \"stop_sequences\": [\"a\"], \"temperature\": 0, \"top_k\": 5, \"stream\": true}",
     "temperature 0 top_k 5 seed -1 stops 1 stream 1", NULL},

    {"no messages", "{\"max_tokens\": 9}", NULL, "messages is missing"},
    {"an image",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
     "\"image\"}]}]}",
     NULL, "reads only text"},
    {"an unknown role",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"tool\", \"content\": "
     "\"a\"}]}",
     NULL, "\"tool\""},
    {"a block without a type",
     "{\"max_tokens\": 9, \"messages\": [{\"role\": \"user\", \"content\": [{}]}]}", NULL,
     "no type"},
    {"too hot", "{" HI ", \"temperature\": 1.5}", NULL, "temperature"},
    {"a tool without a name", "{" HI ", \"tools\": [{\"input_schema\": {}}]}", NULL, "tools[0]"},
    {"a choice that is none", "{" HI ", \"tool_choice\": {\"type\": \"perhaps\"}}", NULL,
     "tool_choice.type"},
};

static void messages_are_read(void **state)
{
    (void)state;
    api_test_rows(anthropic_read_messages, rows, ARRAY_LEN(rows));
}

int test_anthropic_read(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages_are_read)};
    return cmocka_run_group_tests_name("anthropic_read", tests, NULL, NULL);
}
