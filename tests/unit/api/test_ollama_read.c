/* What clients of Ollama send is understood as they mean it, with Ollama's own defaults. */
#include "api/ollama_read.h"
#include "tests/unit/api/api_test.h"

#define HI "\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"

static const struct api_test_row chat_rows[] = {
    {"the least there is", "{" HI "}",
     "user hi\n\nmodel m tokens 0 choice auto one 0 temperature 0.8 top_k 40 seed -1 stops 0 "
     "stream "
     "1",
     NULL},
    {"no messages only load", "{\"model\": \"m\"}", "load 1", NULL},
    {"calls have objects as arguments",
     "{\"model\": \"m\", \"messages\": [{\"role\": \"assistant\", \"content\": \"\", \"thinking\": "
     "\"hm\", \"tool_calls\": [{\"function\": {\"name\": \"look\", \"arguments\": {\"a\": 1}}}]}, "
     "{\"role\": \"tool\", \"tool_name\": \"look\", \"content\": \"2\"}]}",
     "assistant [hm]  (call  look {\"a\": 1})\ntool 2\n", NULL},
    {"options",
     "{" HI ", \"stream\": false, \"options\": {\"temperature\": 0, \"top_k\": 1, \"seed\": 4, "
     "\"num_predict\": 12, \"stop\": [\"x\"], \"num_gpu\": 7}}",
     "tokens 12 choice auto one 0 temperature 0 top_k 1 seed 4 stops 1 stream 0", NULL},
    {"a context", "{" HI ", \"options\": {\"num_ctx\": 8192}}", "context 8192", NULL},
    {"half a token of context", "{" HI ", \"options\": {\"num_ctx\": 0.5}}", NULL, "num_ctx"},
    {"any JSON", "{" HI ", \"format\": \"json\"}", "{\"type\": \"object\"}", NULL},
    {"a schema", "{" HI ", \"format\": {\"type\": \"array\"}}", "{\"type\": \"array\"}", NULL},
    {"no thinking", "{" HI ", \"think\": false}", "thinking 2", NULL},
    {"much thinking", "{" HI ", \"think\": \"high\"}", "thinking 1", NULL},

    {"no model", "{\"messages\": []}", NULL, "model is missing"},
    {"an image", "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"images\": [\"x\"]}]}",
     NULL, "images"},
    {"a format that is none", "{" HI ", \"format\": \"yaml\"}", NULL, "format"},
    {"an unknown role", "{\"model\": \"m\", \"messages\": [{\"role\": \"x\"}]}", NULL, "\"x\""},
    {"an option out of range", "{" HI ", \"options\": {\"top_p\": 2}}", NULL, "top_p"},
};

static const struct api_test_row generate_rows[] = {
    {"a prompt", "{\"model\": \"m\", \"prompt\": \"hi\", \"system\": \"s\"}", "system s\nuser hi\n",
     NULL},
    {"raw", "{\"model\": \"m\", \"prompt\": \"hi\", \"raw\": true}", "raw 1", NULL},
    {"no prompt only loads", "{\"model\": \"m\"}", "load 1", NULL},
    {"a gap to fill", "{\"model\": \"m\", \"prompt\": \"a\", \"suffix\": \"b\"}",
     "raw 1 middle a|b", NULL},
};

static void chats_are_read(void **state)
{
    (void)state;
    api_test_rows(ollama_read_chat, chat_rows, ARRAY_LEN(chat_rows));
}

static void prompts_are_read(void **state)
{
    (void)state;
    api_test_rows(ollama_read_generate, generate_rows, ARRAY_LEN(generate_rows));
}

int test_ollama_read(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chats_are_read),
        cmocka_unit_test(prompts_are_read),
    };
    return cmocka_run_group_tests_name("ollama_read", tests, NULL, NULL);
}
