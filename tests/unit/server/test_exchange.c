/* Several answers to several prompts: who begins when, and what they count together. */
#include "server/exchange.h"
#include "tests/holt_test.h"

#include <string.h>

/* Only told apart from none. */
static struct scheduler_task *const TASK = (struct scheduler_task *)&(char){0};

static struct exchange *make(unsigned prompts, unsigned each)
{
    static const uint8_t random[16] = {0};
    bool known = false;
    struct exchange *exchange =
        exchange_new(route_find(STR("POST"), STR("/v1/completions"), &known));
    struct stop_texts stops = {0};
    struct error err = {0};
    CLEANUP(json_decrefp) json_t *list = json_array();
    for (unsigned i = 0; i < prompts; i++)
        json_array_append_new(list, json_sprintf("text %u", i));
    exchange->request.choice_count = each;
    exchange->request.echoes = true;
    assert_int_equal(api_request_read_prompt(&exchange->request, list, &err), OK);
    reply_init(&exchange->reply, &reply_openai_completion, STR("m"), &stops, random, 0);
    exchange_make_choices(exchange, random, 0);
    return exchange;
}

static void begin(struct exchange *exchange, struct exchange_choice *choice)
{
    choice->has_begun = true;
    choice->task = TASK;
    exchange->begun_count++;
}

static void answers_wait_for_the_first_to_their_prompt(void **state)
{
    (void)state;
    struct exchange *exchange = make(2, 2);
    struct exchange_choice *c = exchange->choices;
    assert_int_equal(exchange->choice_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(c[i].prompt, i / 2);
        assert_int_equal(c[i].reply->index, i);
        assert_true(str_equal_c(c[i].reply->echo, i / 2 ? "text 1" : "text 0"));
    }
    assert_ptr_equal(exchange_next_choice(exchange), &c[0]);
    begin(exchange, &c[0]);
    assert_ptr_equal(exchange_next_choice(exchange), &c[2]);
    begin(exchange, &c[2]);
    assert_null(exchange_next_choice(exchange));
    c[2].has_answered = true;
    assert_ptr_equal(exchange_next_choice(exchange), &c[3]);
    begin(exchange, &c[3]);
    assert_null(exchange_next_choice(exchange));
    c[0].has_answered = true;
    assert_ptr_equal(exchange_next_choice(exchange), &c[1]);
    begin(exchange, &c[1]);
    assert_null(exchange_next_choice(exchange));
    exchange_unref(exchange);
}

static void one_request_does_not_fill_the_queue(void **state)
{
    (void)state;
    struct exchange *exchange = make(EXCHANGE_TASKS_MAX + 2, 1);
    for (unsigned i = 0; i < EXCHANGE_TASKS_MAX; i++)
        begin(exchange, exchange_next_choice(exchange));
    assert_null(exchange_next_choice(exchange));
    exchange->choices[5].task = NULL; /* it is over */
    assert_ptr_equal(exchange_next_choice(exchange), &exchange->choices[EXCHANGE_TASKS_MAX]);
    exchange_unref(exchange);
}

static void a_prompt_counts_once(void **state)
{
    (void)state;
    struct exchange *exchange = make(2, 2);
    for (unsigned i = 0; i < 4; i++)
        exchange->choices[i].reply->result =
            (struct session_result){.prompt_tokens = i < 2 ? 10 : 20,
                                    .cached_tokens = i % 2 ? 9 : 1,
                                    .generated_tokens = i};
    for (unsigned i = 0; i < 4; i++) {
        const struct reply_counts others = exchange_others(&exchange->choices[i]);
        const struct session_result *own = &exchange->choices[i].reply->result;
        assert_int_equal(others.prompt_tokens + own->prompt_tokens, 30);
        assert_int_equal(others.cached_tokens + own->cached_tokens, 2);
        assert_int_equal(others.generated_tokens + own->generated_tokens, 6);
    }
    exchange_unref(exchange);
}

/* A stream of that address that came so long ago. */
static struct exchange *make_stream(const char *path, double seconds)
{
    static const uint8_t random[16] = {0};
    bool known = false;
    struct exchange *exchange = exchange_new(route_find(STR("POST"), str_from_c(path), &known));
    struct stop_texts stops = {0};
    reply_init(&exchange->reply, exchange->route->format, STR("m"), &stops, random, 0);
    exchange->reply.streams = true;
    exchange->arrived_seconds -= seconds;
    exchange->written_seconds -= seconds;
    return exchange;
}

static void assert_out(struct exchange *exchange, const char *text)
{
    assert_string_equal(strbuf_c(&exchange->reply.out), text);
    strbuf_clear(&exchange->reply.out);
}

static void who_waits_long_is_told_why(void **state)
{
    (void)state;
    struct exchange *exchange = make_stream("/v1/chat/completions", 3);
    assert_true(exchange_wait(exchange, STR("loading m")));
    assert_out(exchange, "");
    assert_int_equal(exchange->http_status, 0); /* a refusal would have a status of its own */
    exchange->arrived_seconds -= 10;
    exchange->written_seconds -= 10;
    assert_true(exchange_wait(exchange, STR("loading\nm, \"12\" s")));
    assert_out(exchange, ": loading m, \"12\" s\n\n");
    assert_int_equal(exchange->http_status, 200);
    assert_true(exchange_wait(exchange, STR("loading m")));
    assert_out(exchange, ""); /* not again so soon */
    exchange->written_seconds -= 6;
    assert_true(exchange_wait(exchange, STR("again")));
    assert_out(exchange, ": again\n\n");
    exchange->is_gone = true;
    assert_false(exchange_wait(exchange, STR("again")));
    exchange_unref(exchange);
}

static void each_protocol_waits_in_its_own_way(void **state)
{
    (void)state;
    struct exchange *exchange = make_stream("/v1/messages", 20);
    assert_true(exchange_wait(exchange, STR("loading m")));
    assert_out(exchange, ": loading m\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n");
    exchange_unref(exchange);
    exchange = make_stream("/api/chat", 20);
    assert_true(exchange_wait(exchange, STR("loading m")));
    json_t *line = json_loads(strbuf_c(&exchange->reply.out), 0, NULL);
    assert_true(json_is_false(json_object_get(line, "done")));
    json_decref(line);
    exchange_unref(exchange);
    exchange = make_stream("/v1/chat/completions", 20);
    exchange->reply.streams = false; /* a whole answer comes in one */
    assert_true(exchange_wait(exchange, STR("loading m")));
    assert_out(exchange, "");
    exchange_unref(exchange);
}

/* Once the stream is open its events come in their order, whatever happens. */
static void who_waited_hears_of_a_failure_in_the_stream(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/chat/completions", "/v1/messages", "/v1/responses",
                                        "/api/chat"};
    static const char *const begins[] = {": x\n\ndata: {", ": x\n\nevent: ping\n",
                                         ": x\n\nevent: response.created\n", "{\"model\""};
    static const char *const tells[] = {"\"error\":{", "event: error\n", "event: response.failed\n",
                                        "{\"error\":"};
    const struct api_failure failure = api_failure_make(503, "no memory");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct exchange *exchange = make_stream(paths[i], 20);
        assert_true(exchange_wait(exchange, STR("x")));
        exchange_finish(exchange, NULL, &failure);
        assert_int_equal(exchange->http_status, 200);
        assert_true(exchange->is_finished);
        const char *text = strbuf_c(&exchange->reply.out);
        assert_int_equal(strncmp(text, begins[i], strlen(begins[i])), 0);
        assert_non_null(strstr(text, tells[i]));
        assert_non_null(strstr(text, "no memory"));
        exchange_unref(exchange);
    }
}

int test_exchange(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_wait_for_the_first_to_their_prompt),
        cmocka_unit_test(one_request_does_not_fill_the_queue),
        cmocka_unit_test(a_prompt_counts_once),
        cmocka_unit_test(who_waits_long_is_told_why),
        cmocka_unit_test(each_protocol_waits_in_its_own_way),
        cmocka_unit_test(who_waited_hears_of_a_failure_in_the_stream),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
