/*
 * What test_model.c asks of the common keys and tensors, for those of single families: a file that
 * is wrong gets one sentence that names what is wrong, and what a model needs in memory is known
 * before.
 */
#include "base/mem.h"
#include "model/model.h"
#include "tests/tiny_family.h"

static const struct tiny_family_spec *find_family(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(tiny_families); i++)
        if (strcmp(tiny_families[i].name, name) == 0)
            return &tiny_families[i];
    fail_msg("no tiny family %s", name);
    return NULL;
}

struct family_case {
    const char *name;
    const char *family; /* in tiny_families */
    struct tiny_model_change change;
    enum status status;
    const char *text; /* in the error */
};

static void check_changes(const struct family_case *c, const struct tiny_model_change *changes,
                          size_t count)
{
    struct tiny_family_spec spec = *find_family(c->family);
    struct error error = {0};
    struct gguf *file = NULL;
    struct model *model = NULL;
    spec.changes = changes;
    spec.change_count = count;
    test_case(c->name);
    struct strbuf bytes = tiny_family_bytes(&spec);
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    const enum status status = model_open(file, &model, &error);
    if (status != c->status || (c->text && !strstr(error.text, c->text)))
        fail_msg("%s: %s: %s", c->name, error_status_name(status), error.text);
    model_close(model);
    gguf_close(file);
    strbuf_done(&bytes);
}

static void check_case(const struct family_case *c)
{
    check_changes(c, &c->change, 1);
}

static const struct family_case expert_cases[] = {
    {"no expert count",
     "qwen3moe",
     {.name = "expert_count"},
     E_FORMAT,
     "lacks the number qwen3moe.expert_count"},
    {"no experts at all",
     "gpt-oss",
     {"expert_count", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "lacks the number gpt-oss.expert_count"},
    {"too many experts",
     "qwen3moe",
     {"expert_count", TINY_MODEL_U32, .value = 513},
     E_LIMIT,
     "qwen3moe.expert_count is 513 (limit 512)"},
    {"experts as text",
     "qwen3moe",
     {"expert_count", TINY_MODEL_STR, .text = "6"},
     E_FORMAT,
     "qwen3moe.expert_count"},
    {"another number of experts",
     "qwen3moe",
     {"expert_count", TINY_MODEL_U32, .value = 5},
     E_FORMAT,
     "tensor blk.0.ffn_gate_inp.weight is 64 x 6"},
    {"none used",
     "qwen3moe",
     {"expert_used_count", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "qwen3moe.expert_used_count is 0"},
    {"number used is missing",
     "mixtral",
     {.name = "expert_used_count"},
     E_FORMAT,
     "lacks the number llama.expert_used_count"},
    {"more used than there are",
     "qwen3moe",
     {"expert_used_count", TINY_MODEL_U32, .value = 7},
     E_LIMIT,
     "qwen3moe.expert_used_count is 7 (limit 6)"},
    {"no expert size",
     "deepseek2",
     {.name = "expert_feed_forward_length"},
     E_FORMAT,
     "lacks the number deepseek2.expert_feed_forward_length"},
    {"another expert size",
     "qwen3moe",
     {"expert_feed_forward_length", TINY_MODEL_U32, .value = 32},
     E_FORMAT,
     "tensor blk.0.ffn_down_exps.weight is 64 x 64 x 6 x 1; this model needs 32 x 64 x 6"},
    {"huge expert size",
     "qwen3moe",
     {"expert_feed_forward_length", TINY_MODEL_U32, .value = 4294967295.0},
     E_LIMIT,
     "expert_feed_forward_length is 4294967295"},
    {"shared experts without end",
     "glm4moe",
     {"expert_shared_count", TINY_MODEL_U32, .value = 600},
     E_LIMIT,
     "glm4moe.expert_shared_count is 600 (limit 512)"},
    {"more shared experts",
     "glm4moe",
     {"expert_shared_count", TINY_MODEL_U32, .value = 2},
     E_FORMAT,
     "blk.1.ffn_gate_shexp.weight is 64 x 32"},
    {"unknown scoring",
     "glm4moe",
     {"expert_gating_func", TINY_MODEL_U32, .value = 4},
     E_UNSUPPORTED,
     "glm4moe.expert_gating_func is 4 (0 to 3)"},
    {"negative scale of weights",
     "glm4moe",
     {"expert_weights_scale", TINY_MODEL_F32, .value = -1},
     E_FORMAT,
     "glm4moe.expert_weights_scale is -1"},
    {"groups that do not divide",
     "deepseek2",
     {"expert_group_count", TINY_MODEL_U32, .value = 4},
     E_FORMAT,
     "expert_group_count is 4: 6 experts cannot form"},
    {"groups of one",
     "deepseek2",
     {"expert_group_count", TINY_MODEL_U32, .value = 6},
     E_FORMAT,
     "expert_group_count is 6: 6 experts cannot form"},
    {"more groups used than there are",
     "deepseek2",
     {"expert_group_used_count", TINY_MODEL_U32, .value = 4},
     E_FORMAT,
     "deepseek2.expert_group_used_count is 4"},
    {"no group used",
     "deepseek2",
     {"expert_group_used_count", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "deepseek2.expert_group_used_count is 0"},
    {"more dense layers than layers",
     "glm4moe",
     {"leading_dense_block_count", TINY_MODEL_U32, .value = 9},
     E_FORMAT,
     "lacks the tensor blk.1.ffn_gate.weight"},
    {"no router",
     "qwen3moe",
     {.name = "blk.1.ffn_gate_inp.weight"},
     E_FORMAT,
     "lacks the tensor blk.1.ffn_gate_inp.weight"},
    {"no bias for choosing",
     "glm4moe",
     {.name = "blk.2.exp_probs_b.bias"},
     E_FORMAT,
     "lacks the tensor blk.2.exp_probs_b.bias"},
    {"no bias for choosing, where it may lack",
     "deepseek2",
     {.name = "blk.1.exp_probs_b.bias"},
     OK,
     NULL},
    {"no gate of the shared expert",
     "qwen2moe",
     {.name = "blk.0.ffn_gate_inp_shexp.weight"},
     E_FORMAT,
     "lacks the tensor blk.0.ffn_gate_inp_shexp.weight"},
    {"experts as a plain matrix",
     "qwen3moe",
     {"blk.0.ffn_up_exps.weight", TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 64, .rows = 64},
     E_FORMAT,
     "blk.0.ffn_up_exps.weight is 64 x 64 x 1 x 1; this model needs 64 x 64 x 6"},
    {"bias of another expert count",
     "gpt-oss",
     {"blk.0.ffn_up_exps.bias", TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 32, .rows = 5},
     E_FORMAT,
     "blk.0.ffn_up_exps.bias is 32 x 5"},
};

static const struct family_case attention_cases[] = {
    {"no sinks",
     "gpt-oss",
     {.name = "blk.1.attn_sinks.weight"},
     E_FORMAT,
     "lacks the tensor blk.1.attn_sinks.weight"},
    {"sinks of other heads",
     "gpt-oss",
     {"blk.1.attn_sinks.weight", TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 5},
     E_FORMAT,
     "blk.1.attn_sinks.weight is 5 x 1"},
    {"negative window",
     "gpt-oss",
     {"attention.sliding_window", TINY_MODEL_I32, .value = -1},
     E_FORMAT,
     "gpt-oss.attention.sliding_window"},
    {"no window", "gpt-oss", {.name = "attention.sliding_window"}, OK, NULL},
    {"pattern of too few layers",
     "gemma3",
     {"attention.sliding_window_pattern", TINY_MODEL_U32S, .value = 1, .count = 2, .last = 0},
     E_FORMAT,
     "gemma3.attention.sliding_window_pattern has 2 values for 3 layers"},
    {"pattern per layer",
     "gemma3",
     {"attention.sliding_window_pattern", TINY_MODEL_U32S, .value = 1, .count = 3, .last = 0},
     OK,
     NULL},
    {"huge period",
     "gemma3",
     {"attention.sliding_window_pattern", TINY_MODEL_U32, .value = 100000},
     E_LIMIT,
     "sliding_window_pattern is 100000 (limit 512)"},
    {"base of windows 0",
     "gemma3",
     {"rope.freq_base_swa", TINY_MODEL_F32, .value = 0},
     E_FORMAT,
     "gemma3.rope.freq_base_swa is 0"},
    {"no window, where there must be one",
     "gemma2",
     {.name = "attention.sliding_window"},
     E_FORMAT,
     "lacks the number gemma2.attention.sliding_window"},
    {"soft cap not a number",
     "gemma2",
     {"final_logit_softcapping", TINY_MODEL_F32, .value = (double)NAN},
     E_FORMAT,
     "gemma2.final_logit_softcapping"},
    {"soft cap by default", "gemma2", {.name = "attn_logit_softcapping"}, OK, NULL},
    {"no norm behind attention",
     "gemma3",
     {.name = "blk.2.post_attention_norm.weight"},
     E_FORMAT,
     "lacks the tensor blk.2.post_attention_norm.weight"},
    {"temperature not a number",
     "mistral3",
     {"attention.temperature_scale", TINY_MODEL_F32, .value = (double)NAN},
     E_FORMAT,
     "mistral3.attention.temperature_scale"},
    {"temperature elsewhere",
     "smollm3",
     {"attention.temperature_scale", TINY_MODEL_F32, .value = 0.1},
     E_UNSUPPORTED,
     "smollm3.attention.temperature_scale = 0.1"},
    {"residual scale elsewhere",
     "llama",
     {"residual_scale", TINY_MODEL_F32, .value = 0.5},
     E_UNSUPPORTED,
     "llama.residual_scale = 0.5"},
    {"infinite logit scale",
     "granite",
     {"logit_scale", TINY_MODEL_F32, .value = (double)INFINITY},
     E_FORMAT,
     "granite.logit_scale is inf"},
    {"epsilon under the other name",
     "nemotron",
     {.name = "attention.layer_norm_epsilon"},
     E_FORMAT,
     "nemotron.attention.layer_norm_epsilon is missing"},
    {"no bias of a layer norm",
     "nemotron",
     {.name = "output_norm.bias"},
     E_FORMAT,
     "lacks the tensor output_norm.bias"},
    {"fewer layers in an array",
     "deci",
     {"attention.head_count_kv", TINY_MODEL_U32S, .value = 2, .count = 3, .last = 1},
     E_FORMAT,
     "deci.attention.head_count_kv has 3 values for 4 layers"},
    {"heads of one layer that cannot share",
     "deci",
     {"attention.head_count_kv", TINY_MODEL_U32S, .value = 2, .count = 4, .last = 3},
     E_FORMAT,
     "head_count is 2, which"},
    {"a layer with other heads than tensors",
     "deci",
     {"attention.head_count", TINY_MODEL_U32S, .value = 4, .count = 4, .last = 2},
     E_FORMAT,
     "blk.2.attn_norm.weight"},
    {"more blocks for speculation than blocks",
     "glm4moe",
     {"nextn_predict_layers", TINY_MODEL_U32, .value = 4},
     E_LIMIT,
     "glm4moe.nextn_predict_layers is 4 (limit 3)"},
    {"a tensor behind the blocks",
     "glm4moe",
     {"blk.4.attn_norm.weight", TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 64},
     E_UNSUPPORTED,
     "blk.4.attn_norm.weight"},
    {"no latent rank",
     "deepseek2",
     {.name = "attention.kv_lora_rank"},
     E_FORMAT,
     "lacks the number deepseek2.attention.kv_lora_rank"},
    {"odd latent rank",
     "deepseek2",
     {"attention.kv_lora_rank", TINY_MODEL_U32, .value = 31},
     E_FORMAT,
     "deepseek2.attention.kv_lora_rank is 31 (odd)"},
    {"latent rank beyond a head",
     "deepseek2",
     {"attention.kv_lora_rank", TINY_MODEL_U32, .value = 1024},
     E_LIMIT,
     "= 1040 numbers (limit 1024)"},
    {"keys that only rotate",
     "deepseek2",
     {"attention.key_length_mla", TINY_MODEL_U32, .value = 16},
     E_FORMAT,
     "deepseek2.attention.key_length_mla is 16; it must be more than the 16"},
    {"another query rank",
     "deepseek2",
     {"attention.q_lora_rank", TINY_MODEL_U32, .value = 32},
     E_FORMAT,
     "blk.0.attn_q_a.weight is 64 x 48"},
    {"no query rank",
     "deepseek2",
     {"attention.q_lora_rank", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "lacks the tensor blk.0.attn_q.weight"},
    {"no matrices of heads",
     "deepseek2",
     {.name = "blk.0.attn_v_b.weight"},
     E_FORMAT,
     "lacks the tensor blk.0.attn_v_b.weight"},
    {"fewer matrices than heads",
     "deepseek2-lite",
     {"blk.0.attn_kv_b.weight", TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 32, .rows = 144},
     E_FORMAT,
     "blk.0.attn_kv_b.weight is 32 x 144"},
};

static void wrong_experts_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expert_cases); i++)
        check_case(&expert_cases[i]);
    static const struct tiny_model_change split[] = {{.name = "blk.0.ffn_gate_exps.weight"},
                                                     {"blk.0.ffn_gate.0.weight", TINY_MODEL_TENSOR,
                                                      .dtype = DTYPE_F32, .columns = 64,
                                                      .rows = 64}};
    static const struct family_case old = {.name = "a tensor for each expert",
                                           .family = "qwen3moe",
                                           .status = E_UNSUPPORTED,
                                           .text = "in place of blk.0.ffn_gate_exps.weight"};
    check_changes(&old, split, ARRAY_LEN(split));
}

static void wrong_attention_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attention_cases); i++)
        check_case(&attention_cases[i]);
}

static void memory_is_known_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiny_families); i++) {
        test_case(tiny_families[i].name);
        struct strbuf bytes = tiny_family_bytes(&tiny_families[i]);
        struct gguf *file = NULL;
        struct model *model = NULL;
        size_t memory = 0;
        assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
        assert_ok(model_memory(file, &memory, err));
        assert_ok(model_open(file, &model, err));
        assert_true(memory >= sizeof(*model) + model->memory.used_bytes);
        model_close(model);
        gguf_close(file);
        strbuf_done(&bytes);
    }
}

static void work_counts_the_experts_that_a_token_uses(void **state)
{
    (void)state;
    struct strbuf bytes = tiny_family_bytes(find_family("qwen3moe"));
    struct gguf *file = NULL;
    struct model *model = NULL;
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    assert_ok(model_open(file, &model, err));
    const uint64_t attention = 2 * 64 * 64 + 2 * 64 * 32;
    const uint64_t experts = 3 * 64 * 64;
    assert_int_equal(model->multiply_adds, 2 * (attention + 64 * 6 + 2 * experts) + 64 * 96);
    assert_int_equal(model->parameter_count,
                     2 * (attention + 64 * 6 + 6 * experts + 2 * 64 + 2 * 16) + 2 * 64 * 96 + 64);
    model_close(model);
    gguf_close(file);
    strbuf_done(&bytes);
}

int test_model_families(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_experts_are_refused_by_name),
        cmocka_unit_test(wrong_attention_is_refused_by_name),
        cmocka_unit_test(memory_is_known_before),
        cmocka_unit_test(work_counts_the_experts_that_a_token_uses),
    };
    return cmocka_run_group_tests_name("model_families", tests, NULL, NULL);
}
