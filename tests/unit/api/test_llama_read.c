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
    {"tokens", "{\"prompt\": [1, 22]}", "id 1 id 22", NULL},
    {"one list of tokens", "{\"prompt\": [[3]]}", "id 3", NULL},
    {"one text in an object", "{\"prompt\": [{\"prompt_string\": \"once\"}]}", "once\n", NULL},
    {"probabilities", "{\"prompt\": \"a\", \"n_probs\": 3}", "logprobs 3", NULL},
    {"what says nothing", "{\"prompt\": \"a\", \"mirostat\": 0, \"id_slot\": 3}", "raw 1", NULL},

    {"no text", "{}", NULL, "prompt is not one text"},
    {"tokens and text", "{\"prompt\": [1, \"a\"]}", NULL, "mixes tokens"},
    {"a token that is none", "{\"prompt\": [-1]}", NULL, "mixes tokens"},
    {"several texts", "{\"prompt\": [\"a\", \"b\"]}", NULL, "prompt is not one text"},
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

int test_llama_read(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_are_read),
        cmocka_unit_test(gaps_are_read),
    };
    return cmocka_run_group_tests_name("llama_read", tests, NULL, NULL);
}
