/* What a model reads of a request, and which of its tokens a client's words mean. */
#include "api/openai_read.h"
#include "api/prompt.h"
#include "chat/chat_spans.h"
#include "engine/engine.h"
#include "tests/unit/api/api_test.h"
#include "tokenizer/token_list.h"
#include "tokenizer/tokenizer.h"

static struct engine *engine;

static int open_engine(void **state)
{
    (void)state;
    struct error err = {0};
    const struct engine_config config = {.context_tokens = 256, .thread_count = 1};
    return engine_open(&config, &engine, &err) == OK ? 0 : -1;
}

static int close_engine(void **state)
{
    (void)state;
    engine_close(engine);
    return 0;
}

/* Reads `body` and renders it; the status of whichever came to an end. */
static enum status make(const char *body, struct api_request *request, struct chat_spans *spans,
                        struct error *err)
{
    CLEANUP(json_decrefp) json_t *value = NULL;
    TRY(json_parse(str_from_c(body), NULL, &value, err));
    TRY(openai_read_chat(value, request, err));
    return prompt_make(engine, request, 0, spans, err);
}

#define HI "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"
#define TOOLS                                                                     \
    ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look\"}}," \
    " {\"type\": \"function\", \"function\": {\"name\": \"write\"}}]"
#define ALLOWED                                                                                 \
    ", \"tool_choice\": {\"type\": \"allowed_tools\", \"allowed_tools\": {\"mode\": \"auto\", " \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"write\"}}]}}"

/* Who allows a few tools for a turn keeps the beginning that all turns share. */
static void the_model_is_told_of_tools_it_may_not_call(void **state)
{
    (void)state;
    CLEANUP(api_request_done) struct api_request all = {0};
    CLEANUP(api_request_done) struct api_request few = {0};
    CLEANUP(chat_spans_done) struct chat_spans all_spans = {0};
    CLEANUP(chat_spans_done) struct chat_spans few_spans = {0};
    assert_ok(make("{" HI TOOLS "}", &all, &all_spans, err));
    assert_ok(make("{" HI TOOLS ALLOWED "}", &few, &few_spans, err));
    assert_string_equal(strbuf_c(&few_spans.text), strbuf_c(&all_spans.text));
    assert_non_null(strstr(strbuf_c(&few_spans.text), "look"));
    assert_int_equal(json_array_size(all.chat.tools), 2);
    assert_int_equal(json_array_size(few.chat.tools), 1); /* what the mask is made of */
}

/* The biases of `request` are those of the tokens of `text`. */
static void assert_tokens(const struct api_request *request, size_t from, const char *text,
                          float add)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    assert_ok(tokenizer_encode(engine_tokenizer(engine), str_from_c(text), 0, &list, err));
    assert_true(list.count > 0 && from + list.count <= request->bias_count);
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(request->biases[from + i].id, list.ids[i]);
        assert_true(request->biases[from + i].add == add);
    }
}

static void a_bias_of_a_text_is_one_of_all_its_tokens(void **state)
{
    (void)state;
    CLEANUP(api_request_done) struct api_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    CLEANUP(chat_spans_done) struct chat_spans again = {0};
    assert_ok(make("{" HI ", \"logit_bias\": [[\"two words\", 2], [7, -1], [\"<|im_end|>\", 3]]}",
                   &request, &spans, err));
    assert_int_equal(request.biases[0].id, 7);
    assert_tokens(&request, 1, "two words", 2);
    const size_t count = request.bias_count;
    CLEANUP(token_list_done) struct token_list words = {0};
    CLEANUP(token_list_done) struct token_list marker = {0};
    assert_ok(tokenizer_encode(engine_tokenizer(engine), STR("two words"), 0, &words, err));
    assert_ok(tokenizer_encode(engine_tokenizer(engine), STR("<|im_end|>"), 0, &marker, err));
    assert_true(words.count > 1 && marker.count > 1); /* a text, not the marker */
    assert_int_equal(count, 1 + words.count + marker.count);
    assert_tokens(&request, 1 + words.count, "<|im_end|>", 3);
    assert_ok(prompt_make(engine, &request, 0, &again, err)); /* of the next answer */
    assert_int_equal(request.bias_count, count);
}

static void biases_of_texts_have_a_limit(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf body = {0};
    strbuf_add_c(&body, "{" HI ", \"logit_bias\": {\"");
    for (int i = 0; i <= SAMPLER_BIASES_MAX; i++)
        strbuf_addf(&body, "%d ", i);
    strbuf_add_c(&body, "\": 1}}");
    CLEANUP(api_request_done) struct api_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct error told = {0};
    assert_int_equal(make(strbuf_c(&body), &request, &spans, &told), E_LIMIT);
    assert_non_null(strstr(told.text, "more than 1024 tokens"));
}

int test_prompt(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_told_of_tools_it_may_not_call),
        cmocka_unit_test(a_bias_of_a_text_is_one_of_all_its_tokens),
        cmocka_unit_test(biases_of_texts_have_a_limit),
    };
    return cmocka_run_group_tests_name("prompt", tests, open_engine, close_engine);
}
