/*
 * Clients store vectors and compare them with those of other days and other protocols: every form
 * of the answer must carry the same numbers, and a ranking must be in order.
 */
#include "api/embeddings.h"
#include "tests/tiny_encoder.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>

enum { DIM = 48 };

struct served {
    struct embed *embed;
    struct api_model model;
    struct api_context context;
};

static double no_clock(void)
{
    return 0;
}

static void serve(struct served *served, enum tiny_encoder_kind kind)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/model.gguf", test_folder());
    struct strbuf bytes = tiny_encoder_bytes(kind);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    strbuf_done(&bytes);
    bool is_made_for = false;
    assert_ok(embed_is_made_for(path, &is_made_for, err));
    assert_true(is_made_for);
    const struct embed_config config = {.model_path = path, .thread_count = 1};
    assert_ok(embed_open(&config, &served->embed, err));
    served->model = (struct api_model){.embed = served->embed, .name = STR("otter")};
    served->context = (struct api_context){.model = &served->model, .seconds = no_clock};
}

static json_t *ask(struct served *served, route_answer_fn *answer, const char *body)
{
    struct api_failure failure = {0};
    json_t *request = json_loads(body, 0, NULL);
    json_t *value = answer(&served->context, request, &failure);
    if (!value)
        fail_msg("%s: %s", body, failure.text);
    json_decref(request);
    return value;
}

static void assert_refused(struct served *served, route_answer_fn *answer, const char *body,
                           int http_status, const char *part)
{
    struct api_failure failure = {0};
    json_t *request = json_loads(body, 0, NULL);
    json_t *value = answer(&served->context, request, &failure);
    json_decref(request);
    assert_null(value);
    assert_int_equal(failure.http_status, http_status);
    if (!strstr(failure.text, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", body, failure.text, part);
}

static const json_t *vector_of(const json_t *answer, size_t index)
{
    return json_object_get(json_array_get(json_object_get(answer, "data"), index), "embedding");
}

static void every_form_has_the_same_numbers(void **state)
{
    (void)state;
    struct served s = {0};
    serve(&s, TINY_BERT);
    const struct str texts[] = {STR("the otters den"), STR("a river")};
    float want[2][DIM];
    assert_ok(embed_texts(s.embed, texts, 2, &(struct embed_options){0}, want[0], NULL, err));

    json_t *plain = ask(&s, embeddings_openai, "{\"input\": [\"the otters den\", \"a river\"]}");
    json_t *packed = ask(&s, embeddings_openai,
                         "{\"input\": [\"the otters den\", \"a river\"], \"model\": \"otter\","
                         " \"encoding_format\": \"base64\"}");
    json_t *ollama = ask(&s, embeddings_ollama, "{\"input\": [\"the otters den\", \"a river\"]}");
    for (size_t t = 0; t < 2; t++) {
        float got[DIM];
        size_t size = 0;
        const json_t *text = vector_of(packed, t);
        assert_int_equal(sodium_base642bin((unsigned char *)got, sizeof(got),
                                           json_string_value(text), json_string_length(text), NULL,
                                           &size, NULL, sodium_base64_VARIANT_ORIGINAL),
                         0);
        assert_int_equal(size, sizeof(got));
        assert_memory_equal(got, want[t], sizeof(got));
        const json_t *row = json_array_get(json_object_get(ollama, "embeddings"), t);
        assert_int_equal(json_array_size(vector_of(plain, t)), DIM);
        for (size_t d = 0; d < DIM; d++) {
            const double number = json_real_value(json_array_get(vector_of(plain, t), d));
            assert_true((float)number == want[t][d]);
            assert_true((float)json_real_value(json_array_get(row, d)) == want[t][d]);
        }
    }
    const json_t *usage = json_object_get(plain, "usage");
    assert_int_equal(json_integer_value(json_object_get(usage, "prompt_tokens")),
                     json_integer_value(json_object_get(ollama, "prompt_eval_count")));
    json_decref(plain);
    json_decref(packed);
    json_decref(ollama);
    embed_close(s.embed);
}

static void fewer_dimensions_have_length_one_again(void **state)
{
    (void)state;
    struct served s = {0};
    serve(&s, TINY_BERT);
    json_t *whole = ask(&s, embeddings_openai, "{\"input\": \"the otters den\"}");
    json_t *part = ask(&s, embeddings_openai, "{\"input\": \"the otters den\", \"dimensions\": 8}");
    double sum = 0;
    assert_int_equal(json_array_size(vector_of(part, 0)), 8);
    const double ratio = json_real_value(json_array_get(vector_of(part, 0), 0)) /
                         json_real_value(json_array_get(vector_of(whole, 0), 0));
    for (size_t d = 0; d < 8; d++) {
        const double number = json_real_value(json_array_get(vector_of(part, 0), d));
        sum += number * number;
        assert_true(fabs(number - ratio * json_real_value(json_array_get(vector_of(whole, 0), d))) <
                    1e-6);
    }
    assert_true(fabs(sum - 1) < 1e-5);
    json_decref(whole);
    json_decref(part);
    embed_close(s.embed);
}

static void a_text_that_is_too_long_is_cut_only_on_demand(void **state)
{
    (void)state;
    struct served s = {0};
    struct strbuf body = {0};
    serve(&s, TINY_BERT);
    strbuf_add_c(&body, "{\"input\": \"");
    for (int i = 0; i < 3 * TINY_ENCODER_CONTEXT; i++)
        strbuf_add_c(&body, "otter ");
    const size_t text_end = body.len;
    strbuf_add_c(&body, "\"}");
    assert_refused(&s, embeddings_ollama, strbuf_c(&body), 400, "(limit 96)");
    strbuf_truncate(&body, text_end);
    strbuf_add_c(&body, "\", \"truncate\": true}");
    json_t *cut = ask(&s, embeddings_ollama, strbuf_c(&body));
    assert_int_equal(json_integer_value(json_object_get(cut, "prompt_eval_count")),
                     TINY_ENCODER_CONTEXT);
    json_decref(cut);
    strbuf_done(&body);
    embed_close(s.embed);
}

static void a_ranking_is_in_order(void **state)
{
    (void)state;
    struct served s = {0};
    serve(&s, TINY_BERT_RANK);
    const struct str documents[] = {STR("the den"), STR("a river is deep"), STR("otters")};
    float want[3];
    assert_ok(embed_rank(s.embed, STR("where is the otter?"), documents, 3, want, NULL, err));
    json_t *answer =
        ask(&s, embeddings_rerank,
            "{\"query\": \"where is the otter?\", \"documents\": [\"the den\", {\"text\": \"a river"
            " is deep\"}, \"otters\"], \"return_documents\": true}");
    const json_t *results = json_object_get(answer, "results");
    assert_int_equal(json_array_size(results), 3);
    double before = (double)INFINITY;
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(results, i);
        const size_t index = (size_t)json_integer_value(json_object_get(row, "index"));
        const double score = json_real_value(json_object_get(row, "relevance_score"));
        const json_t *document = json_object_get(json_object_get(row, "document"), "text");
        assert_true((float)score == want[index]);
        assert_true(score <= before);
        assert_memory_equal(json_string_value(document), documents[index].ptr,
                            documents[index].len);
        before = score;
    }
    json_decref(answer);
    answer = ask(&s, embeddings_rerank,
                 "{\"query\": \"a\", \"documents\": [\"the den\", \"otters\"], \"top_n\": 1}");
    assert_int_equal(json_array_size(json_object_get(answer, "results")), 1);
    json_decref(answer);
    embed_close(s.embed);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct served s = {0};
    serve(&s, TINY_BERT);
    assert_refused(&s, embeddings_openai, "{}", 400, "input is missing");
    assert_refused(&s, embeddings_openai, "{\"input\": []}", 400, "input is missing");
    assert_refused(&s, embeddings_openai, "{\"input\": [1, 2]}", 400, "token numbers");
    assert_refused(&s, embeddings_openai, "{\"input\": [[1]]}", 400, "token numbers");
    assert_refused(&s, embeddings_openai, "{\"input\": {}}", 400, "not a text");
    assert_refused(&s, embeddings_openai, "{\"input\": \"a\", \"encoding_format\": \"hex\"}", 400,
                   "float or base64");
    assert_refused(&s, embeddings_openai, "{\"input\": \"a\", \"dimensions\": 49}", 400, "1 to 48");
    assert_refused(&s, embeddings_ollama_prompt, "{\"prompt\": [\"a\", \"b\"]}", 400, "one text");
    assert_refused(&s, embeddings_rerank, "{\"documents\": [\"a\"]}", 400, "query is missing");
    assert_refused(&s, embeddings_rerank, "{\"query\": \"a\", \"documents\": [\"a\"]}", 400,
                   "cannot rerank");
    embed_close(s.embed);
}

int test_embeddings(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_the_same_numbers),
        cmocka_unit_test(fewer_dimensions_have_length_one_again),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_only_on_demand),
        cmocka_unit_test(a_ranking_is_in_order),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests_name("embeddings", tests, NULL, NULL);
}
