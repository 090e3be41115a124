/* What clients of OpenAI send is understood as they mean it, and what is wrong is named. */
#include "api/openai_read.h"
#include "tests/unit/api/api_test.h"

#define HI "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"
#define TOOLS                                                                    \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look\"}}, " \
    "{\"type\": \"function\", \"function\": {\"name\": \"write\"}}]"

#define CUSTOM(name, format) \
    "{\"type\": \"custom\", \"custom\": {\"name\": \"" name "\", \"description\": \"d\"" format "}}"
#define FORMAT(type, more) ", \"format\": {\"type\": \"" type "\"" more "}"

#define NAMED(name)        "{\"type\": \"function\", \"function\": {\"name\": \"" name "\"}}"
#define ALLOWED(mode, tools)                                                                       \
    "{\"type\": \"allowed_tools\", \"allowed_tools\": {\"mode\": \"" mode "\", \"tools\": [" tools \
    "]}}"

static const struct api_test_row rows[] = {
    {"the least there is", "{" HI "}", "user hi\n\nmodel  tokens 0 choice auto one 0 temperature 1",
     NULL},
    {"parts of text are joined",
     "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}, "
     "{\"type\": \"text\", \"text\": \"b\"}]}]}",
     "user ab\n", NULL},
    {"roles",
     "{\"messages\": [{\"role\": \"developer\", \"content\": \"d\"}, {\"role\": \"system\", "
     "\"content\": \"s\"}]}",
     "developer d\nsystem s\n", NULL},
    {"a turn with calls and results",
     "{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"reasoning_content\": \"hm\", "
     "\"tool_calls\": [{\"id\": \"c1\", \"type\": \"function\", \"function\": {\"name\": \"look\", "
     "\"arguments\": \"{\\\"a\\\": 1}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"c1\", "
     "\"content\": \"2\"}]}",
     "assistant [hm]  (call c1 look {\"a\": 1})\ntool 2 (for c1)\n", NULL},
    {"arguments that are no JSON stay a text",
     "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c\", \"function\": "
     "{\"name\": \"look\", \"arguments\": \"{a\"}}]}]}",
     "(call c look \"{a\")", NULL},
    {"only a named tool may be called",
     "{" HI ", " TOOLS ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": "
     "\"write\"}}}",
     "raw 0 only write", NULL},
    {"the others stay in the prompt", "{" HI ", " TOOLS ", \"tool_choice\": {\"name\": \"write\"}}",
     "{\"name\": \"look\"}}, {\"type\": \"function\", \"function\": {\"name\": \"write\"}}]\nmodel "
     " tokens 0 choice required",
     NULL},
    {"required",
     "{" HI ", " TOOLS ", \"tool_choice\": \"required\", \"parallel_tool_calls\": false}",
     "choice required one 1", NULL},
    {"a custom tool is a function of one text",
     "{" HI ", \"tools\": [" CUSTOM("edit", FORMAT("text", "")) "]}",
     "[{\"type\": \"function\", \"function\": {\"name\": \"edit\", \"description\": \"d\", "
     "\"parameters\": {\"type\": \"object\", \"properties\": {\"input\": {\"type\": \"string\"}}, "
     "\"required\": [\"input\"], \"additionalProperties\": false}}}]",
     NULL},
    {"the way back of a custom tool is kept",
     "{" HI
     ", \"tools\": [" CUSTOM("edit", "") ", {\"type\": \"function\", \"function\": {\"name\": "
                                         "\"look\"}}]}",
     "names {\"edit\": {\"name\": \"edit\", \"custom\": true}}", NULL},
    {"a custom tool's grammar is kept for the mask",
     "{" HI
     ", \"tools\": [" CUSTOM("edit", FORMAT("grammar", ", \"grammar\": {\"syntax\": \"regex\", "
                                                       "\"definition\": \"a+\"}")) "]}",
     "grammars {\"edit\": {\"syntax\": \"regex\", \"definition\": \"a+\"}}", NULL},
    {"a custom tool is required",
     "{" HI ", \"tools\": [" CUSTOM("edit", "") "], \"tool_choice\": {\"type\": \"custom\", "
                                                "\"custom\": {\"name\": \"edit\"}}}",
     "raw 0 only edit", NULL},
    {"a call of a custom tool and its result",
     "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c1\", \"type\": "
     "\"custom\", \"custom\": {\"name\": \"edit\", \"input\": \"a\\nb\"}}]}, {\"role\": \"tool\", "
     "\"tool_call_id\": \"c1\", \"content\": \"done\"}]}",
     "assistant  (call c1 edit {\"input\": \"a\\nb\"})\ntool done (for c1)\n", NULL},
    {"few tools may be called and all are told",
     "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("required", NAMED("write")) "}",
     "[{\"type\": \"function\", \"function\": {\"name\": \"write\"}}]\nmodel  tokens 0 choice "
     "required",
     NULL},
    {"the model is told of all",
     "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("auto", NAMED("write")) "}",
     "told [{\"type\": \"function\", \"function\": {\"name\": \"look\"}}, {\"type\": \"function\", "
     "\"function\": {\"name\": \"write\"}}]",
     NULL},
    {"and may write instead",
     "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("auto", NAMED("write") ", " NAMED("look")) "}",
     "choice auto", NULL},
    {"a custom tool among the few",
     "{" HI ", \"tools\": [" CUSTOM("edit", "") "], \"tool_choice\": " ALLOWED(
         "auto", "{\"type\": \"custom\", \"custom\": {\"name\": \"edit\"}}") "}",
     "told [{", NULL},
    {"no tools", "{" HI ", \"tools\": [], \"tool_choice\": \"none\"}", "choice none", NULL},
    {"both names of the length",
     "{" HI ", \"max_tokens\": 5, \"max_completion_tokens\": 7, \"model\": \"m\"}",
     "model m tokens 7", NULL},
    {"sampling and stops",
     "{" HI ", \"temperature\": 0.5, \"top_k\": 3, \"seed\": 9, \"stop\": [\"a\", \"b\"]}",
     "temperature 0.5 top_k 3 seed 9 stops 2", NULL},
    {"a schema",
     "{" HI ", \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"n\", "
     "\"schema\": {\"type\": \"object\"}}}}",
     "{\"type\": \"object\"}\nmodel", NULL},
    {"an answer that goes on",
     "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", "
     "\"content\": \"ho\"}], \"continue_final_message\": true}",
     "continues", NULL},
    {"nothing that could go on", "{" HI ", \"continue_final_message\": true}", "raw 0", NULL},
    {"any object", "{" HI ", \"response_format\": {\"type\": \"json_object\"}}",
     "{\"type\": \"object\"}\nmodel", NULL},
    {"an object of a schema, as llama.cpp has it",
     "{" HI ", \"response_format\": {\"type\": \"json_object\", \"schema\": {\"const\": 4}}}",
     "{\"const\": 4}\nmodel", NULL},
    {"a schema of llama.cpp's", "{" HI ", \"json_schema\": {\"const\": 4}}",
     "{\"const\": 4}\nmodel", NULL},
    {"a grammar", "{" HI ", \"grammar\": \"root ::= \\\"a\\\"\"}", "grammar root ::= \"a\"", NULL},
    {"a stream that tells how far it is", "{" HI ", \"stream\": true, \"return_progress\": true}",
     "progress", NULL},
    {"a stream with counts",
     "{" HI ", \"stream\": true, \"stream_options\": {\"include_usage\": true}}",
     "stream 1 usage 1", NULL},
    {"no effort is no thinking", "{" HI ", \"reasoning_effort\": \"none\"}", "thinking 2", NULL},
    {"what is unknown is ignored", "{" HI ", \"store\": true, \"metadata\": {}, \"user\": \"u\"}",
     "user hi", NULL},
    {"null is absent",
     "{" HI ", \"stop\": null, \"tools\": null, \"seed\": null, \"stream\": null}",
     "seed -1 stops 0 stream 0", NULL},

    {"probabilities", "{" HI ", \"logprobs\": true, \"top_logprobs\": 5}", "logprobs 5", NULL},
    {"biases", "{" HI ", \"logit_bias\": {\"17\": -100, \"3\": 2.5}}", "bias 17 -100 bias 3 2.5",
     NULL},
    {"biases as pairs", "{" HI ", \"logit_bias\": [[17, 1]]}", "bias 17 1", NULL},
    {"biases of texts, as llama.cpp has them",
     "{" HI ", \"logit_bias\": {\"hello\": 1, \"17\": -2, \"two words\": -0.5}}",
     "bias 17 -2 bias \"hello\" 1 bias \"two words\" -0.5", NULL},
    {"pairs of texts, and never",
     "{" HI ", \"logit_bias\": [[\"hello\", 1], [17, false], [\"no\", false]]}",
     "bias 17 -1e+09 bias \"hello\" 1 bias \"no\" -1e+09", NULL},
    {"no biases", "{" HI ", \"logit_bias\": {}}", "load 0", NULL},
    {"penalties", "{" HI ", \"presence_penalty\": 0.5, \"frequency_penalty\": -1}",
     "presence 0.5 frequency -1", NULL},

    {"no object", "[]", NULL, "not a JSON object"},
    {"likely tokens alone", "{" HI ", \"top_logprobs\": 5}", NULL, "needs logprobs"},
    {"too many likely tokens", "{" HI ", \"logprobs\": true, \"top_logprobs\": 21}", NULL,
     "top_logprobs is not a whole number from 0 to 20"},
    {"a bias of no text", "{" HI ", \"logit_bias\": {\"\": 1}}", NULL,
     "neither by its number nor by a text"},
    {"a bias of a number below all", "{" HI ", \"logit_bias\": {\"-1\": 1}}", NULL,
     "neither by its number nor by a text"},
    {"a bias that is true", "{" HI ", \"logit_bias\": {\"hello\": true}}", NULL,
     "\"hello\" has no number from -100 to 100"},
    {"a bias that is too strong", "{" HI ", \"logit_bias\": {\"1\": 101}}", NULL,
     "no number from -100 to 100"},
    {"a bias that is none", "{" HI ", \"logit_bias\": [5]}", NULL, "logit_bias"},
    {"a penalty that is too strong", "{" HI ", \"presence_penalty\": 3}", NULL,
     "presence_penalty is not a number from -2 to 2"},
    {"no messages", "{}", NULL, "messages is missing"},
    {"messages that are none", "{\"messages\": \"hi\"}", NULL, "messages is not a list"},
    {"no role", "{\"messages\": [{\"content\": \"hi\"}]}", NULL, "has no role"},
    {"an unknown role", "{\"messages\": [{\"role\": \"wizard\"}]}", NULL, "\"wizard\""},
    {"an image",
     "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": "
     "{}}]}]}",
     NULL, "reads only text"},
    {"a number as content", "{\"messages\": [{\"role\": \"user\", \"content\": 1}]}", NULL,
     "neither a text nor a list"},
    {"a call without a name",
     "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c\"}]}]}", NULL,
     "no function name"},
    {"a tool without a name", "{" HI ", \"tools\": [{\"type\": \"function\"}]}", NULL, "tools[0]"},
    {"a tool of another kind", "{" HI ", \"tools\": [{\"type\": \"web\"}]}", NULL, "\"web\""},
    {"a custom tool without a name", "{" HI ", \"tools\": [{\"type\": \"custom\"}]}", NULL,
     "tools[0] has no custom name"},
    {"a grammar without a definition",
     "{" HI ", \"tools\": [" CUSTOM("edit", FORMAT("grammar", ", \"grammar\": {\"syntax\": "
                                                              "\"lark\"}")) "]}",
     NULL, "the format of tool \"edit\""},
    {"a format of another kind", "{" HI ", \"tools\": [" CUSTOM("edit", FORMAT("sound", "")) "]}",
     NULL, "the format of tool \"edit\""},
    {"a function named like a custom tool",
     "{" HI
     ", \"tools\": [" CUSTOM("look", "") ", {\"type\": \"function\", \"function\": {\"name\": "
                                         "\"look\"}}]}",
     NULL, "both named \"look\""},
    {"a custom tool named like a function",
     "{" HI ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look\"}}, " CUSTOM(
         "look", "") "]}",
     NULL, "both named \"look\""},
    {"a call without a custom name",
     "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c\", \"custom\": "
     "{}}]}]}",
     NULL, "no function name"},
    {"a tool that is not there",
     "{" HI ", " TOOLS ", \"tool_choice\": {\"function\": {\"name\": \"fly\"}}}", NULL, "\"fly\""},
    {"none of the tools is allowed",
     "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("auto", "") "}", NULL,
     "allowed_tools names no tool"},
    {"a tool that is not there is allowed",
     "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("auto", NAMED("fly")) "}", NULL,
     "allows \"fly\""},
    {"another mode", "{" HI ", " TOOLS ", \"tool_choice\": " ALLOWED("none", NAMED("look")) "}",
     NULL, "neither auto nor required"},
    {"a choice that is none", "{" HI ", \"tool_choice\": \"maybe\"}", NULL, "tool_choice"},
    {"too hot", "{" HI ", \"temperature\": 3}", NULL, "temperature is not a number from 0 to 2"},
    {"half a token", "{" HI ", \"max_tokens\": 1.5}", NULL, "max_tokens is not a whole number"},
    {"no token", "{" HI ", \"max_tokens\": 0}", NULL, "max_tokens"},
    {"a stop that is none", "{" HI ", \"stop\": [1]}", NULL, "stop text"},
    {"an empty stop", "{" HI ", \"stop\": \"\"}", NULL, "stop"},
    {"too many answers", "{" HI ", \"n\": 17}", NULL, "n is not a whole number from 1 to 16"},
    {"opened and going on",
     "{" HI ", \"continue_final_message\": true, \"add_generation_prompt\": true}", NULL,
     "exclude each other"},
    {"a grammar and a schema",
     "{" HI ", \"grammar\": \"x\", \"response_format\": {\"type\": \"json_object\"}}", NULL,
     "not to both"},
    {"a grammar and tools",
     "{" HI ", \"grammar\": \"x\", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": "
     "\"f\"}}]}",
     NULL, "calls tools, not both"},
    {"an object's schema that is none",
     "{" HI ", \"response_format\": {\"type\": \"json_object\", \"schema\": 3}}", NULL, "schema"},
    {"a format that is none", "{" HI ", \"response_format\": {\"type\": \"xml\"}}", NULL,
     "response_format"},
};

static const struct api_test_row completion_rows[] = {
    {"a text", "{\"prompt\": \"once\", \"max_tokens\": 3}", "once\nmodel  tokens 3", NULL},
    {"a list of one", "{\"prompt\": [\"once\"]}", "raw 1", NULL},
    {"probabilities", "{\"prompt\": \"a\", \"logprobs\": 2}", "logprobs 2", NULL},
    {"the best of those that come", "{\"prompt\": \"a\", \"best_of\": 2, \"n\": 2}", "raw 1", NULL},
    {"an echo", "{\"prompt\": \"a\", \"echo\": true}", "raw 1 echo", NULL},
    {"an echo with probabilities", "{\"prompt\": \"a\", \"echo\": true, \"logprobs\": 2}", NULL,
     "logprobs with echo"},
    {"an echo of tokens", "{\"prompt\": [1, 2], \"echo\": true}", NULL, "given as tokens"},
    {"the best of two", "{\"prompt\": \"a\", \"best_of\": 2}", NULL, "best_of"},
    {"tokens", "{\"prompt\": [1, 2]}", "<1><2>\n", NULL},
    {"several texts", "{\"prompt\": [\"a\", \"b\"], \"n\": 3}", "a|b\n", NULL},
    {"several prompts of tokens", "{\"prompt\": [[1, 2], [3]]}", "<1><2>|<3>\n", NULL},
    {"a number", "{\"prompt\": 1}", NULL, "prompt is neither a text nor a list of tokens"},
    {"too many answers to all prompts",
     "{\"n\": 16, \"prompt\": [\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"]}",
     NULL, "144 answers to 9 prompts (limit 128)"},
    {"a gap in tokens", "{\"prompt\": [1, 2], \"suffix\": \"b\"}", NULL, "given as tokens"},
    {"several gaps", "{\"prompt\": [\"a\", \"b\"], \"suffix\": \"b\"}", NULL, "of several prompts"},
    {"a gap to fill", "{\"prompt\": \"a\", \"suffix\": \"b\"}", "raw 1 middle a|b", NULL},
};

static void chat_requests_are_read(void **state)
{
    (void)state;
    api_test_rows(openai_read_chat, rows, ARRAY_LEN(rows));
}

static void completion_requests_are_read(void **state)
{
    (void)state;
    api_test_rows(openai_read_completion, completion_rows, ARRAY_LEN(completion_rows));
}

int test_openai_read(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_requests_are_read),
        cmocka_unit_test(completion_requests_are_read),
    };
    return cmocka_run_group_tests_name("openai_read", tests, NULL, NULL);
}
