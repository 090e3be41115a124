/* What llama.cpp's clients and editors' completion plugins send. */
#include "api/llama_read.h"
#include "tests/unit/api/api_test.h"

static const struct api_test_row completion_rows[] = {
    {"a text", "{\"prompt\": \"once\", \"n_predict\": 7, \"seed\": 3}",
     "once\nmodel  tokens 7 choice auto one 0 temperature 0.8 top_k 40 seed 3", NULL},
    {"to the end", "{\"prompt\": \"once\", \"n_predict\": -1, \"stop\": [\"x\"]}", "tokens 0",
     NULL},
    {"held to a schema", "{\"prompt\": \"a\", \"json_schema\": {\"type\": \"object\"}}",
     "{\"type\": \"object\"}", NULL},
    {"held to a grammar", "{\"prompt\": \"a\", \"grammar\": \"root ::= x\"}", "grammar root ::= x",
     NULL},
    {"held to nothing", "{\"prompt\": \"a\", \"grammar\": \"\", \"json_schema\": {}}", "raw 1",
     NULL},
    {"tokens", "{\"prompt\": [1, 22]}", "<1><22>\n", NULL},
    {"one list of tokens", "{\"prompt\": [[3]]}", "<3>\n", NULL},
    {"tokens and texts are one prompt", "{\"prompt\": [1, 2, \"a\", 3, \"b\", \"c\", 4]}",
     "<1><2>a<3>bc<4>\n", NULL},
    {"several texts", "{\"prompt\": [\"a\", \"b\"]}", "a|b\n", NULL},
    {"several prompts of every form",
     "{\"prompt\": [[1, \"x\", 2], [3], \"a\", {\"prompt_string\": \"b\"}], \"n_cmpl\": 2}",
     "<1>x<2>|<3>|a|b\nmodel", NULL},
    {"several answers to each", "{\"prompt\": \"a\", \"n_cmpl\": 2}", "n 2", NULL},
    {"nothing to be made", "{\"prompt\": \"a\", \"n_predict\": 0}", "reads", NULL},
    {"a stream has the tokens", "{\"prompt\": \"a\", \"stream\": true}", "ids", NULL},
    {"what is told beside the text",
     "{\"prompt\": \"a\", \"return_tokens\": true, \"return_progress\": true, "
     "\"timings_per_token\": true, \"response_fields\": [\"content\", \"timings/prompt_n\"]}",
     "ids progress timings fields [\"content\", \"timings/prompt_n\"]", NULL},
    {"one text in an object", "{\"prompt\": [{\"prompt_string\": \"once\"}]}", "once\n", NULL},
    {"probabilities", "{\"prompt\": \"a\", \"n_probs\": 3}", "logprobs 3", NULL},
    {"what says nothing", "{\"prompt\": \"a\", \"mirostat\": 0, \"id_slot\": 3, \"typical_p\": 1}",
     "raw 1", NULL},

    {"no text", "{}", NULL, "prompt is neither a text nor a list of tokens"},
    {"an empty list", "{\"prompt\": []}", NULL, "prompt is an empty list"},
    {"an empty list in one", "{\"prompt\": [[], \"a\"]}", NULL, "prompt is an empty list"},
    {"tokens and something else", "{\"prompt\": [[1, null]]}", NULL, "mixes tokens"},
    {"tokens beside lists", "{\"prompt\": [1, [2]]}", NULL,
     "prompt is neither a text nor a list of tokens"},
    {"a token that is none", "{\"prompt\": [-1]}", NULL, "a number that is no token"},
    {"half a token", "{\"prompt\": [1.5]}", NULL, "a number that is no token"},
    {"fields that are none", "{\"prompt\": \"a\", \"response_fields\": [3]}", NULL,
     "response_fields[0]"},
    {"too many answers", "{\"prompt\": \"a\", \"n_cmpl\": 17}", NULL, "n_cmpl"},
    {"another kind of sampling", "{\"prompt\": \"a\", \"typical_p\": 0.5}", NULL, "typical_p"},
    {"other probabilities", "{\"prompt\": \"a\", \"post_sampling_probs\": true}", NULL,
     "post_sampling_probs"},
    {"an image", "{\"prompt\": {\"prompt_string\": \"a\", \"multimodal_data\": [\"x\"]}}", NULL,
     "multimodal_data"},
    {"too many probabilities", "{\"prompt\": \"a\", \"n_probs\": 21}", NULL, "n_probs"},
    {"another sampler", "{\"prompt\": \"a\", \"mirostat\": 2}", NULL, "mirostat is not supported"},
    {"a grammar that is none", "{\"prompt\": \"a\", \"grammar\": 3}", NULL,
     "grammar is not a text"},
    {"held twice", "{\"prompt\": \"a\", \"grammar\": \"x\", \"json_schema\": {\"a\": 1}}", NULL,
     "not to both"},
    {"a schema that is none", "{\"prompt\": \"a\", \"json_schema\": 3}", NULL, "json_schema"},
};

static const struct api_test_row infill_rows[] = {
    {"a gap", "{\"input_prefix\": \"int a\", \"input_suffix\": \";\", \"prompt\": \" = \"}",
     "middle int a = |;", NULL},
    {"beside other files",
     "{\"input_prefix\": \"a\", \"input_suffix\": \"\", \"input_extra\": [{\"filename\": \"b.h\", "
     "\"text\": \"int b;\"}, {\"text\": \"c\"}]}",
     "middle a| file b.h: int b; file : c", NULL},

    {"no gap", "{\"prompt\": \"a\"}", NULL, "input_prefix and input_suffix are missing"},
    {"a file without text", "{\"input_prefix\": \"a\", \"input_extra\": [{\"filename\": \"b\"}]}",
     NULL, "input_extra[0] has no text"},
    {"files that are none", "{\"input_prefix\": \"a\", \"input_extra\": 3}", NULL, "input_extra"},
    {"a number", "{\"input_prefix\": 4}", NULL, "input_prefix"},
};

static void completions_are_read(void **state)
{
    (void)state;
    api_test_rows(llama_read_completion, completion_rows, ARRAY_LEN(completion_rows));
}

static void gaps_are_read(void **state)
{
    (void)state;
    api_test_rows(llama_read_infill, infill_rows, ARRAY_LEN(infill_rows));
}

static void a_request_has_few_prompts(void **state)
{
    (void)state;
    for (size_t count = API_PROMPTS_MAX; count <= API_PROMPTS_MAX + 1; count++) {
        CLEANUP(json_decrefp) json_t *body = json_pack("{s:[]}", "prompt");
        CLEANUP(api_request_done) struct api_request request = {0};
        struct error told = {0};
        for (size_t i = 0; i < count; i++)
            json_array_append_new(json_object_get(body, "prompt"), json_string("a"));
        const enum status status = llama_read_completion(body, &request, &told);
        assert_int_equal(status, count > API_PROMPTS_MAX ? E_LIMIT : OK);
    }
}

int test_llama_read(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_few_prompts),
        cmocka_unit_test(completions_are_read),
        cmocka_unit_test(gaps_are_read),
    };
    return cmocka_run_group_tests_name("llama_read", tests, NULL, NULL);
}
