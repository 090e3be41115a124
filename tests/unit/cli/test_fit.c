/* What fits: memory as memory_plan.h counts it, speeds from bandwidth, a table without slips. */
#include "tests/holt_test.h"

#include "cli/fit_facts.h"
#include "cli/fit_models.h"
#include "cli/fit_plan.h"
#include "cli/fit_rows.h"
#include "cli/model_file.h"
#include "engine/memory_plan.h"
#include "gguf/gguf.h"
#include "model/model.h"
#include "os/cpu.h"

static const uint64_t GIB = UINT64_C(1) << 30;

/* A dense model of 8 GiB whose tokens cost 128 KiB as f16, half as q8, a quarter as t4. */
static const struct fit_shape dense = {
    .weight_bytes = UINT64_C(8) << 30,
    .read_bytes = UINT64_C(8) << 30,
    .token_bytes = {[KV_KIND_F16] = 131072, [KV_KIND_Q8] = 65536, [KV_KIND_T4] = 32768},
    .fixed_bytes = 0,
    .multiply_adds = 8000000000,
    .context_trained = 131072,
};

static void a_plan_follows_memory_and_training(void **state)
{
    (void)state;
    const struct {
        const char *name;
        uint64_t free_gib, reserve_gib;
        bool fits;
        enum kv_kind kv;
        uint32_t context;
    } cases[] = {
        {"all of it", 64, 8, true, KV_KIND_F16, 131072},
        {"enough for agents as f16", 18, 2, true, KV_KIND_F16, 65536},
        {"q8 where f16 is short", 14, 2, true, KV_KIND_Q8, 65536},
        {"the weights and a little", 9, 0, true, KV_KIND_T4, 32768},
        {"t4 where q8 is short", 13, 2, true, KV_KIND_T4, 98304},
        {"the weights and nothing", 8, 0, false, KV_KIND_Q8, 0},
        {"not even the weights", 4, 0, false, KV_KIND_Q8, 0},
        {"less than the reserve", 1, 2, false, KV_KIND_Q8, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_case(cases[i].name);
        const struct fit_machine machine = {.free_bytes = cases[i].free_gib * GIB,
                                            .reserve_bytes = cases[i].reserve_gib * GIB,
                                            .read_speed = 80e9};
        struct fit_plan plan;
        fit_plan_make(&machine, &dense, &plan);
        assert_int_equal(plan.fits, cases[i].fits);
        assert_int_equal(plan.context_tokens, cases[i].context);
        if (cases[i].fits) {
            assert_int_equal(plan.kv, cases[i].kv);
            assert_true(plan.first_speed > plan.last_speed && plan.last_speed > 0);
        } else {
            assert_true(plan.needed_bytes > plan.room_bytes);
            assert_true(plan.first_speed == 0);
        }
    }
}

static void speed_is_the_bandwidth_through_what_is_read(void **state)
{
    (void)state;
    const struct fit_machine machine = {
        .free_bytes = 64 * GIB, .read_speed = 9e9, .multiply_speed = 1e12};
    struct fit_shape shape = {.weight_bytes = 5000000000,
                              .read_bytes = 500000000,
                              .token_bytes = {[KV_KIND_F16] = 10000},
                              .state_bytes = 200000000,
                              .multiply_adds = 1000000000,
                              .context_trained = 100000};
    struct fit_plan plan;
    fit_plan_make(&machine, &shape, &plan);
    assert_true(plan.first_speed > 9.49 && plan.first_speed < 9.51); /* 0.9 GB a token */
    assert_true(plan.last_speed > 4.49 && plan.last_speed < 4.51);   /* and 1 GB of keys */
    assert_true(plan.prompt_speed > 499 && plan.prompt_speed < 501);
    shape.multiply_adds = 0;
    fit_plan_make(&machine, &shape, &plan);
    assert_true(plan.prompt_speed == 0);
}

static void the_table_holds_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < fit_models_count; i++) {
        const struct fit_model *model = &fit_models[i];
        struct fit_models_size sizes[FIT_MODELS_TYPES];
        struct fit_facts facts;
        test_case(model->name);
        const double bits = 8 * (double)model->file_bytes / (double)model->parameter_count;
        assert_true(bits > 4.5 && bits < 6.5);
        assert_true(model->active_count <= model->parameter_count);
        assert_true(model->attention_count <= model->layer_count);
        assert_true((model->state_bytes > 0) == (model->attention_count < model->layer_count));
        const double share = (double)model->active_count / (double)model->parameter_count;
        const double read = (double)model->read_bytes / (double)model->file_bytes;
        assert_true(read > share * 0.9 && read < share * 1.4);
        const size_t count = fit_models_sizes(model, sizes);
        assert_int_equal(count, model->has_one_type ? 1 : FIT_MODELS_TYPES);
        for (size_t s = 0; s < count; s++) {
            assert_true(s == 0 || sizes[s].file_bytes > sizes[s - 1].file_bytes);
            fit_facts_of(model, &sizes[s], &facts);
            assert_true(facts.shape.multiply_adds > 0 &&
                        facts.shape.multiply_adds < model->active_count);
            assert_true(facts.shape.token_bytes[KV_KIND_Q8] < facts.shape.token_bytes[KV_KIND_F16]);
        }
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(model->name, fit_models[j].name);
    }
}

static void keys_and_values_cost_what_they_are_known_to(void **state)
{
    (void)state;
    const struct {
        const char *name;
        uint64_t token_bytes; /* as f16 */
    } cases[] = {
        {"Llama-3.1-8B", 131072},   {"Llama-3.2-1B", 32768},           {"Qwen3.5-9B", 32768},
        {"Qwen3.5-35B-A3B", 20480}, {"Nemotron-3-Nano-30B-A3B", 6144}, {"DeepSeek-R1-671B", 70272},
        {"gpt-oss-20b", 49152},     {"Qwen3-Coder-480B-A35B", 253952},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fit_model *model = NULL;
        struct fit_models_size sizes[FIT_MODELS_TYPES];
        struct fit_facts facts;
        test_case(cases[i].name);
        assert_ok(fit_models_find(str_from_c(cases[i].name), &model, err));
        (void)fit_models_sizes(model, sizes);
        fit_facts_of(model, &sizes[0], &facts);
        assert_int_equal(facts.shape.token_bytes[KV_KIND_F16], cases[i].token_bytes);
        const double coded =
            (double)facts.shape.token_bytes[KV_KIND_T4] / (double)cases[i].token_bytes;
        assert_true(coded > 0.26 && coded < 0.28); /* docs/kv.md */
    }
}

static void models_are_found_by_part_of_their_names(void **state)
{
    (void)state;
    const struct {
        const char *name;
        enum status status;
        const char *found;
    } cases[] = {
        {"Qwen3.5-9B", OK, "Qwen3.5-9B"},
        {"qwen3.5-9b", OK, "Qwen3.5-9B"},
        {"GPT-OSS", OK, "gpt-oss-20b"},
        {"distill-llama", OK, "DeepSeek-R1-Distill-Llama-70B"},
        {"qwen3.5", E_INVALID, NULL},
        {"", E_NOT_FOUND, NULL},
        {"nosuch", E_NOT_FOUND, NULL},
        {"../../etc", E_NOT_FOUND, NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", E_NOT_FOUND,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fit_model *model = NULL;
        struct error err = {0};
        test_case(cases[i].name);
        assert_int_equal(fit_models_find(str_from_c(cases[i].name), &model, &err), cases[i].status);
        if (cases[i].found)
            assert_string_equal(model->name, cases[i].found);
        else
            assert_true(err.text[0] != '\0');
    }
}

static void a_file_gets_the_context_that_memory_plan_gives_it(void **state)
{
    (void)state;
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    struct fit_facts facts;
    assert_ok(model_file_open(NULL, &file, err));
    assert_ok(model_open(file, &model, err));
    assert_ok(fit_facts_read(NULL, &facts, err));
    assert_int_equal(facts.shape.weight_bytes, model->weight_bytes);
    assert_int_equal(facts.shape.context_trained, model->shape.context_length);
    assert_true(facts.shape.read_bytes <= gguf_byte_count(file));
    facts.shape.context_trained = 1u << 24; /* so that memory decides */
    for (uint64_t mib = 40; mib <= 640; mib *= 2) {
        const uint64_t budget = mib << 20;
        struct infer_config infer = {.cpu_features = cpu_features()};
        struct memory_plan plan;
        struct fit_plan fit;
        assert_ok(memory_plan_make(model, &infer, 0, budget, &plan, err));
        const struct fit_machine machine = {.free_bytes = model->weight_bytes + budget};
        fit_plan_with(&machine, &facts.shape, KV_KIND_F16, &fit);
        assert_true(fit.fits);
        const double ratio = (double)fit.context_tokens / plan.context_fits;
        assert_true(ratio > 0.97 && ratio < 1.03);
    }
}

static void an_answer_of_the_child_is_not_believed(void **state)
{
    (void)state;
    static const char *const good =
        "{\"type\": \"Q8_0\", \"parameters\": 5, \"weight_bytes\": 4, \"read_bytes\": 3, "
        "\"f16_bytes\": 2, \"q8_bytes\": 1, \"t4_bytes\": 1, "
        "\"state_bytes\": 0, \"fixed_bytes\": 7, \"multiply_adds\": 9, \"context_trained\": 4096}";
    struct fit_facts facts;
    assert_ok(fit_facts_parse(str_from_c(good), &facts, err));
    assert_int_equal(facts.shape.weight_bytes, 4);
    assert_int_equal(facts.shape.token_bytes[KV_KIND_F16], 2);
    assert_int_equal(facts.shape.context_trained, 4096);
    assert_string_equal(facts.type, "Q8_0");
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"type\": \"Q8_0\"}",
        "{\"type\": \"Q8_0\", \"parameters\": -1}",
        "{\"type\": \"Q8_0\", \"parameters\": 9223372036854775807}",
        "{\"type\": \"Q8_0\", \"parameters\": 1.5}",
        "{\"problem\": \"it is broken\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        test_case(bad[i]);
        assert_int_not_equal(fit_facts_parse(str_from_c(bad[i]), &facts, &err), OK);
        assert_true(err.text[0] != '\0');
    }
}

static void rows_say_what_does_not_fit(void **state)
{
    (void)state;
    CLEANUP(fit_rows_done) struct fit_rows rows = {0};
    CLEANUP(strbuf_done) struct strbuf out = {0};
    const struct fit_facts facts = {.shape = dense, .type = "Q8_0"};
    const struct fit_machine small = {.free_bytes = 4 * GIB, .read_speed = 80e9};
    const struct fit_machine large = {.free_bytes = 64 * GIB, .read_speed = 80e9};
    struct fit_plan plan;
    fit_plan_make(&small, &facts.shape, &plan);
    fit_rows_add(&rows, "heron\x1b[31m", true, &facts, &plan);
    assert_null(fit_rows_largest(&rows));
    fit_plan_make(&large, &facts.shape, &plan);
    fit_rows_add(&rows, "otter", true, &facts, &plan);
    fit_rows_add_problem(&rows, "broken", "it is no model file");
    fit_rows_write(&rows, true, &out);
    assert_non_null(strstr(strbuf_c(&out), "does not fit: it takes 8.1 GiB and there are 4.0 GiB"));
    assert_non_null(strstr(strbuf_c(&out), "it is no model file"));
    assert_null(strchr(strbuf_c(&out), '\x1b'));
    assert_string_equal(fit_rows_largest(&rows)->name, "otter");
    strbuf_clear(&out);
    fit_rows_write(&rows, false, &out);
    assert_int_equal(out.len, 0);
}

int test_fit(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_follows_memory_and_training),
        cmocka_unit_test(speed_is_the_bandwidth_through_what_is_read),
        cmocka_unit_test(the_table_holds_together),
        cmocka_unit_test(keys_and_values_cost_what_they_are_known_to),
        cmocka_unit_test(models_are_found_by_part_of_their_names),
        cmocka_unit_test(a_file_gets_the_context_that_memory_plan_gives_it),
        cmocka_unit_test(an_answer_of_the_child_is_not_believed),
        cmocka_unit_test(rows_say_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
