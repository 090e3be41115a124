/*
 * The context is decided in one place, by memory first: too large a one would make the machine swap
 * or the process be killed, and a silent small one would make an agent forget. So each reason must
 * come out as it should, with the number, and a wish that cannot be met is refused with both.
 */
#include "tests/holt_test.h"
#include "tests/tiny_hybrid.h"
#include "tests/tiny_model.h"

#include "base/strbuf.h"
#include "engine/memory_plan.h"
#include "model/model.h"

static const struct tiny_model_spec spec = {
    .name = "llama",
    .arch = "llama",
    .seed = 3,
    .layer_count = 2,
    .embd_dim = 64,
    .head_count = 4,
    .kv_head_count = 2,
    .head_dim = 16,
    .ffn_dim = 128,
    .vocab_size = 96,
    .embd = DTYPE_F16,
    .qk = DTYPE_F16,
    .v = DTYPE_F16,
    .o = DTYPE_F16,
    .gate_up = DTYPE_F16,
    .down = DTYPE_F16,
    .output = DTYPE_F16,
    .norms = DTYPE_F32,
};

struct opened {
    struct strbuf bytes;
    struct gguf *file;
    struct model *model;
};

static void open_tiny(uint32_t context, struct opened *out)
{
    const struct tiny_model_change change = {
        .name = "context_length", .kind = TINY_MODEL_U32, .value = context};
    struct tiny_model_spec changed = spec;
    changed.changes = &change;
    changed.change_count = 1;
    out->bytes = tiny_model_bytes(&changed);
    assert_ok(gguf_open_memory(out->bytes.ptr, out->bytes.len, &out->file, err));
    assert_ok(model_open(out->file, &out->model, err));
}

static void close_tiny(struct opened *opened)
{
    model_close(opened->model);
    gguf_close(opened->file);
    strbuf_done(&opened->bytes);
}

enum { TOKEN_BYTES = 2 * 2 * 2 * 16 * 2 /* layers, keys and values, heads, numbers, bytes */ };

static struct memory_plan plan_of(const struct opened *opened, uint32_t asked, uint64_t memory)
{
    struct infer_config infer = {.thread_count = 1};
    struct memory_plan plan;
    assert_ok(memory_plan_make(opened->model, &infer, asked, memory, &plan, err));
    assert_true(infer.token_capacity >= plan.context_tokens);
    return plan;
}

static void each_reason_gives_its_context(void **state)
{
    (void)state;
    struct opened small;
    struct opened large;
    open_tiny(4096, &small);
    open_tiny(1000000, &large);
    const uint64_t much = UINT64_C(1) << 40;

    struct memory_plan plan = plan_of(&small, 0, much);
    assert_int_equal(plan.reason, MEMORY_PLAN_TRAINED);
    assert_int_equal(plan.context_tokens, 4096);
    assert_int_equal(plan.token_bytes, TOKEN_BYTES);
    assert_int_equal(plan.context_bytes, 4096 * TOKEN_BYTES);

    plan = plan_of(&large, 0, much);
    assert_int_equal(plan.reason, MEMORY_PLAN_DEFAULT);
    assert_int_equal(plan.context_tokens, MEMORY_PLAN_CONTEXT_DEFAULT);

    plan = plan_of(&large, 50000, much);
    assert_int_equal(plan.reason, MEMORY_PLAN_ASKED);
    assert_int_equal(plan.context_tokens, 50000);

    const uint64_t little = plan_of(&large, 0, much).fixed_bytes + 10000 * TOKEN_BYTES;
    plan = plan_of(&large, 0, little);
    assert_int_equal(plan.reason, MEMORY_PLAN_MEMORY);
    assert_int_equal(plan.context_tokens, plan.context_fits);
    assert_true(plan.context_tokens > 9000 && plan.context_tokens < 10300);
    assert_true(memory_plan_is_tight(&plan));

    plan = plan_of(&large, plan.context_fits, little); /* what fits is granted */
    assert_int_equal(plan.reason, MEMORY_PLAN_ASKED);
    assert_false(memory_plan_is_tight(&plan));
    close_tiny(&small);
    close_tiny(&large);
}

/* What a listing says of a model that is not loaded is what loading it would come to. */
static void a_plan_foretells_what_less_memory_gives(void **state)
{
    (void)state;
    struct opened large;
    open_tiny(1000000, &large);
    const struct memory_plan ample = plan_of(&large, 0, UINT64_C(1) << 40);
    for (uint64_t tokens = 1000; tokens < 40000; tokens += 3111) {
        const uint64_t memory = ample.fixed_bytes + tokens * TOKEN_BYTES;
        const struct memory_plan real = plan_of(&large, 0, memory);
        const uint32_t told = memory_plan_within(&ample, memory);
        assert_in_range(told, real.context_tokens * 0.9, real.context_tokens * 1.1);
        assert_true(told <= ample.context_tokens);
    }
    assert_int_equal(memory_plan_within(&ample, 0), MEMORY_PLAN_CONTEXT_MIN);
    const struct memory_plan asked = plan_of(&large, 50000, UINT64_C(1) << 40);
    assert_int_equal(memory_plan_within(&asked, 0), 50000); /* as said, or refused */
    close_tiny(&large);
}

static void what_does_not_fit_is_refused_with_both_numbers(void **state)
{
    (void)state;
    struct opened opened;
    struct infer_config infer = {.thread_count = 1};
    struct memory_plan plan;
    struct error err = {0};
    open_tiny(1000000, &opened);
    const uint64_t memory = plan_of(&opened, 0, UINT64_C(1) << 40).fixed_bytes + (8u << 20);
    assert_int_equal(memory_plan_make(opened.model, &infer, 900000, memory, &plan, &err), E_LIMIT);
    assert_non_null(strstr(err.text, "a context of 900000 tokens takes "));
    assert_non_null(strstr(err.text, " MiB are free; ask for at most "));
    assert_int_equal(memory_plan_make(opened.model, &infer, 0, 1000, &plan, &err), E_LIMIT);
    assert_non_null(strstr(err.text, "a context of 64 tokens takes "));
    assert_non_null(strstr(err.text, " and 0 MiB are free; free memory, or take a smaller model"));
    assert_true(plan.weight_bytes > 0 && plan.fixed_bytes > 0 && plan.token_bytes > 0);
    close_tiny(&opened);
}

static void a_smaller_kind_of_kv_is_named_where_it_helps(void **state)
{
    (void)state;
    struct opened opened;
    struct infer_config infer = {.thread_count = 1};
    struct memory_plan plan;
    struct error fault = {0};
    open_tiny(1000000, &opened);
    const struct memory_plan whole = plan_of(&opened, 100000, UINT64_C(1) << 40);
    const uint64_t memory = whole.fixed_bytes + whole.context_bytes * 3 / 4;
    assert_int_equal(memory_plan_make(opened.model, &infer, 100000, memory, &plan, &fault),
                     E_LIMIT);
    assert_non_null(strstr(fault.text, " MiB are free; it fits with --kv q8, or ask for at most "));
    const uint64_t less = whole.fixed_bytes + whole.context_bytes * 2 / 5;
    assert_int_equal(memory_plan_make(opened.model, &infer, 100000, less, &plan, &fault), E_LIMIT);
    assert_non_null(strstr(fault.text, " MiB are free; it fits with --kv t4, or ask for at most "));
    infer.kv_kind = KV_KIND_T4; /* and it does */
    assert_ok(memory_plan_make(opened.model, &infer, 100000, less, &plan, err));
    assert_true(plan.token_bytes * 100 <= whole.token_bytes * 40);
    infer.kv_kind = KV_KIND_Q8;
    assert_ok(memory_plan_make(opened.model, &infer, 100000, memory, &plan, err));
    assert_true(plan.token_bytes * 16 <= whole.token_bytes * 9);
    assert_int_equal(memory_plan_make(opened.model, &infer, 900000, memory, &plan, &fault),
                     E_LIMIT);
    assert_null(strstr(fault.text, "--kv"));
    close_tiny(&opened);
}

/* Copies of recurrent states only save time; the context does not wait for them. */
static void few_states_are_kept_where_the_context_would_not_fit(void **state)
{
    (void)state;
    struct opened opened = {.bytes = tiny_hybrid_bytes(&tiny_hybrids[0])};
    struct infer_config infer = {.thread_count = 1};
    struct memory_plan whole;
    struct memory_plan plan;
    struct error fault = {0};
    assert_ok(gguf_open_memory(opened.bytes.ptr, opened.bytes.len, &opened.file, err));
    assert_ok(model_open(opened.file, &opened.model, err));
    assert_ok(memory_plan_make(opened.model, &infer, 0, UINT64_C(1) << 40, &whole, err));
    assert_int_equal(infer.state_count, 0); /* as many as infer likes */
    const uint64_t spare = whole.states_bytes - MEMORY_PLAN_STATES_LEAST * whole.state_bytes;
    const uint64_t all = whole.fixed_bytes + whole.context_bytes;
    assert_true(spare > 8 * whole.state_bytes);

    const uint64_t short_of_one = all - whole.state_bytes;
    assert_ok(memory_plan_make(opened.model, &infer, 0, short_of_one, &plan, err));
    assert_int_equal(plan.context_tokens, whole.context_tokens);
    assert_in_range(plan.states_bytes, 1, infer.state_count * plan.state_bytes);
    assert_true(infer.state_count > MEMORY_PLAN_STATES_LEAST);
    assert_int_equal(memory_plan_within(&whole, short_of_one), whole.context_tokens);

    infer.state_count = 0;
    assert_ok(memory_plan_make(opened.model, &infer, 0, all - spare, &plan, err));
    assert_int_equal(infer.state_count, MEMORY_PLAN_STATES_LEAST);
    assert_int_equal(plan.context_tokens, whole.context_tokens);
    assert_int_equal(memory_plan_within(&whole, all - spare), whole.context_tokens);

    infer.state_count = 0; /* less: the context becomes smaller, an asked one is refused */
    assert_ok(memory_plan_make(opened.model, &infer, 0, all - spare - (64 << 10), &plan, err));
    assert_int_equal(infer.state_count, MEMORY_PLAN_STATES_LEAST);
    assert_int_equal(plan.reason, MEMORY_PLAN_MEMORY);
    assert_true(plan.context_tokens < whole.context_tokens);
    infer.state_count = 0;
    assert_int_equal(memory_plan_make(opened.model, &infer, whole.context_tokens,
                                      all - spare - (64 << 10), &plan, &fault),
                     E_LIMIT);
    close_tiny(&opened);
}

static void the_user_is_told_why(void **state)
{
    (void)state;
    static const struct {
        struct memory_plan plan;
        const char *text;
    } rows[] = {
        {{.context_tokens = 512, .reason = MEMORY_PLAN_ASKED, .weights_fit = true},
         "512 tokens: as asked for"},
        {{.context_tokens = 4096, .reason = MEMORY_PLAN_TRAINED, .weights_fit = true},
         "4096 tokens: what the model was trained for"},
        {{.context_tokens = 32768,
          .context_trained = 131072,
          .reason = MEMORY_PLAN_DEFAULT,
          .weights_fit = true},
         "32768 tokens: the default; the model was trained for 131072"},
        {{.context_tokens = 8192,
          .context_trained = 131072,
          .reason = MEMORY_PLAN_MEMORY,
          .budget_bytes = 300u << 20,
          .token_bytes = 36 * 1024,
          .weights_fit = true},
         "8192 tokens: memory allows no more (300 MiB free for it, 36 KiB per token); the model "
         "was trained for 131072"},
        {{.context_tokens = 512, .reason = MEMORY_PLAN_ASKED, .weight_bytes = 900u << 20},
         "512 tokens: as asked for; the weights (900 MiB) are larger than free memory and will be "
         "read from the disk again and again"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        memory_plan_explain(&rows[i].plan, &text);
        assert_string_equal(strbuf_c(&text), rows[i].text);
    }
}

static void use_grows_with_the_prompt(void **state)
{
    (void)state;
    struct opened opened;
    const struct infer_config infer = {.thread_count = 1};
    uint64_t some = 0;
    uint64_t more = 0;
    open_tiny(4096, &opened);
    assert_ok(memory_plan_used(opened.model, &infer, 512, 1000, &some, err));
    assert_ok(memory_plan_used(opened.model, &infer, 1024, 1000, &more, err));
    assert_true(some > 1000 + 512 * TOKEN_BYTES);
    assert_true(more - some >= 512 * TOKEN_BYTES);
    assert_true(more - some < 512 * TOKEN_BYTES + 1024 * 1024);
    close_tiny(&opened);
}

static void several_conversations_get_what_memory_allows(void **state)
{
    (void)state;
    struct opened opened;
    open_tiny(4096, &opened);
    const struct {
        const char *name;
        uint64_t spare_tokens; /* of memory, beside what one conversation takes */
        uint32_t count, more;
    } rows[] = {
        {"one needs no more", 100000, 1, 0},
        {"all that is asked for", 100000, 4, 3 * 4096},
        {"half of what is left", 10000, 4, 5000 / 64 * 64},
        {"none is left", 0, 8, 0},
    };
    const struct memory_plan one = plan_of(&opened, 4096, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct infer_config infer = {.thread_count = 1};
        struct memory_plan plan;
        test_case(rows[i].name);
        const uint64_t memory =
            one.fixed_bytes + one.context_bytes + rows[i].spare_tokens * TOKEN_BYTES;
        assert_ok(memory_plan_make(opened.model, &infer, 4096, memory, &plan, err));
        const uint32_t before = infer.token_capacity;
        assert_ok(memory_plan_share(&plan, rows[i].count, &infer, err));
        assert_int_equal(infer.token_capacity - before, rows[i].more);
    }
    close_tiny(&opened);
}

int test_memory_plan(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_gives_its_context),
        cmocka_unit_test(a_plan_foretells_what_less_memory_gives),
        cmocka_unit_test(what_does_not_fit_is_refused_with_both_numbers),
        cmocka_unit_test(a_smaller_kind_of_kv_is_named_where_it_helps),
        cmocka_unit_test(few_states_are_kept_where_the_context_would_not_fit),
        cmocka_unit_test(the_user_is_told_why),
        cmocka_unit_test(use_grows_with_the_prompt),
        cmocka_unit_test(several_conversations_get_what_memory_allows),
    };
    return cmocka_run_group_tests_name("memory_plan", tests, NULL, NULL);
}
