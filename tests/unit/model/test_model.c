/*
 * A model file comes from strangers. Whatever it says, model_open() either gives a model whose
 * every step stays inside its arrays, or one sentence that names what is wrong.
 */
#include "base/mem.h"
#include "model/arch_list.h"
#include "model/model.h"
#include "tests/tiny_model.h"

static enum status open_spec(const struct tiny_model_spec *spec, struct error *error)
{
    struct strbuf bytes = tiny_model_bytes(spec);
    struct gguf *file = NULL;
    struct model *model = NULL;
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    const enum status status = model_open(file, &model, error);
    assert_int_equal(status == OK, model != NULL);
    model_close(model);
    gguf_close(file);
    strbuf_done(&bytes);
    return status;
}

enum { LLAMA = 0, QWEN2 = 2, QWEN3 = 3 }; /* index in tiny_models */

struct change_case {
    const char *name;
    int model;
    struct tiny_model_change change;
    enum status status;
    const char *text; /* in the error */
};

static void check_change(const struct change_case *c)
{
    struct tiny_model_spec spec = tiny_models[c->model];
    struct error error = {0};
    spec.changes = &c->change;
    spec.change_count = 1;
    test_case(c->name);
    const enum status status = open_spec(&spec, &error);
    if (status != c->status || (c->text && !strstr(error.text, c->text)))
        fail_msg("%s: %s: %s", c->name, error_status_name(status), error.text);
}

static const struct change_case key_cases[] = {
    {"unknown family",
     LLAMA,
     {"general.architecture", TINY_MODEL_STR, .text = "zebra"},
     E_UNSUPPORTED,
     "'zebra' is not supported (holt knows: llama, qwen2, "},
    {"no family", LLAMA, {.name = "general.architecture"}, E_FORMAT, "general.architecture"},
    {"no layer count",
     LLAMA,
     {.name = "block_count"},
     E_FORMAT,
     "lacks the number llama.block_count"},
    {"no layers",
     LLAMA,
     {"block_count", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "llama.block_count is 0"},
    {"too many layers",
     LLAMA,
     {"block_count", TINY_MODEL_U32, .value = 513},
     E_LIMIT,
     "llama.block_count is 513 (limit 512)"},
    {"more layers than tensors",
     LLAMA,
     {"block_count", TINY_MODEL_U32, .value = 3},
     E_FORMAT,
     "lacks the tensor blk.2.attn_norm.weight"},
    {"fewer layers than tensors",
     LLAMA,
     {"block_count", TINY_MODEL_U32, .value = 1},
     E_UNSUPPORTED,
     "blk.1.attn_norm.weight, which holt does not use in a llama model"},
    {"negative layers",
     LLAMA,
     {"block_count", TINY_MODEL_I32, .value = -2},
     E_FORMAT,
     "llama.block_count"},
    {"layers as text",
     LLAMA,
     {"block_count", TINY_MODEL_STR, .text = "2"},
     E_FORMAT,
     "llama.block_count"},
    {"context 0",
     QWEN2,
     {"context_length", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "qwen2.context_length is 0"},
    {"huge width",
     LLAMA,
     {"embedding_length", TINY_MODEL_U32, .value = 4294967295.0},
     E_LIMIT,
     "llama.embedding_length is 4294967295"},
    {"other width",
     LLAMA,
     {"embedding_length", TINY_MODEL_U32, .value = 32},
     E_FORMAT,
     "tensor token_embd.weight is 64 x 67 x 1 x 1; this model needs 32 x 67"},
    {"other inner width",
     LLAMA,
     {"feed_forward_length", TINY_MODEL_U32, .value = 64},
     E_FORMAT,
     "blk.0.ffn_gate.weight"},
    {"inner width per layer, different",
     LLAMA,
     {"feed_forward_length", TINY_MODEL_U32S, .value = 96, .count = 2, .last = 64},
     E_UNSUPPORTED,
     "llama.feed_forward_length differs between layers"},
    {"inner width per layer, equal",
     LLAMA,
     {"feed_forward_length", TINY_MODEL_U32S, .value = 96, .count = 2, .last = 96},
     OK,
     NULL},
    {"inner width, too few values",
     LLAMA,
     {"feed_forward_length", TINY_MODEL_U32S, .value = 96, .count = 1, .last = 96},
     E_FORMAT,
     "llama.feed_forward_length has 1 values for 2 layers"},
    {"layers per layer",
     LLAMA,
     {"block_count", TINY_MODEL_U32S, .value = 2, .count = 2, .last = 2},
     E_FORMAT,
     "llama.block_count"},
    {"no tokens",
     LLAMA,
     {"vocab_size", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "llama.vocab_size is 0"},
    {"inner width, no values",
     LLAMA,
     {"feed_forward_length", TINY_MODEL_U32S, .count = 0},
     E_FORMAT,
     "llama.feed_forward_length"},
    {"no heads",
     LLAMA,
     {"attention.head_count", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "llama.attention.head_count is 0"},
    {"heads that cannot share",
     LLAMA,
     {"attention.head_count_kv", TINY_MODEL_U32, .value = 3},
     E_FORMAT,
     "head_count is 4, which"},
    {"more key heads than heads",
     LLAMA,
     {"attention.head_count_kv", TINY_MODEL_U32, .value = 8},
     E_FORMAT,
     "head_count is 4, which"},
    {"no key heads in a layer",
     LLAMA,
     {"attention.head_count_kv", TINY_MODEL_U32S, .value = 0, .count = 2, .last = 0},
     E_FORMAT,
     "head_count_kv is 0"},
    {"key heads by default",
     LLAMA,
     {.name = "attention.head_count_kv"},
     E_FORMAT,
     "blk.0.attn_k.weight is 64 x 32"},
    {"odd head",
     QWEN3,
     {"attention.key_length", TINY_MODEL_U32, .value = 63},
     E_UNSUPPORTED,
     "key_length is 63 and value_length is 64"},
    {"values shorter than keys",
     QWEN3,
     {"attention.value_length", TINY_MODEL_U32, .value = 32},
     E_UNSUPPORTED,
     "key_length is 64 and value_length is 32"},
    {"head size by default", LLAMA, {.name = "attention.key_length"}, OK, NULL},
    {"head size far too large",
     LLAMA,
     {"attention.key_length", TINY_MODEL_U32, .value = 1 << 20},
     E_LIMIT,
     "key_length"},
    {"own scale of scores", LLAMA, {"attention.scale", TINY_MODEL_F32, .value = 0.5}, OK, NULL},
    {"negative scale",
     LLAMA,
     {"attention.scale", TINY_MODEL_F32, .value = -1},
     E_FORMAT,
     "llama.attention.scale is -1"},
    {"no epsilon",
     LLAMA,
     {.name = "attention.layer_norm_rms_epsilon"},
     E_FORMAT,
     "layer_norm_rms_epsilon"},
    {"epsilon not a number",
     LLAMA,
     {"attention.layer_norm_rms_epsilon", TINY_MODEL_F32, .value = (double)NAN},
     E_FORMAT,
     "layer_norm_rms_epsilon"},
    {"epsilon infinite",
     LLAMA,
     {"attention.layer_norm_rms_epsilon", TINY_MODEL_F32, .value = (double)INFINITY},
     E_FORMAT,
     "layer_norm_rms_epsilon"},
    {"epsilon 0",
     LLAMA,
     {"attention.layer_norm_rms_epsilon", TINY_MODEL_F32, .value = 0},
     E_FORMAT,
     "layer_norm_rms_epsilon"},
    {"rotation base 0",
     LLAMA,
     {"rope.freq_base", TINY_MODEL_F32, .value = 0},
     E_FORMAT,
     "llama.rope.freq_base is 0"},
    {"rotation base not a number",
     LLAMA,
     {"rope.freq_base", TINY_MODEL_F32, .value = (double)NAN},
     E_FORMAT,
     "rope.freq_base"},
    {"rotation larger than the head",
     QWEN2,
     {"rope.dimension_count", TINY_MODEL_U32, .value = 18},
     E_FORMAT,
     "qwen2.rope.dimension_count is 18 (even, at most 16)"},
    {"odd rotation",
     QWEN2,
     {"rope.dimension_count", TINY_MODEL_U32, .value = 7},
     E_FORMAT,
     "rope.dimension_count is 7"},
    {"part of the head rotates",
     QWEN2,
     {"rope.dimension_count", TINY_MODEL_U32, .value = 8},
     OK,
     NULL},
    {"part of the head rotates, llama",
     LLAMA,
     {"rope.dimension_count", TINY_MODEL_U32, .value = 8},
     E_FORMAT,
     "it must be the head size 16"},
    {"unknown scaling",
     LLAMA,
     {"rope.scaling.type", TINY_MODEL_STR, .text = "longrope"},
     E_UNSUPPORTED,
     "llama.rope.scaling.type is 'longrope': holt knows none, linear and yarn"},
    {"negative factor",
     LLAMA,
     {"rope.scaling.factor", TINY_MODEL_F32, .value = -2},
     E_FORMAT,
     "rope.scaling.factor is -2"},
    {"factor 0 means none", LLAMA, {"rope.scaling.factor", TINY_MODEL_F32, .value = 0}, OK, NULL},
    {"old key of the factor", LLAMA, {"rope.scale_linear", TINY_MODEL_F32, .value = 2}, OK, NULL},
    {"yarn without a context", QWEN3, {.name = "rope.scaling.original_context_length"}, OK, NULL},
    {"yarn context 0",
     QWEN3,
     {"rope.scaling.original_context_length", TINY_MODEL_U32, .value = 0},
     E_FORMAT,
     "original_context_length is 0"},
    {"yarn beta 0",
     QWEN3,
     {"rope.scaling.yarn_beta_slow", TINY_MODEL_F32, .value = 0},
     E_FORMAT,
     "yarn_beta_slow"},
    {"experts",
     QWEN3,
     {"expert_count", TINY_MODEL_U32, .value = 8},
     E_UNSUPPORTED,
     "qwen3.expert_count = 8: a qwen3 model with experts is not supported"},
    {"no experts", LLAMA, {"expert_count", TINY_MODEL_U32, .value = 0}, OK, NULL},
    {"not causal: an encoder", LLAMA, {"attention.causal", TINY_MODEL_BOOL, .value = 0}, OK, NULL},
    {"causal", LLAMA, {"attention.causal", TINY_MODEL_BOOL, .value = 1}, OK, NULL},
    {"window",
     LLAMA,
     {"attention.sliding_window", TINY_MODEL_U32, .value = 128},
     E_UNSUPPORTED,
     "sliding_window = 128"},
    {"window as wide as the context",
     LLAMA,
     {"attention.sliding_window", TINY_MODEL_U32, .value = 4096},
     OK,
     NULL},
    {"soft cap",
     LLAMA,
     {"final_logit_softcapping", TINY_MODEL_F32, .value = 30},
     E_UNSUPPORTED,
     "llama.final_logit_softcapping = 30"},
    {"more tokens claimed than there are",
     LLAMA,
     {"vocab_size", TINY_MODEL_U32, .value = 68},
     E_FORMAT,
     "llama.vocab_size is 68, but token_embd.weight has 67 rows"},
    {"fewer tokens claimed: padding", LLAMA, {"vocab_size", TINY_MODEL_U32, .value = 60}, OK, NULL},
    {"larger tokenizer",
     LLAMA,
     {"tokenizer.ggml.tokens", TINY_MODEL_STRS, .text = "a", .count = 68},
     E_FORMAT,
     "tokenizer.ggml.tokens has 68 tokens"},
    {"padded tokenizer",
     LLAMA,
     {"tokenizer.ggml.tokens", TINY_MODEL_STRS, .text = "a", .count = 60},
     OK,
     NULL},
};

static const struct change_case tensor_cases[] = {
    {"no embeddings",
     LLAMA,
     {.name = "token_embd.weight"},
     E_FORMAT,
     "lacks the tensor token_embd.weight"},
    {"no output norm",
     LLAMA,
     {.name = "output_norm.weight"},
     E_FORMAT,
     "lacks the tensor output_norm.weight"},
    {"no output: tied", LLAMA, {.name = "output.weight"}, OK, NULL},
    {"no query matrix",
     QWEN3,
     {.name = "blk.1.attn_q.weight"},
     E_FORMAT,
     "lacks the tensor blk.1.attn_q.weight"},
    {"no head norm",
     QWEN3,
     {.name = "blk.0.attn_k_norm.weight"},
     E_FORMAT,
     "blk.0.attn_k_norm.weight"},
    {"no bias, qwen2",
     QWEN2,
     {.name = "blk.2.attn_v.bias"},
     E_FORMAT,
     "lacks the tensor blk.2.attn_v.bias"},
    {"a bias, llama",
     LLAMA,
     {"blk.1.attn_output.bias", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 64,
      .rows = 0},
     OK,
     NULL},
    {"a bias of another length",
     LLAMA,
     {"blk.1.attn_q.bias", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 32,
      .rows = 0},
     E_FORMAT,
     "tensor blk.1.attn_q.bias is 32 x 1"},
    {"a bias, qwen3",
     QWEN3,
     {"blk.0.attn_q.bias", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 256,
      .rows = 0},
     E_UNSUPPORTED,
     "blk.0.attn_q.bias, which holt does not use in a qwen3 model"},
    {"a scale of a matrix",
     LLAMA,
     {"blk.0.attn_q.scale", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 1,
      .rows = 0},
     OK,
     NULL},
    {"two scales of a matrix",
     LLAMA,
     {"blk.0.attn_q.scale", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 2,
      .rows = 0},
     E_FORMAT,
     "tensor blk.0.attn_q.scale is 2 x 1"},
    {"a scale of no matrix",
     LLAMA,
     {"blk.0.attn_x.scale", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 1,
      .rows = 0},
     E_UNSUPPORTED,
     "blk.0.attn_x.scale"},
    {"an input scale",
     LLAMA,
     {"blk.0.attn_q.input_scale", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 1,
      .rows = 0},
     OK,
     NULL},
    {"transposed",
     LLAMA,
     {"blk.0.ffn_down.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 64,
      .rows = 96},
     E_FORMAT,
     "tensor blk.0.ffn_down.weight is 64 x 96 x 1 x 1; this model needs 96 x 64"},
    {"one row short",
     LLAMA,
     {"blk.0.attn_output.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F16, .columns = 64,
      .rows = 63},
     E_FORMAT,
     "blk.0.attn_output.weight is 64 x 63"},
    {"norm as a matrix",
     LLAMA,
     {"blk.0.ffn_norm.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 64,
      .rows = 2},
     E_FORMAT,
     "blk.0.ffn_norm.weight is 64 x 2"},
    {"norm in blocks",
     LLAMA,
     {"blk.0.ffn_norm.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_Q8_0, .columns = 64,
      .rows = 0},
     E_UNSUPPORTED,
     "norms and biases are F32, F16 or BF16"},
    {"other output size",
     LLAMA,
     {"output.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 64,
      .rows = 66},
     E_FORMAT,
     "output.weight is 64 x 66"},
    {"frequency factors",
     LLAMA,
     {"rope_freqs.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 8,
      .rows = 0},
     OK,
     NULL},
    {"too few frequency factors",
     LLAMA,
     {"rope_freqs.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 7,
      .rows = 0},
     E_FORMAT,
     "rope_freqs.weight is 7"},
    {"frequency factors of 0",
     LLAMA,
     {.name = "rope_freqs.weight", .kind = TINY_MODEL_TENSOR, .columns = 8, .value = -5},
     E_FORMAT,
     "value 0 of rope_freqs.weight"},
    {"experts without a key",
     LLAMA,
     {"blk.0.ffn_gate_inp.weight", TINY_MODEL_TENSOR, .value = 1, .dtype = DTYPE_F32, .columns = 64,
      .rows = 8},
     E_UNSUPPORTED,
     "blk.0.ffn_gate_inp.weight"},
};

static void a_changed_key_is_refused_by_name_or_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(key_cases); i++)
        check_change(&key_cases[i]);
}

static void a_changed_tensor_is_refused_by_name_or_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tensor_cases); i++)
        check_change(&tensor_cases[i]);
}

static void an_element_type_without_kernels_is_named(void **state)
{
    (void)state;
    /* The writer makes random bytes only of types with kernels, so the type is changed afterwards:
     * I32 has the size of F32. */
    struct tiny_model_spec spec = tiny_models[LLAMA];
    struct strbuf bytes = tiny_model_bytes(&spec);
    const struct str name = STR("blk.0.attn_q.weight");
    const struct str view = strbuf_view(&bytes);
    const size_t at = str_find(view, name, 0) + name.len + 4 + 2 * 8; /* dims: count, two */
    bytes.ptr[at] = (char)DTYPE_I32;
    struct gguf *file = NULL;
    struct model *model = NULL;
    struct error error = {0};
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    assert_int_equal(model_open(file, &model, &error), E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "blk.0.attn_q.weight has the element type I32"));
    gguf_close(file);
    strbuf_done(&bytes);
}

static void facts_of_a_model_are_counted(void **state)
{
    (void)state;
    struct strbuf bytes = tiny_model_bytes(&tiny_models[LLAMA]);
    struct gguf *file = NULL;
    struct model *model = NULL;
    assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &file, err));
    assert_ok(model_open(file, &model, err));
    const uint64_t layer = 64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 96;
    assert_int_equal(model->multiply_adds, 2 * layer + 64 * 67);
    assert_int_equal(model->parameter_count, 2 * (layer + 2 * 64) + 2 * 64 * 67 + 64);
    assert_int_equal(model->weight_bytes, 4 * (2 * layer + 2 * 64 * 67));
    assert_true(model->uses_dtype[DTYPE_F32]);
    assert_false(model->uses_dtype[DTYPE_F16]);
    assert_int_equal(model->shape.context_length, 4096);
    size_t memory = 0;
    assert_ok(model_memory(file, &memory, err));
    assert_true(memory >= model->memory.used_bytes);
    model_close(model);
    gguf_close(file);
    strbuf_done(&bytes);
}

int test_model(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_key_is_refused_by_name_or_does_no_harm),
        cmocka_unit_test(a_changed_tensor_is_refused_by_name_or_does_no_harm),
        cmocka_unit_test(an_element_type_without_kernels_is_named),
        cmocka_unit_test(facts_of_a_model_are_counted),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
