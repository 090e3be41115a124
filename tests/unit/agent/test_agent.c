/*
 * The loop must lose nothing and hide nothing: results are cut with a note, a full context is
 * reported, an interrupted call is closed when a session is taken up again, and what could not be
 * recorded is not shown.
 *
 * Runs on the built-in model; nothing here depends on what it answers, but that it tries a failing
 * call again in one of four tasks.
 */
#include "agent/agent.h"
#include "agent/agent_context.h"
#include "agent/agent_internal.h"
#include "tests/holt_test.h"
#include "tools/tool_list.h"

enum { CONTEXT_TOKENS = 2048 };

static struct engine *engine;
static json_t *tools;

struct watcher {
    struct strbuf log; /* one line per event or record */
    bool refuse_records;
    int stop_after; /* events; 0: never */
    int events;
    struct strbuf calls; /* "NAME ARGUMENTS\n" of each that was run */
};

static int open_engine(void **state)
{
    (void)state;
    struct error err = {0};
    const struct engine_config config = {.context_tokens = CONTEXT_TOKENS, .thread_count = 1};
    tools = tool_list_openai(NULL, 0);
    if (engine_open(&config, &engine, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}

static int close_engine(void **state)
{
    (void)state;
    engine_close(engine);
    json_decref(tools);
    return 0;
}

static bool on_event(void *context, const struct agent_event *event)
{
    static const char *const names[] = {"progress", "reasoning", "text",
                                        "call",     "result",    "notice"};
    struct watcher *watcher = context;
    if (event->kind == AGENT_EVENT_PROGRESS)
        return true;
    strbuf_addf(&watcher->log, "%s %.*s\n", names[event->kind], STR_ARG(event->text));
    watcher->events++;
    return watcher->stop_after == 0 || watcher->events < watcher->stop_after;
}

static enum status on_record(void *context, const json_t *message, struct error *err)
{
    struct watcher *watcher = context;
    if (watcher->refuse_records)
        return error_set(err, E_IO, "the disk is full");
    strbuf_addf(&watcher->log, "record %s\n", json_string_value(json_object_get(message, "role")));
    return OK;
}

static enum status on_tool(void *context, struct str name, struct str arguments, struct strbuf *out,
                           struct error *err)
{
    struct watcher *watcher = context;
    (void)err;
    strbuf_addf(&watcher->calls, "%.*s %.*s\n", STR_ARG(name), STR_ARG(arguments));
    strbuf_addf(out, "error: %.*s is not there", STR_ARG(name));
    return OK;
}

static struct agent *new_agent(struct watcher *watcher, uint32_t steps_max)
{
    struct agent *agent = NULL;
    const struct agent_config config = {
        .engine = engine,
        .tools = tools,
        .run_tool = on_tool,
        .record = on_record,
        .event = on_event,
        .context = watcher,
        .steps_max = steps_max,
        .answer_tokens_max = 60,
    };
    assert_ok(agent_new(&config, &agent, err));
    return agent;
}

static void a_turn_is_recorded_in_order(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 2);
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, STR("Which files are here?"), &outcome, err));
    assert_true(str_starts_with(strbuf_view(&watcher.log), STR("record user\n")));
    assert_non_null(strstr(strbuf_c(&watcher.log), "record assistant\n"));
    assert_in_range(outcome.steps, 1, 2);
    assert_true(outcome.generated_tokens > 0);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static void nothing_is_shown_that_was_not_recorded(void **state)
{
    (void)state;
    struct watcher watcher = {.refuse_records = true};
    struct agent *agent = new_agent(&watcher, 2);
    struct agent_outcome outcome = {0};
    struct error err = {0};
    assert_int_equal(agent_run(agent, STR("hello"), &outcome, &err), E_IO);
    assert_string_equal(err.text, "the disk is full");
    assert_int_equal(watcher.log.len, 0);
    agent_free(agent);
}

/* How often the line stands in the text. */
static int count_line(struct str text, struct str line)
{
    int count = 0;
    while (text.len)
        count += str_equal(str_split(&text, '\n'), line);
    return count;
}

/* Every call fails: the same one is made twice in a turn and no third time; in the next turn it may
 * be made again. */
static void what_failed_twice_is_not_called_again(void **state)
{
    (void)state;
    static const char *const tasks[] = {"List the files in orders.", "Read notes.txt.",
                                        "Which file contains kettle?", "What is in shop.ini?"};
    int most_ever = 0;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        struct watcher watcher = {0};
        struct agent *agent = new_agent(&watcher, 12);
        for (int turn = 0; turn < 2; turn++) {
            struct agent_outcome outcome = {0};
            strbuf_clear(&watcher.calls);
            assert_ok(agent_run(agent, str_from_c(tasks[i]), &outcome, err));
            struct str rest = strbuf_view(&watcher.calls);
            int most = 0;
            while (rest.len) {
                const int count = count_line(strbuf_view(&watcher.calls), str_split(&rest, '\n'));
                most = count > most ? count : most;
            }
            assert_true(most <= AGENT_SAME_FAILURES_MAX);
            most_ever = most > most_ever ? most : most_ever;
        }
        agent_free(agent);
        strbuf_done(&watcher.log);
        strbuf_done(&watcher.calls);
    }
    assert_int_equal(most_ever, AGENT_SAME_FAILURES_MAX);
}

static void the_last_step_cannot_begin_a_call(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 1);
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, STR("List the files in notes."), &outcome, err));
    assert_int_equal(outcome.tool_calls, 0);
    assert_int_equal(outcome.steps, 1);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static void a_turn_can_be_stopped_and_the_next_one_goes_on(void **state)
{
    (void)state;
    struct watcher watcher = {.stop_after = 1};
    struct agent *agent = new_agent(&watcher, 4);
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, STR("hello"), &outcome, err));
    assert_int_equal(outcome.end, AGENT_END_CANCELLED);
    watcher.stop_after = 0;
    assert_ok(agent_run(agent, STR("hello"), &outcome, err));
    assert_int_not_equal(outcome.end, AGENT_END_CANCELLED);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static void an_interrupted_call_is_closed_when_taken_up_again(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 2);
    json_t *messages = json_loads(
        "[{\"role\": \"user\", \"content\": \"write it\"}, {\"role\": \"assistant\", \"content\": "
        "\"\", \"tool_calls\": [{\"id\": \"call00000\", \"name\": \"write_file\", \"arguments\": "
        "\"{\\\"path\\\": \\\"a\\\", \\\"content\\\": \\\"b\\\"}\"}]}]",
        0, NULL);
    assert_non_null(messages);
    assert_ok(agent_restore(agent, messages, err));
    assert_string_equal(strbuf_c(&watcher.log), "record tool\n");
    const struct chat_message *last = &agent->request.messages[agent->request.message_count - 1];
    assert_int_equal(last->role, CHAT_ROLE_TOOL);
    assert_true(str_starts_with(last->content, STR("error: interrupted")));
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, STR("and now?"), &outcome, err));
    json_decref(messages);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static void long_results_are_cut_at_a_line_with_a_note(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 2);
    struct strbuf text = {0};
    for (int i = 0; i < 500; i++)
        strbuf_addf(&text, "line %d\n", i);
    struct strbuf cut = {0};
    assert_ok(agent_context_cut_result(agent, strbuf_view(&text), &cut, err));
    assert_true(cut.len < text.len);
    assert_true(str_starts_with(strbuf_view(&text), str_slice(strbuf_view(&cut), 0, cut.len - 30)));
    assert_non_null(strstr(strbuf_c(&cut), "\n[cut: "));
    assert_true(str_ends_with(strbuf_view(&cut), STR(" more lines]")));
    uint32_t tokens = 0;
    assert_ok(session_measure(
        agent->session, (struct session_segment){strbuf_view(&cut), SEGMENT_TOOL}, &tokens, err));
    assert_in_range(tokens, agent->config.result_tokens_max / 2, agent->config.result_tokens_max);

    strbuf_clear(&text);
    for (int i = 0; i < 4000; i++)
        strbuf_add_c(&text, "\xc3\xa9"); /* one endless line of two-byte characters */
    strbuf_clear(&cut);
    assert_ok(agent_context_cut_result(agent, strbuf_view(&text), &cut, err));
    assert_true(str_ends_with(strbuf_view(&cut), STR(" more bytes]")));
    const size_t kept = str_find(strbuf_view(&cut), STR("\n[cut"), 0);
    assert_int_equal(kept % 2, 0);
    strbuf_done(&text);
    strbuf_done(&cut);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static json_t *long_conversation(int turns)
{
    json_t *messages = json_array();
    struct strbuf result = {0};
    strbuf_add_c(&result, "big.txt: lines 1-40 of 40\n");
    for (int i = 0; i < 40; i++)
        strbuf_addf(&result, "value %d is %d\n", i, i * 7);
    for (int i = 0; i < turns; i++) {
        json_array_append_new(messages,
                              json_pack("{s:s, s:s}", "role", "user", "content", "read big.txt"));
        json_array_append_new(messages,
                              json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "role", "assistant",
                                        "content", "", "tool_calls", "id", "call1", "name",
                                        "read_file", "arguments", "{\"path\": \"big.txt\"}"));
        json_array_append_new(messages, json_pack("{s:s, s:s, s:s, s:s}", "role", "tool",
                                                  "tool_call_id", "call1", "name", "read_file",
                                                  "content", strbuf_c(&result)));
        json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "assistant", "content",
                                                  "I have read big.txt."));
    }
    strbuf_done(&result);
    return messages;
}

static void a_full_context_shortens_the_oldest_results_and_says_so(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 2);
    json_t *messages = long_conversation(4);
    assert_ok(agent_restore(agent, messages, err));
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, STR("hello"), &outcome, err));
    assert_non_null(strstr(strbuf_c(&watcher.log), "notice the context is full"));
    assert_int_not_equal(outcome.end, AGENT_END_CONTEXT);
    assert_true(outcome.context_tokens <= CONTEXT_TOKENS);
    /* the head is whole, the oldest result is short, the newest is as it was */
    assert_true(agent->request.messages[0].role == CHAT_ROLE_SYSTEM);
    assert_true(agent->request.messages[3].content.len < 100);
    assert_true(agent->request.messages[15].content.len > 400);
    json_decref(messages);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

static void a_context_with_nothing_to_shorten_ends_the_turn(void **state)
{
    (void)state;
    struct watcher watcher = {0};
    struct agent *agent = new_agent(&watcher, 2);
    struct strbuf text = {0};
    for (int i = 0; i < 3000; i++)
        strbuf_add_c(&text, "9 ");
    struct agent_outcome outcome = {0};
    assert_ok(agent_run(agent, strbuf_view(&text), &outcome, err));
    assert_int_equal(outcome.end, AGENT_END_CONTEXT);
    strbuf_done(&text);
    agent_free(agent);
    strbuf_done(&watcher.log);
    strbuf_done(&watcher.calls);
}

int test_agent(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_recorded_in_order),
        cmocka_unit_test(nothing_is_shown_that_was_not_recorded),
        cmocka_unit_test(what_failed_twice_is_not_called_again),
        cmocka_unit_test(the_last_step_cannot_begin_a_call),
        cmocka_unit_test(a_turn_can_be_stopped_and_the_next_one_goes_on),
        cmocka_unit_test(an_interrupted_call_is_closed_when_taken_up_again),
        cmocka_unit_test(long_results_are_cut_at_a_line_with_a_note),
        cmocka_unit_test(a_full_context_shortens_the_oldest_results_and_says_so),
        cmocka_unit_test(a_context_with_nothing_to_shorten_ends_the_turn),
    };
    return cmocka_run_group_tests_name("agent", tests, open_engine, close_engine);
}
