/*
 * A scheduler promises that what an answer says does not depend on what is computed beside it, that
 * giving pages back and computing them again changes nothing, and that a conversation that goes on
 * pays only for its new tokens.
 */
#include "base/mem.h"
#include "chat/chat_event.h"
#include "chat/chat_template.h"
#include "engine/scheduler.h"
#include "tests/holt_test.h"
#include "tests/unit/engine/recurrent_engine.h"

#include <stdio.h>

enum { TASKS = 10, ANSWER_TOKENS = 160, CONTEXT = 1024 };

static struct engine *engine;

static int open_engine(void **state)
{
    (void)state;
    struct error err = {0};
    const struct engine_config config = {.context_tokens = CONTEXT, .thread_count = 1};
    if (engine_open(&config, &engine, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}

static int open_recurrent_engine(void **state)
{
    (void)state;
    return recurrent_engine_open(CONTEXT, &engine);
}

static int close_engine(void **state)
{
    (void)state;
    engine_close(engine);
    engine = NULL;
    return 0;
}

/* What one task said. */
struct answer {
    struct strbuf text;
    struct session_result result;
    enum status status;
    struct error err;
    int finished;
    bool is_short;       /* the model's own answer, up to where it ends it */
    uint32_t events_max; /* returns false after so many; 0: never */
    uint32_t events;
};

static bool on_event(void *context, const struct chat_event *event)
{
    struct answer *answer = context;
    if (event->kind == CHAT_EVENT_TEXT || event->kind == CHAT_EVENT_REASONING)
        strbuf_add_str(&answer->text, event->text);
    answer->events++;
    return answer->events_max == 0 || answer->events < answer->events_max;
}

static void on_finished(void *context, const struct session_result *result, enum status status,
                        const struct error *err)
{
    struct answer *answer = context;
    answer->result = *result;
    answer->status = status;
    answer->err = *err;
    answer->finished++;
}

static void render(struct chat_request *request, struct chat_spans *out)
{
    request->add_generation_prompt = true;
    assert_ok(engine_render(engine, request, out, err));
}

static void begin(struct chat_request *request, const char *question)
{
    chat_request_add(request, CHAT_ROLE_SYSTEM, STR("You are holt. Answer in one sentence."));
    chat_request_add(request, CHAT_ROLE_USER, str_from_c(question));
}

/* A question like no other, with a beginning that all share. */
static void render_question(unsigned number, struct chat_spans *out)
{
    struct chat_request request = {0};
    char text[64];
    snprintf(text, sizeof(text), "what is %u times %u?", number * 37 + 5, number + 2);
    begin(&request, text);
    render(&request, out);
    chat_request_done(&request);
}

static const struct sampler_options warm = {.temperature = 1.0f, .seed = 3};
static const struct session_limits long_answer = {.token_count_max = ANSWER_TOKENS,
                                                  .ignores_end = true};

static struct scheduler_task *add(struct scheduler *scheduler, struct chat_spans *prompt,
                                  struct answer *answer)
{
    struct scheduler_request request = {
        .prompt = prompt,
        .sampler = answer->is_short ? (struct sampler_options){0} : warm,
        .limits = answer->is_short ? (struct session_limits){0} : long_answer,
        .sink = {.event = on_event, .finished = on_finished, .context = answer},
    };
    struct scheduler_task *task = NULL;
    assert_ok(scheduler_add(scheduler, &request, &task, err));
    assert_int_equal(prompt->text.len, 0); /* taken over */
    return task;
}

static struct scheduler *new_scheduler(const struct scheduler_config *config)
{
    struct scheduler *scheduler = NULL;
    assert_ok(scheduler_new(engine, config, &scheduler, err));
    return scheduler;
}

static void run(struct scheduler *scheduler)
{
    for (int step = 0; step < 100000; step++)
        if (!scheduler_step(scheduler))
            return;
    fail_msg("the scheduler does not come to an end");
}

/* The same question in a session of its own. */
static void answer_alone(unsigned number, struct answer *answer)
{
    struct chat_spans prompt = {0};
    struct session *session = NULL;
    render_question(number, &prompt);
    assert_ok(session_new(engine, &warm, &session, err));
    assert_ok(session_sync(session, &prompt, NULL, err));
    assert_ok(session_generate(session, &long_answer, NULL, on_event, NULL, answer, &answer->result,
                               err));
    session_free(session);
    chat_spans_done(&prompt);
}

static void many_answers_at_once_are_those_of_each_alone(void **state)
{
    (void)state;
    struct answer alone[TASKS] = {0};
    struct answer beside[TASKS] = {0};
    for (unsigned i = 0; i < TASKS; i++)
        answer_alone(i, &alone[i]);

    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    for (unsigned i = 0; i < TASKS; i++) {
        struct chat_spans prompt = {0};
        render_question(i, &prompt);
        add(scheduler, &prompt, &beside[i]);
        if (i % 3 == 0) /* some begin while others are under way */
            assert_true(scheduler_step(scheduler));
    }
    run(scheduler);

    struct scheduler_facts facts;
    scheduler_get_facts(scheduler, &facts);
    assert_true(facts.preempted_count > 0); /* the pages do not suffice for eight of them */
    assert_int_equal(facts.generated_tokens, TASKS * ANSWER_TOKENS);
    for (unsigned i = 0; i < TASKS; i++) {
        assert_int_equal(beside[i].finished, 1);
        assert_int_equal(beside[i].status, OK);
        assert_int_equal(beside[i].result.generated_tokens, ANSWER_TOKENS);
        assert_int_equal(beside[i].result.end, SESSION_END_LENGTH);
        assert_string_equal(strbuf_c(&beside[i].text), strbuf_c(&alone[i].text));
        strbuf_done(&alone[i].text);
        strbuf_done(&beside[i].text);
    }
    scheduler_free(scheduler);
}

static void a_conversation_pays_only_for_its_new_tokens(void **state)
{
    (void)state;
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    struct answer first = {.is_short = true};
    struct answer second = {.is_short = true};
    struct chat_spans prompt = {0};
    struct chat_request request = {0};
    begin(&request, "hello");
    render(&request, &prompt);
    add(scheduler, &prompt, &first);
    run(scheduler);
    assert_int_equal(first.result.cached_tokens, 0);
    assert_int_equal(first.result.end, SESSION_END_STOP);
    assert_true(first.text.len > 0);

    chat_request_add(&request, CHAT_ROLE_ASSISTANT, strbuf_view(&first.text));
    chat_request_add(&request, CHAT_ROLE_USER, STR("and now?"));
    render(&request, &prompt);
    add(scheduler, &prompt, &second);
    run(scheduler);
    assert_true(second.result.prompt_tokens > first.result.prompt_tokens);
    assert_true(second.result.cached_tokens >=
                first.result.prompt_tokens + first.result.generated_tokens - 1);

    /* Another question shares the system message, and leaves the first conversation alone. */
    struct answer third = {.is_short = true};
    struct scheduler_facts facts;
    render_question(2, &prompt);
    add(scheduler, &prompt, &third);
    run(scheduler);
    assert_true(third.result.cached_tokens > 0);
    assert_true(third.result.cached_tokens < first.result.prompt_tokens);
    scheduler_get_facts(scheduler, &facts);
    assert_int_equal(facts.idle_session_count, 2);

    strbuf_done(&first.text);
    strbuf_done(&second.text);
    strbuf_done(&third.text);
    chat_request_done(&request);
    scheduler_free(scheduler);
}

static void a_cancelled_task_ends_within_a_step(void **state)
{
    (void)state;
    struct answer alone = {0};
    answer_alone(4, &alone);
    struct scheduler *scheduler =
        new_scheduler(&(struct scheduler_config){.active_max = 2, .queue_max = 2});
    struct answer answers[4] = {0};
    struct scheduler_task *tasks[4];
    answers[1].events_max = 3; /* whoever listens goes away */
    for (unsigned i = 0; i < 4; i++) {
        struct chat_spans prompt = {0};
        render_question(i == 0 ? 4 : i, &prompt);
        tasks[i] = add(scheduler, &prompt, &answers[i]);
        if (i == 1)
            assert_true(scheduler_step(scheduler));
    }
    scheduler_cancel(tasks[3]); /* still waiting */
    assert_true(scheduler_step(scheduler));
    assert_int_equal(answers[3].finished, 1);
    assert_int_equal(answers[3].status, E_CANCELLED);
    assert_int_equal(answers[3].result.generated_tokens, 0);
    scheduler_cancel(tasks[2]);
    run(scheduler);
    assert_int_equal(answers[2].status, E_CANCELLED);
    assert_int_equal(answers[1].result.end, SESSION_END_CANCELLED);
    assert_int_equal(answers[1].events, 3);
    assert_string_equal(strbuf_c(&answers[0].text), strbuf_c(&alone.text));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(answers[i].finished, 1);
        strbuf_done(&answers[i].text);
    }
    strbuf_done(&alone.text);
    scheduler_free(scheduler);
}

static void what_cannot_be_taken_is_told(void **state)
{
    (void)state;
    struct scheduler *scheduler =
        new_scheduler(&(struct scheduler_config){.active_max = 1, .queue_max = 1});
    struct answer answers[2] = {0};
    struct chat_request request = {0};
    struct chat_spans prompt = {0};
    struct strbuf text = {0};
    for (int i = 0; i < 2000; i++)
        strbuf_add_c(&text, "7 ");
    chat_request_add(&request, CHAT_ROLE_USER, strbuf_view(&text));
    render(&request, &prompt);
    add(scheduler, &prompt, &answers[0]);

    struct scheduler_request more = {
        .prompt = &prompt,
        .sampler = warm,
        .limits = long_answer,
        .sink = {.event = on_event, .finished = on_finished, .context = &answers[1]},
    };
    struct scheduler_task *task = NULL;
    struct error err = {0};
    render_question(1, &prompt);
    assert_int_equal(scheduler_add(scheduler, &more, &task, &err), E_BUSY);
    assert_true(prompt.text.len > 0); /* still the caller's */
    more.sampler.temperature = -1.0f;
    assert_int_equal(scheduler_add(scheduler, &more, &task, &err), E_INVALID);

    run(scheduler);
    assert_int_equal(answers[0].status, E_LIMIT);
    assert_non_null(strstr(answers[0].err.text, "1024"));
    assert_int_equal(answers[1].finished, 0);
    strbuf_done(&text);
    chat_spans_done(&prompt);
    chat_request_done(&request);
    scheduler_free(scheduler);
}

static void one_alone_ends_where_the_context_is_full(void **state)
{
    (void)state;
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    struct answer answer = {0};
    struct chat_spans prompt = {0};
    render_question(1, &prompt);
    struct scheduler_request request = {
        .prompt = &prompt,
        .sampler = warm,
        .limits = {.ignores_end = true},
        .sink = {.event = on_event, .finished = on_finished, .context = &answer},
    };
    struct scheduler_task *task = NULL;
    assert_ok(scheduler_add(scheduler, &request, &task, err));
    run(scheduler);
    assert_int_equal(answer.status, OK);
    assert_int_equal(answer.result.end, SESSION_END_CONTEXT);
    assert_int_equal(answer.result.prompt_tokens + answer.result.generated_tokens, CONTEXT);
    strbuf_done(&answer.text);
    scheduler_free(scheduler);
}

static void closing_ends_every_task(void **state)
{
    (void)state;
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){.active_max = 1});
    struct answer answers[2] = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct chat_spans prompt = {0};
        render_question(i, &prompt);
        add(scheduler, &prompt, &answers[i]);
    }
    assert_true(scheduler_step(scheduler));
    scheduler_free(scheduler);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(answers[i].finished, 1);
        assert_int_equal(answers[i].status, E_BUSY);
        strbuf_done(&answers[i].text);
    }
}

/* Holds two of three while the third runs to its end; their pages are taken for the others. */
static void who_is_held_waits_and_goes_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    enum { COUNT = 5, HELD = 2 };
    struct answer alone[COUNT] = {0};
    struct answer beside[COUNT] = {0};
    struct scheduler_task *tasks[COUNT];
    struct scheduler_facts facts;
    for (unsigned i = 0; i < COUNT; i++)
        answer_alone(i, &alone[i]);
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){.active_max = HELD});
    for (unsigned i = 0; i < COUNT; i++) {
        struct chat_spans prompt = {0};
        render_question(i, &prompt);
        tasks[i] = add(scheduler, &prompt, &beside[i]);
    }
    while (beside[0].events < 20 || beside[1].events < 20)
        assert_true(scheduler_step(scheduler));
    uint32_t events[HELD];
    for (unsigned i = 0; i < HELD; i++) {
        scheduler_hold(tasks[i], true);
        events[i] = beside[i].events;
    }
    run(scheduler);
    scheduler_get_facts(scheduler, &facts);
    assert_int_equal(facts.held_count, HELD);
    assert_false(scheduler_step(scheduler)); /* nothing to do: the caller may sleep */
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(beside[i].finished, i >= HELD);
    for (unsigned i = 0; i < HELD; i++) {
        assert_int_equal(beside[i].events, events[i]);
        scheduler_hold(tasks[i], false);
    }
    run(scheduler);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(beside[i].finished, 1);
        assert_int_equal(beside[i].status, OK);
        assert_string_equal(strbuf_c(&beside[i].text), strbuf_c(&alone[i].text));
        strbuf_done(&alone[i].text);
        strbuf_done(&beside[i].text);
    }
    scheduler_free(scheduler);
}

static void who_is_held_can_be_cancelled(void **state)
{
    (void)state;
    struct answer answers[2] = {0};
    struct scheduler_task *tasks[2];
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    for (unsigned i = 0; i < 2; i++) {
        struct chat_spans prompt = {0};
        render_question(i, &prompt);
        tasks[i] = add(scheduler, &prompt, &answers[i]);
        scheduler_hold(tasks[i], true);
    }
    run(scheduler);
    assert_int_equal(answers[0].finished, 0);
    scheduler_cancel(tasks[0]);
    run(scheduler);
    assert_int_equal(answers[0].finished, 1);
    assert_int_equal(answers[0].status, E_CANCELLED);
    assert_int_equal(answers[1].finished, 0);
    scheduler_free(scheduler); /* ends the other */
    assert_int_equal(answers[1].finished, 1);
    for (unsigned i = 0; i < 2; i++)
        strbuf_done(&answers[i].text);
}

/* Words that begin alike and are split otherwise behind each other. */
static void render_words(unsigned number, struct chat_spans *out)
{
    static const char *const words[] = {"in",    " a",  " shall", " what",
                                        " list", "ing", " fold",  "er"};
    struct chat_request request = {0};
    struct strbuf text = {0};
    for (unsigned left = number; left > 0; left /= ARRAY_LEN(words))
        strbuf_add_c(&text, words[left % ARRAY_LEN(words)]);
    chat_request_add(&request, CHAT_ROLE_USER, strbuf_view(&text));
    render(&request, out);
    chat_request_done(&request);
    strbuf_done(&text);
}

/* What the server was asked before changes no token of a prompt. */
static void a_prompt_is_the_same_tokens_whatever_was_asked_before(void **state)
{
    (void)state;
    enum { PROMPTS = 200 };
    const struct session_limits few = {.token_count_max = 2};
    const struct session_limits none = {.token_count_max = 2, .only_reads = true};
    const struct sampler_options greedy = {0};
    struct answer *answers = mem_zalloc(2 * PROMPTS * sizeof(*answers));
    unsigned numbers[PROMPTS];
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    for (unsigned i = 0; i < PROMPTS; i++) {
        struct chat_spans prompt = {0};
        struct scheduler_task *task = NULL;
        numbers[i] = ((i ? numbers[i - 1] : 1) * 1103515245u + 12345u) & 0xfffff;
        render_words(numbers[i], &prompt);
        struct scheduler_request request = {
            .prompt = &prompt,
            .limits = i % 5 == 0 ? none : few,
            .sink = {.event = on_event, .finished = on_finished, .context = &answers[i]},
        };
        assert_ok(scheduler_add(scheduler, &request, &task, err));
        run(scheduler);
    }
    scheduler_free(scheduler);
    for (unsigned i = 0; i < PROMPTS; i++) {
        struct answer *alone = &answers[PROMPTS + i];
        struct chat_spans prompt = {0};
        struct session *session = NULL;
        render_words(numbers[i], &prompt);
        assert_ok(session_new(engine, &greedy, &session, err));
        assert_ok(session_sync(session, &prompt, NULL, err));
        assert_int_equal(answers[i].result.prompt_tokens, session_token_count(session));
        assert_ok(session_generate(session, i % 5 == 0 ? &none : &few, NULL, on_event, NULL, alone,
                                   &alone->result, err));
        assert_string_equal(strbuf_c(&answers[i].text), strbuf_c(&alone->text));
        session_free(session);
        chat_spans_done(&prompt);
        strbuf_done(&answers[i].text);
        strbuf_done(&alone->text);
    }
    mem_free(answers);
}

/* A prompt that was only read has its logits: nothing is to be computed for it. */
static void a_prompt_that_was_read_is_gone_on_from(void **state)
{
    (void)state;
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    uint32_t counts[3];
    for (unsigned i = 0; i < 3; i++) {
        struct answer answer = {0};
        struct chat_spans prompt = {0};
        struct scheduler_task *task = NULL;
        render_question(1, &prompt);
        struct scheduler_request request = {
            .prompt = &prompt,
            .sampler = warm,
            .limits = {.token_count_max = 8, .ignores_end = true, .only_reads = i == 1},
            .sink = {.event = on_event, .finished = on_finished, .context = &answer},
        };
        assert_ok(scheduler_add(scheduler, &request, &task, err));
        run(scheduler);
        assert_int_equal(answer.status, OK);
        counts[i] = answer.result.generated_tokens;
        strbuf_done(&answer.text);
    }
    assert_int_equal(counts[0], 8);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[2], 8);
    scheduler_free(scheduler);
}

struct chain {
    struct scheduler_task *other; /* cancelled by the end of this one */
    unsigned began, finished;
    enum status status;
};

static void chain_began(void *context, const struct session_result *result)
{
    (void)result;
    ((struct chain *)context)->began++;
}

static void chain_finished(void *context, const struct session_result *result, enum status status,
                           const struct error *err)
{
    (void)result;
    (void)err;
    struct chain *chain = context;
    chain->finished++;
    chain->status = status;
    if (chain->other)
        scheduler_cancel(chain->other);
}

/* As answers to one request are: when one fails none of the others begins. */
static void who_is_cancelled_by_the_one_before_does_not_begin(void **state)
{
    (void)state;
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){0});
    struct chain chains[2] = {0};
    struct scheduler_task *tasks[2];
    struct strbuf text = {0};
    for (int i = 0; i < 2000; i++)
        strbuf_add_c(&text, "7 ");
    for (unsigned i = 0; i < 2; i++) {
        struct chat_request asked = {0};
        struct chat_spans prompt = {0};
        chat_request_add(&asked, CHAT_ROLE_USER, i == 0 ? strbuf_view(&text) : STR("hello"));
        render(&asked, &prompt);
        struct scheduler_request request = {
            .prompt = &prompt,
            .limits = long_answer,
            .sink = {.began = chain_began, .finished = chain_finished, .context = &chains[i]},
        };
        assert_ok(scheduler_add(scheduler, &request, &tasks[i], err));
        chat_request_done(&asked);
    }
    chains[0].other = tasks[1];
    run(scheduler);
    assert_int_equal(chains[0].status, E_LIMIT);
    assert_int_equal(chains[1].began, 0);
    assert_int_equal(chains[1].finished, 1);
    assert_int_equal(chains[1].status, E_CANCELLED);
    strbuf_done(&text);
    scheduler_free(scheduler);
}

/* Too many that are held do not stop the others: the first of them ends. */
static void too_many_that_are_held_end(void **state)
{
    (void)state;
    enum { COUNT = SCHEDULER_HELD_MAX + 3 };
    struct answer *answers = mem_zalloc(COUNT * sizeof(*answers));
    struct scheduler *scheduler =
        new_scheduler(&(struct scheduler_config){.active_max = SCHEDULER_ACTIVE_MAX});
    for (unsigned i = 0; i < COUNT; i++) {
        struct chat_spans prompt = {0};
        render_question(i % 4, &prompt);
        scheduler_hold(add(scheduler, &prompt, &answers[i]), true);
        run(scheduler);
    }
    struct answer other = {.is_short = true};
    struct chat_spans prompt = {0};
    render_question(9, &prompt);
    add(scheduler, &prompt, &other);
    run(scheduler);
    assert_int_equal(other.finished, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(answers[i].finished, i < 3);
        assert_true(!answers[i].finished || answers[i].status == E_BUSY);
    }
    scheduler_free(scheduler);
    for (unsigned i = 0; i < COUNT; i++)
        strbuf_done(&answers[i].text);
    strbuf_done(&other.text);
    mem_free(answers);
}

static struct scheduler_task *add_urgent(struct scheduler *scheduler, unsigned number,
                                         enum scheduler_urgency urgency, struct answer *answer)
{
    struct chat_spans prompt = {0};
    struct scheduler_task *task = NULL;
    render_question(number, &prompt);
    struct scheduler_request request = {
        .prompt = &prompt,
        .sampler = warm,
        .limits = long_answer,
        .sink = {.event = on_event, .finished = on_finished, .context = answer},
        .urgency = urgency,
    };
    assert_ok(scheduler_add(scheduler, &request, &task, err));
    return task;
}

static void urgent_requests_go_first_and_take_the_place_of_others(void **state)
{
    (void)state;
    struct answer alone = {0};
    struct answer batch = {0};
    struct answer side = {0};
    struct answer interactive = {0};
    answer_alone(1, &alone);
    struct scheduler *scheduler = new_scheduler(&(struct scheduler_config){.active_max = 1});
    (void)add_urgent(scheduler, 1, SCHEDULER_BATCH, &batch);
    while (batch.events < 10)
        assert_true(scheduler_step(scheduler));
    struct scheduler_task *second = add_urgent(scheduler, 2, SCHEDULER_SIDE, &side);
    (void)add_urgent(scheduler, 3, SCHEDULER_INTERACTIVE, &interactive);
    assert_int_equal(scheduler_ahead(scheduler, second), 1);
    while (!interactive.finished) {
        assert_true(scheduler_step(scheduler));
        assert_int_equal(batch.finished + side.finished, 0);
        assert_int_equal(side.events, 0);
    }
    while (!side.finished) {
        assert_true(scheduler_step(scheduler));
        assert_int_equal(batch.finished, 0);
    }
    run(scheduler);
    assert_int_equal(batch.status, OK);
    assert_string_equal(strbuf_c(&batch.text), strbuf_c(&alone.text));
    strbuf_done(&alone.text);
    strbuf_done(&batch.text);
    strbuf_done(&side.text);
    strbuf_done(&interactive.text);
    scheduler_free(scheduler);
}

static void a_full_class_leaves_room_for_the_others(void **state)
{
    (void)state;
    struct answer answers[3] = {0};
    struct error full = {0};
    struct scheduler *scheduler =
        new_scheduler(&(struct scheduler_config){.active_max = 1, .queue_max = 1});
    (void)add_urgent(scheduler, 1, SCHEDULER_BATCH, &answers[0]);
    assert_int_equal(scheduler_check_room(scheduler, SCHEDULER_BATCH, &full), E_BUSY);
    assert_ok(scheduler_check_room(scheduler, SCHEDULER_SIDE, err));
    (void)add_urgent(scheduler, 2, SCHEDULER_SIDE, &answers[1]);
    assert_int_equal(scheduler_check_room(scheduler, SCHEDULER_SIDE, &full), E_BUSY);
    (void)add_urgent(scheduler, 3, SCHEDULER_INTERACTIVE, &answers[2]);
    assert_int_equal(scheduler_check_room(scheduler, SCHEDULER_INTERACTIVE, &full), E_BUSY);
    assert_true(scheduler_step(scheduler)); /* the last that came is the first that begins */
    assert_ok(scheduler_check_room(scheduler, SCHEDULER_INTERACTIVE, err));
    assert_int_equal(scheduler_check_room(scheduler, SCHEDULER_SIDE, &full), E_BUSY);
    scheduler_free(scheduler);
    for (unsigned i = 0; i < 3; i++)
        strbuf_done(&answers[i].text);
}

int test_scheduler(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_answers_at_once_are_those_of_each_alone),
        cmocka_unit_test(a_conversation_pays_only_for_its_new_tokens),
        cmocka_unit_test(a_cancelled_task_ends_within_a_step),
        cmocka_unit_test(what_cannot_be_taken_is_told),
        cmocka_unit_test(one_alone_ends_where_the_context_is_full),
        cmocka_unit_test(closing_ends_every_task),
        cmocka_unit_test(who_is_held_waits_and_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(who_is_held_can_be_cancelled),
        cmocka_unit_test(too_many_that_are_held_end),
        cmocka_unit_test(a_prompt_is_the_same_tokens_whatever_was_asked_before),
        cmocka_unit_test(a_prompt_that_was_read_is_gone_on_from),
        cmocka_unit_test(who_is_cancelled_by_the_one_before_does_not_begin),
        cmocka_unit_test(urgent_requests_go_first_and_take_the_place_of_others),
        cmocka_unit_test(a_full_class_leaves_room_for_the_others),
    };
    const struct CMUnitTest recurrent_tests[] = {
        /* whose model never ends a turn itself */
        cmocka_unit_test(many_answers_at_once_are_those_of_each_alone),
        cmocka_unit_test(who_is_held_waits_and_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(one_alone_ends_where_the_context_is_full),
    };
    return cmocka_run_group_tests_name("scheduler", tests, open_engine, close_engine) +
           cmocka_run_group_tests_name("scheduler, recurrent", recurrent_tests,
                                       open_recurrent_engine, close_engine);
}
