/*
 * Once an answer flows no token may cost an allocation: whatever keeps keys and values, with
 * guesses and without, with penalties that look at the answer, beside a branch that has just
 * parted, and in a model whose states are copied.
 */
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "tests/holt_test.h"
#include "tests/unit/engine/recurrent_engine.h"

enum { CONTEXT = 1024, TOKENS = 620, WARM_TOKENS = 30, PERIOD = 12 };

static const char prompt[] =
    "<|im_start|>user\nthe cat and the dog and the cat and the dog<|im_end|>\n"
    "<|im_start|>assistant\nthe cat and the dog and the cat and the";

struct probe {
    uint32_t tokens;
    size_t first;
    size_t last;
};

static bool count_allocations(void *context, const struct chat_event *event)
{
    struct probe *probe = context;
    (void)event;
    if (++probe->tokens <= WARM_TOKENS)
        probe->first = mem_allocation_count();
    probe->last = mem_allocation_count();
    return true;
}

/* One answer over several pages and blocks of the log. */
static void generate(struct engine *engine, const char *what, uint32_t *out_drafted)
{
    struct session *trunk = NULL;
    struct session *session = NULL;
    struct probe probe = {0};
    struct session_result result;
    const struct sampler_options sampler = {.temperature = 0.3f,
                                            .repeat_penalty = 1.05f,
                                            .repeat_last_count = 300,
                                            .presence_penalty = 0.1f,
                                            .seed = 5};
    const struct session_segment segment = {.text = str_from_c(prompt), .origin = SEGMENT_TEMPLATE};
    int32_t replayed[TOKENS]; /* the end of the prompt, over and over: guesses find it */
    const struct session_limits limits = {
        .token_count_max = TOKENS, .ignores_end = true, .is_plain = true, .replayed = replayed};
    assert_ok(session_new(engine, &sampler, &trunk, err));
    assert_ok(session_append(trunk, &segment, 1, err));
    for (uint32_t i = 0; i < TOKENS; i++)
        replayed[i] = session_token(trunk, trunk->log.count - PERIOD + i % PERIOD);
    assert_ok(session_compute(trunk, NULL, NULL, err));
    assert_ok(session_fork(trunk, &session, err));
    assert_ok(
        session_generate(session, &limits, NULL, count_allocations, NULL, &probe, &result, err));
    assert_int_equal(result.generated_tokens, TOKENS);
    assert_true(probe.tokens > 3 * WARM_TOKENS); /* pieces of text */
    *out_drafted = result.drafted_tokens;
    if (probe.last != probe.first)
        fail_msg("%s: %zu allocations while an answer flows", what, probe.last - probe.first);
    session_free(session);
    session_free(trunk);
}

/* `name` of a recurrent model, or NULL: the built-in one. */
static void try_kind(enum kv_kind kind, enum engine_speculate speculate, const char *name)
{
    struct engine *engine = NULL;
    const struct engine_config config = {
        .context_tokens = CONTEXT, .thread_count = 1, .kv = kind, .speculate = speculate};
    uint32_t drafted = 0;
    char what[100];
    snprintf(what, sizeof(what), "%s, guesses %s%s", kv_kind_name(kind),
             speculate == ENGINE_SPECULATE_OFF ? "off" : "on", name ? ", recurrent" : "");
    if (name)
        assert_int_equal(recurrent_engine_open_as(name, &config, &engine), 0);
    else
        assert_ok(engine_open(&config, &engine, err));
    engine->speculation.is_eager = true;
    generate(engine, what, &drafted);
    if (speculate == ENGINE_SPECULATE_OFF)
        assert_int_equal(drafted, 0);
    else
        assert_true(drafted > 0);
    engine_close(engine);
}

static void no_kind_of_keys_and_values_allocates(void **state)
{
    (void)state;
    for (int kind = 0; kind < KV_KIND_COUNT; kind++) {
        try_kind((enum kv_kind)kind, ENGINE_SPECULATE_OFF, NULL);
        try_kind((enum kv_kind)kind, ENGINE_SPECULATE_LOOKUP, NULL);
    }
}

static void no_recurrent_model_allocates(void **state)
{
    (void)state;
    for (int kind = 0; kind < KV_KIND_COUNT; kind++) {
        try_kind((enum kv_kind)kind, ENGINE_SPECULATE_OFF, "qwen35");
        try_kind((enum kv_kind)kind, ENGINE_SPECULATE_LOOKUP, "qwen35");
    }
    try_kind(KV_KIND_F16, ENGINE_SPECULATE_MTP, "qwen35-draft");
}

int test_steady_decode(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_kind_of_keys_and_values_allocates),
        cmocka_unit_test(no_recurrent_model_allocates),
    };
    return cmocka_run_group_tests_name("steady decode", tests, NULL, NULL);
}
