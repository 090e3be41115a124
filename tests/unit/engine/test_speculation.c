/*
 * Speculation promises that nobody can tell from an answer whether there was any: the tokens, the
 * end, the counts, the events and the logits behind it are those of a session that guesses nothing,
 * whatever is guessed. Here everything that is guessed is computed, also where it would not pay.
 */
#include "base/mem.h"
#include "chat/chat_event.h"
#include "chat/chat_spans.h"
#include "engine/draft_lookup.h"
#include "engine/drafter.h"
#include "engine/engine_internal.h"
#include "engine/scheduler.h"
#include "engine/session.h"
#include "tests/holt_test.h"
#include "tests/tiny_hybrid.h"
#include "tests/unit/engine/recurrent_engine.h"

#include <stdio.h>

enum { CONTEXT = 1024, TOKENS = 120, LOG_MAX = 512 };

#define BUILTIN_PATH "models/builtin.gguf"

static struct engine *engine;

static int open_engine(void **state)
{
    (void)state;
    struct error err = {0};
    const struct engine_config config = {.context_tokens = CONTEXT, .thread_count = 1};
    if (engine_open(&config, &engine, &err) == OK)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

static int open_recurrent_engine(void **state)
{
    (void)state;
    return recurrent_engine_open(CONTEXT, &engine);
}

static int open_engine_with_block(void **state)
{
    (void)state;
    return recurrent_engine_open_with_block(CONTEXT, &engine);
}

static int open_coded_engine_with_block(void **state)
{
    (void)state;
    return recurrent_engine_open_as(
        "qwen35-draft",
        &(struct engine_config){.context_tokens = CONTEXT, .thread_count = 1, .kv = KV_KIND_T4},
        &engine);
}

static int close_engine(void **state)
{
    (void)state;
    engine_close(engine);
    engine = NULL;
    return 0;
}

/* ---------------------------------------------------------------- somebody who knows */

/* Guesses what the answer without guesses was, but for every `wrong_every`-th token. */
struct oracle {
    struct drafter drafter;
    const int32_t *log;
    uint32_t count;
    uint32_t wrong_every; /* 0: none */
    uint32_t asked;
    uint32_t computed;
    uint32_t taken;
};

static uint32_t propose(struct drafter *drafter, struct session *session, uint32_t max,
                        int32_t *out_tokens, double *out_chances)
{
    struct oracle *oracle = (struct oracle *)drafter;
    const uint32_t at = session_token_count(session);
    uint32_t count = 1 + oracle->asked++ % 7;
    count = count < max ? count : max;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_wrong =
            at + i >= oracle->count || (oracle->wrong_every && (at + i) % oracle->wrong_every == 0);
        out_tokens[i] = is_wrong ? (int32_t)(at + i) % 100 : oracle->log[at + i];
        out_chances[i] = 1;
    }
    return count;
}

static void settled(struct drafter *drafter, uint32_t computed, uint32_t taken)
{
    struct oracle *oracle = (struct oracle *)drafter;
    oracle->computed += computed;
    oracle->taken += taken;
}

static void forget(struct drafter *drafter, struct session_draft *draft)
{
    (void)drafter;
    (void)draft;
}

static void free_nothing(struct drafter *drafter)
{
    (void)drafter;
}

/* ---------------------------------------------------------------- one answer */

struct answer_case {
    const char *name;
    struct sampler_options sampler;
    struct session_limits limits;
    const char *tools;   /* NULL: no mask */
    uint32_t events_max; /* the reader has enough; 0: never */
};

struct answer {
    struct strbuf text; /* all events */
    int32_t log[LOG_MAX];
    uint32_t count;
    struct session_result result;
    float *logits;
    uint32_t events;
    uint32_t events_max;
};

static bool on_event(void *context, const struct chat_event *event)
{
    struct answer *answer = context;
    strbuf_addf(&answer->text, "[%d]", (int)event->kind);
    strbuf_add_str(&answer->text, event->text);
    return ++answer->events != answer->events_max;
}

static const char prompt[] =
    "<|im_start|>user\nwrite notes.txt, list.txt and notes.txt again: notes.txt, list.txt, "
    "notes.txt, list.txt, notes.txt, list.txt<|im_end|>\n<|im_start|>assistant\n";

static void run(const struct answer_case *c, struct answer *out)
{
    struct session *session = NULL;
    struct token_mask *mask = NULL;
    json_t *tools = c->tools ? json_loads(c->tools, 0, NULL) : NULL;
    const struct session_segment segment = {.text = str_from_c(prompt), .origin = SEGMENT_TEMPLATE};
    struct session_limits limits = c->limits;
    limits.tools = tools;
    *out = (struct answer){.events_max = c->events_max};
    if (tools)
        assert_ok(tool_mask_new(engine, tools, TOOL_CHOICE_REQUIRED, &mask, err));
    assert_ok(session_new(engine, &c->sampler, &session, err));
    assert_ok(session_append(session, &segment, 1, err));
    assert_ok(session_generate(session, &limits, mask, on_event, NULL, out, &out->result, err));
    out->count = session_token_count(session);
    assert_in_range(out->count, 1, LOG_MAX);
    for (uint32_t i = 0; i < out->count; i++)
        out->log[i] = session_token(session, i);
    const float *logits = NULL;
    assert_ok(session_logits(session, &logits, err));
    const size_t bytes = engine_get_info(engine)->vocab_size * sizeof(*logits);
    out->logits = mem_copy(logits, bytes);
    session_free(session);
    tool_mask_free(mask);
    json_decref(tools);
}

static void answer_done(struct answer *answer)
{
    strbuf_done(&answer->text);
    mem_free(answer->logits);
}

static void assert_same(const struct answer *got, const struct answer *want)
{
    assert_int_equal(got->count, want->count);
    assert_memory_equal(got->log, want->log, want->count * sizeof(want->log[0]));
    assert_string_equal(strbuf_c(&got->text), strbuf_c(&want->text));
    assert_int_equal(got->result.end, want->result.end);
    assert_int_equal(got->result.generated_tokens, want->result.generated_tokens);
    assert_int_equal(got->result.forced_tokens, want->result.forced_tokens);
    assert_memory_equal(got->logits, want->logits,
                        engine_get_info(engine)->vocab_size * sizeof(*want->logits));
}

static const char paint[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"paint\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"colour\": {\"enum\": [\"red\", \"blue\"]}, \"text\": "
    "{\"type\": \"string\"}}, \"required\": [\"colour\", \"text\"]}}}]";

static const struct answer_case cases[] = {
    {"greedy", {.seed = 1}, {.token_count_max = TOKENS, .ignores_end = true}, NULL, 0},
    {"to its own end", {.seed = 1}, {.token_count_max = TOKENS}, NULL, 0},
    {"sampled",
     {.temperature = 1.0f, .top_k = 40, .top_p = 0.95f, .seed = 5},
     {.token_count_max = TOKENS, .ignores_end = true},
     NULL,
     0},
    {"hot, with penalties",
     {.temperature = 2.5f, .repeat_penalty = 1.3f, .repeat_last_count = 32, .seed = 8},
     {.token_count_max = TOKENS, .ignores_end = true},
     NULL,
     0},
    {"a call", {.temperature = 1.5f, .seed = 4}, {.token_count_max = 90}, paint, 0},
    {"another call", {.temperature = 3.0f, .seed = 11}, {.token_count_max = 40}, paint, 0},
    {"one token", {.temperature = 1.0f, .seed = 2}, {.token_count_max = 1}, NULL, 0},
    {"five tokens", {.seed = 1}, {.token_count_max = 5, .ignores_end = true}, NULL, 0},
    {"the reader has enough",
     {.temperature = 1.0f, .seed = 6},
     {.token_count_max = TOKENS, .ignores_end = true},
     NULL,
     9},
};

static void a_guess_changes_nothing(void **state)
{
    (void)state;
    struct speculation *speculation = &engine->speculation;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct answer_case *c = &cases[i];
        test_case(c->name);
        struct answer want;
        speculation->mode = ENGINE_SPECULATE_OFF;
        run(c, &want);
        assert_int_equal(want.result.drafted_tokens, 0);
        /* What the mask leaves no choice about takes no step of its own. */
        assert_true(want.result.step_count <=
                    want.result.generated_tokens - want.result.forced_tokens);
        assert_true(!c->tools || want.result.forced_tokens > 0);
        speculation->is_eager = true;
        for (uint32_t wrong_every = 0; wrong_every < 6; wrong_every++) {
            struct oracle oracle = {.drafter = {propose, settled, forget, free_nothing},
                                    .log = want.log,
                                    .count = want.count,
                                    .wrong_every = wrong_every};
            struct answer got;
            speculation->drafter = &oracle.drafter;
            speculation->mode = wrong_every % 2 ? ENGINE_SPECULATE_AUTO : ENGINE_SPECULATE_DRAFT;
            run(c, &got);
            assert_same(&got, &want);
            if (wrong_every % 2 == 0) { /* nobody else guessed */
                assert_int_equal(oracle.computed, got.result.drafted_tokens);
                assert_int_equal(oracle.taken, got.result.accepted_tokens);
            }
            if (wrong_every == 1)
                assert_true(oracle.taken * 4 <= oracle.computed);
            if (wrong_every == 0 && want.result.end == SESSION_END_LENGTH)
                assert_int_equal(oracle.taken, oracle.computed);
            if (wrong_every == 0 && want.result.generated_tokens == TOKENS)
                assert_true(got.result.step_count * 3 < want.result.step_count);
            answer_done(&got);
        }
        speculation->drafter = NULL;
        for (int round = 0; round < 2; round++) {
            struct answer got;
            speculation->mode = ENGINE_SPECULATE_LOOKUP;
            speculation->is_eager = round == 0;
            run(c, &got);
            assert_same(&got, &want);
            answer_done(&got);
        }
        answer_done(&want);
    }
}

/* ---------------------------------------------------------------- many */

struct task_answer {
    struct strbuf text;
    struct session_result result;
    bool is_finished;
};

static bool on_task_event(void *context, const struct chat_event *event)
{
    strbuf_add_str(&((struct task_answer *)context)->text, event->text);
    return true;
}

static void on_finished(void *context, const struct session_result *result, enum status status,
                        const struct error *err)
{
    struct task_answer *answer = context;
    if (status != OK)
        fail_msg("%s", err->text);
    answer->result = *result;
    answer->is_finished = true;
}

enum { TASKS = 9 };

static void run_tasks(struct task_answer *answers)
{
    struct scheduler *scheduler = NULL;
    assert_ok(scheduler_new(engine, &(struct scheduler_config){.active_max = 5}, &scheduler, err));
    for (unsigned i = 0; i < TASKS; i++) {
        struct chat_spans spans = {0};
        char text[sizeof(prompt) + 64];
        snprintf(text, sizeof(text), "<|im_start|>user\n%u green bottles, %s", i, prompt);
        chat_spans_add(&spans, str_from_c(text), SEGMENT_TEMPLATE);
        struct scheduler_request request = {
            .prompt = &spans,
            .sampler = {.temperature = i % 3 ? 0.8f : 0.0f, .seed = i},
            .limits = {.token_count_max = 60 + 20 * i, .ignores_end = i % 2 == 0},
            .sink = {.event = on_task_event, .finished = on_finished, .context = &answers[i]},
        };
        struct scheduler_task *task = NULL;
        assert_ok(scheduler_add(scheduler, &request, &task, err));
        for (unsigned k = 0; k < 3 * i; k++)
            (void)scheduler_step(scheduler);
    }
    while (scheduler_step(scheduler))
        continue;
    scheduler_free(scheduler);
}

static void guesses_beside_each_other_change_nothing(void **state)
{
    (void)state;
    struct task_answer want[TASKS] = {0};
    struct task_answer got[TASKS] = {0};
    uint64_t accepted = 0;
    engine->speculation.mode = ENGINE_SPECULATE_OFF;
    run_tasks(want);
    engine->speculation.mode = ENGINE_SPECULATE_AUTO;
    engine->speculation.is_eager = true;
    run_tasks(got);
    for (unsigned i = 0; i < TASKS; i++) {
        assert_true(got[i].is_finished);
        assert_string_equal(strbuf_c(&got[i].text), strbuf_c(&want[i].text));
        assert_int_equal(got[i].result.generated_tokens, want[i].result.generated_tokens);
        assert_int_equal(got[i].result.end, want[i].result.end);
        accepted += got[i].result.accepted_tokens;
        strbuf_done(&want[i].text);
        strbuf_done(&got[i].text);
    }
    assert_true(accepted > 0);
    assert_true(engine->speculation.drafted_tokens > engine->speculation.accepted_tokens);
}

/* ---------------------------------------------------------------- memory */

static bool count_allocations(void *context, const struct chat_event *event)
{
    size_t *counts = context;
    (void)event;
    if (++counts[0] == 20)
        counts[1] = mem_allocation_count();
    if (counts[0] > 20)
        counts[2] = mem_allocation_count();
    return true;
}

static void steady_decode_with_guesses_allocates_nothing(void **state)
{
    (void)state;
    struct session *session = NULL;
    const struct sampler_options sampler = {.temperature = 0.7f, .seed = 3};
    const struct session_limits limits = {
        .token_count_max = 300, .ignores_end = true, .is_plain = true};
    const struct session_segment segment = {.text = str_from_c(prompt), .origin = SEGMENT_TEMPLATE};
    struct oracle oracle = {.drafter = {propose, settled, forget, free_nothing}};
    size_t counts[3] = {0};
    struct session_result result;
    engine->speculation.drafter = &oracle.drafter;
    engine->speculation.mode = ENGINE_SPECULATE_AUTO;
    engine->speculation.is_eager = true;
    assert_ok(session_new(engine, &sampler, &session, err));
    assert_ok(session_append(session, &segment, 1, err));
    assert_ok(
        session_generate(session, &limits, NULL, count_allocations, NULL, counts, &result, err));
    assert_true(counts[0] > 40 && result.drafted_tokens > 0);
    assert_int_equal(counts[1], counts[2]);
    session_free(session);
    engine->speculation.drafter = NULL;
}

/* ---------------------------------------------------------------- a draft model */

static enum status open_with_draft(const char *model_path, const char *draft_path,
                                   struct engine **out, struct error *err)
{
    const struct engine_config config = {.model_path = model_path,
                                         .context_tokens = CONTEXT,
                                         .thread_count = 1,
                                         .speculate = ENGINE_SPECULATE_DRAFT,
                                         .draft_path = draft_path};
    return engine_open(&config, out, err);
}

static void a_draft_model_changes_nothing(void **state)
{
    (void)state;
    struct engine *own = engine;
    struct answer want[ARRAY_LEN(cases)];
    engine->speculation.mode = ENGINE_SPECULATE_OFF;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run(&cases[i], &want[i]);
    assert_ok(open_with_draft(engine_get_info(own)->is_builtin ? NULL : own->path, BUILTIN_PATH,
                              &engine, err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer got;
        test_case(cases[i].name);
        engine->speculation.is_eager = i % 2 == 0;
        run(&cases[i], &got);
        assert_same(&got, &want[i]);
        if (i == 0 && engine_get_info(own)->is_builtin) /* the same model twice */
            assert_int_equal(got.result.accepted_tokens, got.result.drafted_tokens);
        answer_done(&got);
        answer_done(&want[i]);
    }
    assert_true(engine->speculation.drafted_tokens > 0);
    engine_close(engine);
    engine = own;
}

static void a_draft_model_with_other_words_is_refused(void **state)
{
    (void)state;
    char path[512];
    struct error error = {0};
    struct engine *opened = NULL;
    struct strbuf bytes = tiny_hybrid_bytes(&tiny_hybrids[0]);
    snprintf(path, sizeof(path), "%s/other.gguf", test_folder());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    strbuf_done(&bytes);
    assert_int_equal(open_with_draft(NULL, path, &opened, &error), E_INVALID);
    assert_non_null(strstr(error.text, "other.gguf has another vocabulary: 64 tokens"));
    assert_int_equal(open_with_draft(NULL, "tests/nothing.gguf", &opened, &error), E_NOT_FOUND);
}

static void the_block_for_speculation_changes_nothing(void **state)
{
    (void)state;
    struct speculation *speculation = &engine->speculation;
    struct drafter *block = speculation->drafter;
    assert_non_null(block);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer want;
        struct answer got;
        test_case(cases[i].name);
        speculation->mode = ENGINE_SPECULATE_OFF;
        speculation->drafter = NULL;
        run(&cases[i], &want);
        speculation->mode = ENGINE_SPECULATE_MTP;
        speculation->drafter = block;
        speculation->is_eager = i % 2 == 0;
        run(&cases[i], &got);
        assert_same(&got, &want);
        answer_done(&got);
        answer_done(&want);
    }
    assert_true(speculation->drafted_tokens > 100);
}

static void a_model_without_a_block_is_told(void **state)
{
    (void)state;
    struct error error = {0};
    struct engine *opened = NULL;
    const struct engine_config config = {.thread_count = 1, .speculate = ENGINE_SPECULATE_MTP};
    assert_int_equal(engine_open(&config, &opened, &error), E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "--speculate auto"));
}

int test_speculation(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guess_changes_nothing),
        cmocka_unit_test(guesses_beside_each_other_change_nothing),
        cmocka_unit_test(steady_decode_with_guesses_allocates_nothing),
        cmocka_unit_test(a_draft_model_changes_nothing),
        cmocka_unit_test(a_draft_model_with_other_words_is_refused),
    };
    const struct CMUnitTest block_tests[] = {
        cmocka_unit_test(the_block_for_speculation_changes_nothing),
        cmocka_unit_test(guesses_beside_each_other_change_nothing),
        cmocka_unit_test(a_model_without_a_block_is_told),
    };
    const struct CMUnitTest coded_tests[] = {
        cmocka_unit_test(the_block_for_speculation_changes_nothing),
        cmocka_unit_test(guesses_beside_each_other_change_nothing),
    };
    return cmocka_run_group_tests_name("speculation, block", block_tests, open_engine_with_block,
                                       close_engine) +
           cmocka_run_group_tests_name("speculation, block, codes", coded_tests,
                                       open_coded_engine_with_block, close_engine) +
           cmocka_run_group_tests_name("speculation", tests, open_engine, close_engine) +
           cmocka_run_group_tests_name("speculation, recurrent", tests, open_recurrent_engine,
                                       close_engine);
}
