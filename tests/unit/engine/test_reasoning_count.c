/*
 * Tokens of thinking are counted as they are made: with the mark that ends it, without the one that
 * opens it, and without a call that begins inside. What the model writes is given.
 */
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "tests/holt_test.h"
#include "tokenizer/token_list.h"

enum { CONTEXT = 256, PARTS_MAX = 4 };

#define CALL "<tool_call>\n{\"name\": \"look\", \"arguments\": {}}\n</tool_call>"

static const struct {
    const char *name;
    bool starts_in_reasoning;
    bool is_plain;
    struct {
        const char *text;
        bool counts;
    } parts[PARTS_MAX];
} rows[] = {
    {"no thinking", false, false, {{"yes", false}}},
    {"the prompt opened it", true, false, {{"hm, so\n</think>", true}, {"\n\nyes", false}}},
    {"the model opens it",
     false,
     false,
     {{"<think>", false}, {"hm</think>", true}, {"yes", false}}},
    {"an empty one", true, false, {{"</think>", true}, {"yes", false}}},
    {"it never ends", true, false, {{"hm, hm", true}}},
    {"a call behind it", true, false, {{"hm</think>", true}, {"\n" CALL, false}}},
    {"a call in it", true, false, {{"hm\n", true}, {CALL, false}, {"done", false}}},
    {"what is no call in it",
     true,
     false,
     {{"hm <tool_call>{\"name\": 3}</tool_call> so</think>", true}, {"yes", false}}},
    {"a call in it that never ends", true, false, {{"hm\n<tool_call>\n{\"na", true}}},
    {"a text in which nothing is looked for", false, true, {{"<think>hm</think>", false}}},
};

static void thinking_is_counted(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    const struct engine_config config = {.context_tokens = CONTEXT, .thread_count = 1};
    const struct sampler_options sampler = {.temperature = 0};
    const struct session_segment segment = {.text = STR("hello"), .origin = SEGMENT_USER};
    assert_ok(engine_open(&config, &engine, err));
    engine->reasoning = (struct output_parser_reasoning){STR("<think>"), STR("</think>")};
    engine->tool_format = tool_format_find(STR("hermes"));
    assert_non_null(engine->tool_format);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_list written = {0};
        struct session *session = NULL;
        struct session_result result;
        uint32_t wanted = 0;
        test_case(rows[i].name);
        for (size_t k = 0; k < PARTS_MAX && rows[i].parts[k].text; k++) {
            const size_t before = written.count;
            assert_ok(tokenizer_encode(engine->tokenizer, str_from_c(rows[i].parts[k].text),
                                       TOKENIZER_PARSE_SPECIAL, &written, err));
            wanted += rows[i].parts[k].counts ? (uint32_t)(written.count - before) : 0;
        }
        const struct session_limits limits = {
            .token_count_max = (uint32_t)written.count,
            .starts_in_reasoning = rows[i].starts_in_reasoning,
            .is_plain = rows[i].is_plain,
            .ignores_end = true,
            .replayed = written.ids,
        };
        assert_ok(session_new(engine, &sampler, &session, err));
        assert_ok(session_append(session, &segment, 1, err));
        assert_ok(session_generate(session, &limits, NULL, NULL, NULL, NULL, &result, err));
        assert_int_equal(result.generated_tokens, written.count);
        assert_int_equal(result.reasoning_tokens, wanted);
        session_free(session);
        token_list_done(&written);
    }
    engine_close(engine);
}

struct heard {
    int32_t ids[8];
    size_t count;
    double logprob;
};

static bool hear(void *context, const struct chat_event *event)
{
    struct heard *heard = context;
    if (event->kind == CHAT_EVENT_TOKEN) {
        assert_int_equal(event->token_count, 1);
        heard->ids[heard->count++] = event->tokens[0].id;
        heard->logprob += event->tokens[0].logprob;
    }
    return true;
}

static void tokens_are_told_and_a_prompt_may_only_be_read(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    struct session *session = NULL;
    struct session_result result;
    struct heard heard = {0};
    const struct engine_config config = {.context_tokens = CONTEXT, .thread_count = 1};
    const struct sampler_options sampler = {.temperature = 0};
    const struct session_segment segment = {.text = STR("hello"), .origin = SEGMENT_USER};
    assert_ok(engine_open(&config, &engine, err));
    assert_ok(session_new(engine, &sampler, &session, err));
    assert_ok(session_append(session, &segment, 1, err));
    const uint32_t prompt = session_token_count(session);
    struct session_limits limits = {.only_reads = true, .is_plain = true};
    assert_ok(session_generate(session, &limits, NULL, hear, NULL, &heard, &result, err));
    assert_int_equal(result.end, SESSION_END_LENGTH);
    assert_int_equal(result.generated_tokens, 0);
    assert_int_equal(session_token_count(session), prompt);
    assert_int_equal(session_pending(session), 0);
    limits = (struct session_limits){
        .wants_ids = true, .is_plain = true, .token_count_max = 4, .ignores_end = true};
    assert_ok(session_generate(session, &limits, NULL, hear, NULL, &heard, &result, err));
    assert_int_equal(heard.count, 4);
    assert_true(heard.logprob == 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(heard.ids[i], session_token(session, prompt + i));
    session_free(session);
    engine_close(engine);
}

int test_reasoning_count(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_is_counted),
        cmocka_unit_test(tokens_are_told_and_a_prompt_may_only_be_read),
    };
    return cmocka_run_group_tests_name("reasoning_count", tests, NULL, NULL);
}
