/*
 * Files of models with recurrent layers come from strangers too: sizes of states, per-layer lists
 * and blocks for speculation that contradict each other get one sentence that names the key.
 */
#include "base/mem.h"
#include "model/model.h"
#include "tests/tiny_hybrid.h"

/* Index in tiny_hybrids, checked by name below. */
enum { QWEN35 = 0, DRAFT = 1, NEXT = 2, NEMOTRON = 3, LATENT = 4, LFM2 = 6, LFM2MOE = 7 };

struct change_case {
    int model;
    struct tiny_model_change change;
    enum status status;
    const char *text; /* in the error; NULL: the model opens */
};

static const struct change_case cases[] = {
    {QWEN35, {.name = "ssm.conv_kernel"}, E_FORMAT, "lacks the number qwen35.ssm.conv_kernel"},
    {QWEN35,
     {.name = "ssm.conv_kernel", .kind = TINY_MODEL_U32, .value = 1},
     E_UNSUPPORTED,
     "ssm.conv_kernel is 1 (2 to 4"},
    {QWEN35,
     {.name = "ssm.conv_kernel", .kind = TINY_MODEL_U32, .value = 5},
     E_LIMIT,
     "ssm.conv_kernel is 5 (limit 4)"},
    {QWEN35,
     {.name = "ssm.conv_kernel", .kind = TINY_MODEL_U32, .value = 3},
     E_FORMAT,
     "blk.0.ssm_conv1d.weight is 4 x"},
    {QWEN35,
     {.name = "ssm.state_size", .kind = TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "ssm.state_size is 0"},
    {QWEN35,
     {.name = "ssm.state_size", .kind = TINY_MODEL_U32, .value = 24},
     E_UNSUPPORTED,
     "24 numbers: holt needs a mul"},
    {QWEN35,
     {.name = "ssm.state_size", .kind = TINY_MODEL_U32, .value = 65536},
     E_LIMIT,
     "ssm.state_size is 65536 (limit"},
    {QWEN35,
     {.name = "ssm.group_count", .kind = TINY_MODEL_U32, .value = 3},
     E_FORMAT,
     "group_count = 3 does not divide"},
    {QWEN35,
     {.name = "ssm.group_count", .kind = TINY_MODEL_STR, .text = "2"},
     E_FORMAT,
     "ssm.group_count"},
    {QWEN35,
     {.name = "ssm.time_step_rank", .kind = TINY_MODEL_U32, .value = 6},
     E_FORMAT,
     "which 6 heads"},
    {QWEN35,
     {.name = "ssm.inner_size", .kind = TINY_MODEL_U32, .value = 1 << 20},
     E_LIMIT,
     "ssm.inner_size is 1048576"},
    {QWEN35,
     {.name = "ssm.inner_size", .kind = TINY_MODEL_U32, .value = 1 << 14},
     E_LIMIT,
     "heads of 4096 numbers"},
    {QWEN35,
     {.name = "ssm.inner_size", .kind = TINY_MODEL_U32, .value = 160},
     E_UNSUPPORTED,
     "have 40 numbers"},
    {QWEN35,
     {.name = "full_attention_interval", .kind = TINY_MODEL_U32, .value = 1},
     E_FORMAT,
     "lacks the tensor blk.0.attn_q.weight"},
    {QWEN35,
     {.name = "full_attention_interval", .kind = TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "interval is 0"},
    {QWEN35,
     {.name = "attention.recurrent_layers",
      .kind = TINY_MODEL_U32S,
      .value = 1,
      .count = 2,
      .last = 1},
     E_FORMAT,
     "recurrent_layers has 2 values for 4 layers"},
    {QWEN35,
     {.name = "attention.recurrent_layers",
      .kind = TINY_MODEL_U32S,
      .value = 1,
      .count = 4,
      .last = 0},
     E_FORMAT,
     "lacks the tensor blk.2.attn_qkv.weight"},
    {QWEN35,
     {.name = "rope.dimension_sections",
      .kind = TINY_MODEL_U32S,
      .value = 5000,
      .count = 4,
      .last = 1},
     E_FORMAT,
     "value 0 of qwen35.rope.dimension_sections is 5000"},
    {QWEN35,
     {.name = "rope.dimension_sections", .kind = TINY_MODEL_STRS, .text = "x", .count = 3},
     E_FORMAT,
     "rope"},
    {QWEN35, {.name = "rope.dimension_sections"}, OK, NULL},
    {QWEN35,
     {.name = "nextn_predict_layers", .kind = TINY_MODEL_U32, .value = 4},
     E_LIMIT,
     "nextn_predict_layers is 4"},
    {QWEN35,
     {.name = "nextn_predict_layers", .kind = TINY_MODEL_U32, .value = 1},
     E_FORMAT,
     "lacks the tensor blk.3.attn_q.weight"},
    {QWEN35, {.name = "blk.1.ssm_a"}, E_FORMAT, "lacks the tensor blk.1.ssm_a"},
    {QWEN35,
     {.name = "blk.1.ssm_a", .kind = TINY_MODEL_TENSOR, .value = -1, .columns = 5},
     E_FORMAT,
     "blk.1.ssm_a is 5 x 1"},
    {QWEN35,
     {.name = "blk.1.ssm_dt.bias",
      .kind = TINY_MODEL_TENSOR,
      .value = -1,
      .dtype = DTYPE_Q8_0,
      .columns = 32},
     E_FORMAT,
     "blk.1.ssm_dt.bias is 32"},
    {QWEN35,
     {.name = "blk.0.ssm_conv1d.bias", .kind = TINY_MODEL_TENSOR, .value = 0, .columns = 256},
     E_UNSUPPORTED,
     "blk.0.ssm_conv1d.bias, which holt does not use"},
    {QWEN35,
     {.name = "blk.2.attn_q.weight",
      .kind = TINY_MODEL_TENSOR,
      .value = 0,
      .columns = 64,
      .rows = 64},
     E_FORMAT,
     "this model needs 64 x 128"},
    {DRAFT,
     {.name = "blk.4.nextn.eh_proj.weight"},
     E_FORMAT,
     "lacks the tensor blk.4.nextn.eh_proj.weight"},
    {DRAFT, {.name = "blk.4.nextn.shared_head_norm.weight"}, OK, NULL},
    {DRAFT,
     {.name = "blk.4.nextn.embed_tokens.weight",
      .kind = TINY_MODEL_TENSOR,
      .value = 0,
      .columns = 64,
      .rows = 64},
     OK,
     NULL},
    {DRAFT,
     {.name = "blk.4.nextn.embed_tokens.weight",
      .kind = TINY_MODEL_TENSOR,
      .value = 0,
      .columns = 64,
      .rows = 63},
     E_FORMAT,
     "nextn.embed_tokens.weight is 64 x 63"},
    {DRAFT,
     {.name = "nextn_predict_layers", .kind = TINY_MODEL_U32, .value = 2},
     E_UNSUPPORTED,
     "nextn_predict_layers is 2: holt knows one such block"},
    {DRAFT,
     {.name = "nextn_predict_layers", .kind = TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "lacks the tensor blk.4.attn_qkv.weight"},
    {NEXT, {.name = "expert_count", .kind = TINY_MODEL_U32, .value = 0}, E_FORMAT, "expert"},
    {NEXT, {.name = "blk.0.ssm_ba.weight"}, E_FORMAT, "lacks the tensor blk.0.ssm_ba.weight"},
    {NEXT,
     {.name = "blk.0.ssm_in.weight",
      .kind = TINY_MODEL_TENSOR,
      .value = 0,
      .columns = 64,
      .rows = 300},
     E_FORMAT,
     "blk.0.ssm_in.weight is 64 x 300"},
    {NEMOTRON,
     {.name = "attention.head_count_kv",
      .kind = TINY_MODEL_U32S,
      .value = 2,
      .count = 3,
      .last = 0},
     E_FORMAT,
     "attention.head_count_kv"},
    {NEMOTRON,
     {.name = "attention.head_count_kv",
      .kind = TINY_MODEL_U32S,
      .value = 3,
      .count = 6,
      .last = 3},
     E_FORMAT,
     "head_count is 4, which"},
    {NEMOTRON,
     {.name = "feed_forward_length", .kind = TINY_MODEL_U32, .value = 96},
     E_FORMAT,
     "lacks the tensor blk.0.ffn_up.weight"},
    {NEMOTRON,
     {.name = "ssm.group_count", .kind = TINY_MODEL_U32, .value = 4},
     E_FORMAT,
     "blk.0.ssm_in.weight"},
    {NEMOTRON, {.name = "blk.0.ssm_conv1d.bias"}, OK, NULL},
    {NEMOTRON,
     {.name = "blk.0.ssm_d", .kind = TINY_MODEL_TENSOR, .value = 1, .columns = 4, .rows = 1},
     E_FORMAT,
     "this model needs 1 x 4"},
    {LATENT,
     {.name = "moe_latent_size", .kind = TINY_MODEL_U32, .value = 1 << 20},
     E_LIMIT,
     "moe_latent_size is 1048576"},
    {LATENT,
     {.name = "moe_latent_size", .kind = TINY_MODEL_U32, .value = 16},
     E_FORMAT,
     "ffn_latent_down.weight is 64 x 32"},
    {LATENT, {.name = "moe_latent_size"}, E_FORMAT, "exps.weight is"},
    {LFM2, {.name = "shortconv.l_cache"}, E_FORMAT, "lacks the number lfm2.shortconv.l_cache"},
    {LFM2,
     {.name = "shortconv.l_cache", .kind = TINY_MODEL_U32, .value = 9},
     E_LIMIT,
     "shortconv.l_cache is 9 (limit 4)"},
    {LFM2,
     {.name = "shortconv.l_cache", .kind = TINY_MODEL_U32, .value = 4},
     E_FORMAT,
     "shortconv.conv.weight is 3 x 64"},
    {LFM2, {.name = "token_embd_norm.weight"}, E_FORMAT, "lacks the tensor token_embd_norm.weight"},
    {LFM2MOE,
     {.name = "expert_gating_func", .kind = TINY_MODEL_U32, .value = 9},
     E_UNSUPPORTED,
     "expert_gating_func is 9"},
    {LFM2MOE,
     {.name = "leading_dense_block_count", .kind = TINY_MODEL_U32, .value = 2},
     E_FORMAT,
     "lacks the tensor blk.1.ffn_gate.weight"},
};

static void a_change_is_refused_by_name_or_does_no_harm(void **state)
{
    (void)state;
    static const struct {
        int index;
        const char *arch;
    } places[] = {{QWEN35, "qwen35"},       {DRAFT, "qwen35moe"},       {NEXT, "qwen3next"},
                  {NEMOTRON, "nemotron_h"}, {LATENT, "nemotron_h_moe"}, {LFM2, "lfm2"},
                  {LFM2MOE, "lfm2moe"}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        assert_string_equal(tiny_hybrids[places[i].index].arch, places[i].arch);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct change_case *c = &cases[i];
        struct tiny_hybrid_spec spec = tiny_hybrids[c->model];
        struct gguf *file = NULL;
        struct model *model = NULL;
        struct error error = {0};
        spec.changes = &c->change;
        spec.change_count = 1;
        test_case(c->change.name);
        struct strbuf bytes = tiny_hybrid_bytes(&spec);
        assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
        const enum status status = model_open(file, &model, &error);
        if (status != c->status || (c->text && !strstr(error.text, c->text)))
            fail_msg("%s of %s: %s: %s", c->change.name, spec.name, error_status_name(status),
                     error.text);
        model_close(model);
        gguf_close(file);
        strbuf_done(&bytes);
    }
}

static void memory_and_facts_are_known_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++) {
        struct strbuf bytes = tiny_hybrid_bytes(&tiny_hybrids[i]);
        struct gguf *file = NULL;
        struct model *model = NULL;
        size_t memory = 0;
        test_case(tiny_hybrids[i].name);
        assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
        assert_ok(model_memory(file, &memory, err));
        assert_ok(model_open(file, &model, err));
        assert_true(memory >= model->memory.used_bytes);
        const struct model_shape *s = &model->shape;
        uint32_t recurrent = 0;
        for (const char *kind = tiny_hybrids[i].pattern; *kind; kind++)
            recurrent += strchr("rmc", *kind) != NULL;
        assert_int_equal(s->recurrent.layer_count, recurrent);
        assert_int_equal(s->block_count, strlen(tiny_hybrids[i].pattern));
        assert_int_equal(s->layer_count + tiny_hybrids[i].draft_count, s->block_count);
        assert_int_equal(model->draft.project.data != NULL, tiny_hybrids[i].draft_count == 1);
        model_close(model);
        gguf_close(file);
        strbuf_done(&bytes);
    }
}

int test_model_hybrid(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_refused_by_name_or_does_no_harm),
        cmocka_unit_test(memory_and_facts_are_known_before),
    };
    return cmocka_run_group_tests_name("model_hybrid", tests, NULL, NULL);
}
