/*
 * tiny_family - small models of the families whose block differs from that of tiny_model.h:
 * experts, sinks, windows, latent attention, layers that are not alike.
 *
 * A spec says which tensors there are; numbers that are a family's own stand in its keys. The same
 * spec gives the same bytes on every machine, which other programs can load: tests/data/arch.
 *
 * Functions are static inline: include this where gguf/ may be included.
 */
#pragma once

#include "tests/tiny_model.h"

enum {
    TINY_FAMILY_LAYERS_MAX = 8,
    TINY_FAMILY_KEYS_MAX = 10,
    TINY_FAMILY_EMBD = 64,
    TINY_FAMILY_HEAD_DIM = 16,
    TINY_FAMILY_VOCAB = 96,
    TINY_FAMILY_EXPERTS = 6,
    TINY_FAMILY_KV_RANK = 32, /* latent attention */
    TINY_FAMILY_STILL_DIM = 32,
    TINY_FAMILY_ROPE_DIM = 16,
    TINY_FAMILY_VALUE_DIM = 16,
};

enum tiny_family_part {
    TINY_FAMILY_QKV_BIASES = 1 << 0,
    TINY_FAMILY_OUT_BIAS = 1 << 1,
    TINY_FAMILY_FFN_BIASES = 1 << 2,
    TINY_FAMILY_HEAD_NORMS = 1 << 3,
    TINY_FAMILY_SINKS = 1 << 4,
    TINY_FAMILY_POST_NORMS = 1 << 5,
    TINY_FAMILY_FFN_NORM_IS_POST = 1 << 6,
    TINY_FAMILY_NORM_BIASES = 1 << 7,
    TINY_FAMILY_EXPERT_BIASES = 1 << 8,
    TINY_FAMILY_SELECTION_BIAS = 1 << 9,
    TINY_FAMILY_SHARED_GATE = 1 << 10,
    TINY_FAMILY_NO_GATE = 1 << 11,
    TINY_FAMILY_JOINED_EXPERTS = 1 << 12, /* gate and up in one tensor */
    TINY_FAMILY_LATENT = 1 << 13,
    TINY_FAMILY_LATENT_JOINED = 1 << 14, /* attn_kv_b */
    TINY_FAMILY_LATENT_QUERY = 1 << 15,  /* attn_q_a, attn_q_b */
    TINY_FAMILY_ROPE_FACTORS = 1 << 16,
    TINY_FAMILY_TIED = 1 << 17,
    TINY_FAMILY_NEXTN = 1 << 18, /* a block for speculation behind the layers */
};

struct tiny_family_key {
    const char *name;
    enum tiny_model_change_kind kind; /* TINY_MODEL_U32, _F32, _BOOL or _STR */
    double value;
    const char *text;
};

struct tiny_family_spec {
    const char *name;
    const char *arch;
    uint64_t seed;
    unsigned parts; /* enum tiny_family_part */
    uint32_t layer_count;
    uint32_t head_count;    /* 0: 4 */
    uint32_t kv_head_count; /* 0: 2 */
    uint32_t ffn_dim;
    uint32_t expert_dim;  /* 0: no experts */
    uint32_t shared_dim;  /* 0: no shared expert */
    uint32_t dense_count; /* leading layers without experts */
    enum dtype matrices;
    const uint32_t *heads, *kv_heads, *ffn_dims; /* per layer, written as arrays; or NULL */
    struct tiny_family_key keys[TINY_FAMILY_KEYS_MAX];
    const struct tiny_model_change *changes;
    size_t change_count;
};

struct tiny_family {
    struct tiny_model m;
    struct tiny_model_spec base; /* what tiny_model.h reads: arch, changes */
    const struct tiny_family_spec *spec;
    uint32_t layer;                    /* being written */
    uint32_t heads, kv_heads, ffn_dim; /* of it */
};

static inline bool tiny_family_has(const struct tiny_family *t, enum tiny_family_part part)
{
    return (t->spec->parts & part) != 0;
}

/* blk.<layer>.<name>: a matrix, or a stack of them. */
static inline void tiny_family_matrix(struct tiny_family *t, const char *name, uint32_t columns,
                                      uint32_t rows, uint32_t slices)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s", t->layer, name);
    if (tiny_model_is_changed(&t->m, full))
        return;
    const bool is_router = strstr(name, "gate_inp") != NULL;
    const struct dtype_info *info = dtype_find(is_router ? DTYPE_F32 : t->spec->matrices);
    const uint64_t dims[] = {columns, rows, slices};
    const size_t blocks = (size_t)columns * rows * (slices ? slices : 1) / info->block_len;
    const double deviation = 1.0 / sqrt((double)columns);
    unsigned char *data = arena_alloc(&t->m.memory, blocks * info->block_bytes);
    if (info->block_len > 1)
        tiny_model_fill_blocks(&t->m, info, data, blocks, deviation);
    else
        tiny_model_fill_plain(&t->m, info->dtype, data, blocks, 0.0, deviation);
    gguf_writer_add_tensor(t->m.writer, full, info->dtype, slices ? 3 : 2, dims, data);
}

/* A norm (mean 1) or a bias (mean 0), if the family has the part. */
static inline void tiny_family_vector(struct tiny_family *t, bool is_there, const char *name,
                                      uint32_t columns, uint32_t rows, double mean,
                                      double deviation)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s", t->layer, name);
    if (is_there)
        tiny_model_add(&t->m, full, DTYPE_F32, columns, rows, mean, deviation);
}

static inline void tiny_family_latent(struct tiny_family *t)
{
    const uint32_t key_dim = TINY_FAMILY_STILL_DIM + TINY_FAMILY_ROPE_DIM;
    const uint32_t query_rank = 48;
    const bool has_query_rank = tiny_family_has(t, TINY_FAMILY_LATENT_QUERY);
    if (has_query_rank)
        tiny_family_matrix(t, "attn_q_a.weight", TINY_FAMILY_EMBD, query_rank, 0);
    tiny_family_vector(t, has_query_rank, "attn_q_a_norm.weight", query_rank, 0, 1.0, 0.1);
    tiny_family_matrix(t, has_query_rank ? "attn_q_b.weight" : "attn_q.weight",
                       has_query_rank ? query_rank : TINY_FAMILY_EMBD, t->heads * key_dim, 0);
    tiny_family_matrix(t, "attn_kv_a_mqa.weight", TINY_FAMILY_EMBD,
                       TINY_FAMILY_KV_RANK + TINY_FAMILY_ROPE_DIM, 0);
    tiny_family_vector(t, true, "attn_kv_a_norm.weight", TINY_FAMILY_KV_RANK, 0, 1.0, 0.1);
    if (tiny_family_has(t, TINY_FAMILY_LATENT_JOINED)) {
        tiny_family_matrix(t, "attn_kv_b.weight", TINY_FAMILY_KV_RANK,
                           t->heads * (TINY_FAMILY_STILL_DIM + TINY_FAMILY_VALUE_DIM), 0);
    } else {
        tiny_family_matrix(t, "attn_k_b.weight", TINY_FAMILY_STILL_DIM, TINY_FAMILY_KV_RANK,
                           t->heads);
        tiny_family_matrix(t, "attn_v_b.weight", TINY_FAMILY_KV_RANK, TINY_FAMILY_VALUE_DIM,
                           t->heads);
    }
    tiny_family_matrix(t, "attn_output.weight", t->heads * TINY_FAMILY_VALUE_DIM, TINY_FAMILY_EMBD,
                       0);
}

static inline void tiny_family_mixer(struct tiny_family *t)
{
    const uint32_t d = TINY_FAMILY_EMBD;
    const uint32_t n = TINY_FAMILY_HEAD_DIM;
    const bool has_biases = tiny_family_has(t, TINY_FAMILY_QKV_BIASES);
    const bool has_norms = tiny_family_has(t, TINY_FAMILY_HEAD_NORMS);
    if (t->heads == 0)
        return;
    tiny_family_vector(t, true, "attn_norm.weight", d, 0, 1.0, 0.1);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_NORM_BIASES), "attn_norm.bias", d, 0, 0.0,
                       0.2);
    if (tiny_family_has(t, TINY_FAMILY_LATENT)) {
        tiny_family_latent(t);
        return;
    }
    tiny_family_matrix(t, "attn_output.weight", t->kv_heads ? t->heads * n : d, d, 0);
    if (t->kv_heads == 0)
        return;
    tiny_family_matrix(t, "attn_q.weight", d, t->heads * n, 0);
    tiny_family_matrix(t, "attn_k.weight", d, t->kv_heads * n, 0);
    tiny_family_matrix(t, "attn_v.weight", d, t->kv_heads * n, 0);
    tiny_family_vector(t, has_biases, "attn_q.bias", t->heads * n, 0, 0.0, 0.5);
    tiny_family_vector(t, has_biases, "attn_k.bias", t->kv_heads * n, 0, 0.0, 0.5);
    tiny_family_vector(t, has_biases, "attn_v.bias", t->kv_heads * n, 0, 0.0, 0.5);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_OUT_BIAS), "attn_output.bias", d, 0, 0.0,
                       0.2);
    tiny_family_vector(t, has_norms, "attn_q_norm.weight", n, 0, 1.0, 0.1);
    tiny_family_vector(t, has_norms, "attn_k_norm.weight", n, 0, 1.0, 0.1);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_SINKS), "attn_sinks.weight", t->heads, 0,
                       0.0, 1.0);
}

/* Up, down and gate named ffn_<kind><suffix>. */
static inline void tiny_family_ffn(struct tiny_family *t, const char *suffix, uint32_t n,
                                   uint32_t slices, bool is_joined)
{
    static const char *const kinds[] = {"gate", "up", "down"};
    char name[48];
    if (is_joined)
        tiny_family_matrix(t, "ffn_gate_up_exps.weight", TINY_FAMILY_EMBD, 2 * n, slices);
    for (int i = is_joined ? 2 : tiny_family_has(t, TINY_FAMILY_NO_GATE) ? 1 : 0; i < 3; i++) {
        snprintf(name, sizeof(name), "ffn_%s%s.weight", kinds[i], suffix);
        tiny_family_matrix(t, name, i == 2 ? n : TINY_FAMILY_EMBD, i == 2 ? TINY_FAMILY_EMBD : n,
                           slices);
    }
    const bool has_biases =
        tiny_family_has(t, slices ? TINY_FAMILY_EXPERT_BIASES : TINY_FAMILY_FFN_BIASES);
    for (int i = tiny_family_has(t, TINY_FAMILY_NO_GATE) ? 1 : 0; i < 3; i++) {
        snprintf(name, sizeof(name), "ffn_%s%s.bias", kinds[i], suffix);
        tiny_family_vector(t, has_biases, name, i == 2 ? TINY_FAMILY_EMBD : n, slices, 0.0, 0.3);
    }
}

static inline void tiny_family_experts(struct tiny_family *t)
{
    const struct tiny_family_spec *s = t->spec;
    tiny_family_matrix(t, "ffn_gate_inp.weight", TINY_FAMILY_EMBD, TINY_FAMILY_EXPERTS, 0);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_EXPERT_BIASES), "ffn_gate_inp.bias",
                       TINY_FAMILY_EXPERTS, 0, 0.0, 0.3);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_SELECTION_BIAS), "exp_probs_b.bias",
                       TINY_FAMILY_EXPERTS, 0, 0.0, 0.2);
    tiny_family_ffn(t, "_exps", s->expert_dim, TINY_FAMILY_EXPERTS,
                    tiny_family_has(t, TINY_FAMILY_JOINED_EXPERTS));
    if (s->shared_dim)
        tiny_family_ffn(t, "_shexp", s->shared_dim, 0, false);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_SHARED_GATE), "ffn_gate_inp_shexp.weight",
                       TINY_FAMILY_EMBD, 0, 0.0, 0.1);
}

static inline void tiny_family_layer(struct tiny_family *t)
{
    const uint32_t d = TINY_FAMILY_EMBD;
    const bool is_post = tiny_family_has(t, TINY_FAMILY_FFN_NORM_IS_POST);
    const bool has_post = tiny_family_has(t, TINY_FAMILY_POST_NORMS);
    tiny_family_mixer(t);
    tiny_family_vector(t, has_post, "post_attention_norm.weight", d, 0, 1.0, 0.1);
    if (t->ffn_dim == 0 && !t->spec->expert_dim)
        return;
    tiny_family_vector(t, true, is_post ? "post_attention_norm.weight" : "ffn_norm.weight", d, 0,
                       1.0, 0.1);
    tiny_family_vector(t, tiny_family_has(t, TINY_FAMILY_NORM_BIASES), "ffn_norm.bias", d, 0, 0.0,
                       0.2);
    tiny_family_vector(t, has_post, "post_ffw_norm.weight", d, 0, 1.0, 0.1);
    if (t->spec->expert_dim && t->layer >= t->spec->dense_count)
        tiny_family_experts(t);
    else
        tiny_family_ffn(t, "", t->ffn_dim, 0, false);
}

static inline void tiny_family_number(struct tiny_family *t, const char *name, uint32_t value,
                                      const uint32_t *values)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%s", t->spec->arch, name);
    if (values && !tiny_model_is_changed(&t->m, name))
        gguf_writer_add_numbers(t->m.writer, key, GGUF_TYPE_U32, values, t->spec->layer_count);
    else
        tiny_model_key(&t->m, name, value);
}

static inline void tiny_family_latent_keys(struct tiny_family *t)
{
    const bool is_joined = tiny_family_has(t, TINY_FAMILY_LATENT_JOINED);
    const uint32_t key_dim = TINY_FAMILY_STILL_DIM + TINY_FAMILY_ROPE_DIM;
    tiny_model_key(&t->m, "attention.q_lora_rank",
                   tiny_family_has(t, TINY_FAMILY_LATENT_QUERY) ? 48 : 0);
    tiny_model_key(&t->m, "attention.kv_lora_rank", TINY_FAMILY_KV_RANK);
    tiny_model_key(&t->m, "rope.dimension_count", TINY_FAMILY_ROPE_DIM);
    tiny_model_key(&t->m, "attention.key_length",
                   is_joined ? key_dim : TINY_FAMILY_KV_RANK + TINY_FAMILY_ROPE_DIM);
    tiny_model_key(&t->m, "attention.value_length",
                   is_joined ? TINY_FAMILY_VALUE_DIM : TINY_FAMILY_KV_RANK);
    if (is_joined)
        return;
    tiny_model_key(&t->m, "attention.key_length_mla", key_dim);
    tiny_model_key(&t->m, "attention.value_length_mla", TINY_FAMILY_VALUE_DIM);
}

static inline void tiny_family_expert_keys(struct tiny_family *t)
{
    const struct tiny_family_spec *s = t->spec;
    tiny_model_key(&t->m, "expert_count", TINY_FAMILY_EXPERTS);
    tiny_model_key(&t->m, "expert_used_count", 2);
    tiny_model_key(&t->m, "expert_feed_forward_length", s->expert_dim);
    if (s->dense_count)
        tiny_model_key(&t->m, "leading_dense_block_count", s->dense_count);
    if (s->shared_dim == s->expert_dim)
        tiny_model_key(&t->m, "expert_shared_count", 1);
    else if (s->shared_dim)
        tiny_model_key(&t->m, "expert_shared_feed_forward_length", s->shared_dim);
}

static inline void tiny_family_keys(struct tiny_family *t)
{
    const struct tiny_family_spec *s = t->spec;
    const uint32_t blocks = s->layer_count + (tiny_family_has(t, TINY_FAMILY_NEXTN) ? 1 : 0);
    if (!tiny_model_is_changed(&t->m, "general.architecture"))
        gguf_writer_add_str(t->m.writer, "general.architecture", str_from_c(s->arch));
    gguf_writer_add_str(t->m.writer, "tokenizer.ggml.model", STR("no_vocab"));
    tiny_model_key(&t->m, "block_count", blocks);
    tiny_model_key(&t->m, "context_length", 4096);
    tiny_model_key(&t->m, "embedding_length", TINY_FAMILY_EMBD);
    tiny_model_key(&t->m, "vocab_size", TINY_FAMILY_VOCAB);
    tiny_model_real_key(&t->m,
                        tiny_family_has(t, TINY_FAMILY_NORM_BIASES)
                            ? "attention.layer_norm_epsilon"
                            : "attention.layer_norm_rms_epsilon",
                        1e-5);
    tiny_family_number(t, "feed_forward_length", s->ffn_dim, s->ffn_dims);
    tiny_family_number(t, "attention.head_count", s->head_count ? s->head_count : 4, s->heads);
    tiny_family_number(t, "attention.head_count_kv", s->kv_head_count ? s->kv_head_count : 2,
                       s->kv_heads);
    if (tiny_family_has(t, TINY_FAMILY_NEXTN))
        tiny_model_key(&t->m, "nextn_predict_layers", 1);
    if (tiny_family_has(t, TINY_FAMILY_LATENT)) {
        tiny_family_latent_keys(t);
    } else {
        tiny_model_key(&t->m, "attention.key_length", TINY_FAMILY_HEAD_DIM);
        tiny_model_key(&t->m, "attention.value_length", TINY_FAMILY_HEAD_DIM);
    }
    if (s->expert_dim)
        tiny_family_expert_keys(t);
    for (size_t i = 0; i < TINY_FAMILY_KEYS_MAX && s->keys[i].name; i++) {
        const struct tiny_model_change key = {.name = s->keys[i].name,
                                              .kind = s->keys[i].kind,
                                              .value = s->keys[i].value,
                                              .text = s->keys[i].text};
        if (!tiny_model_is_changed(&t->m, key.name))
            tiny_model_apply(&t->m, &key);
    }
}

static inline void tiny_family_nextn(struct tiny_family *t)
{
    const uint32_t d = TINY_FAMILY_EMBD;
    tiny_family_matrix(t, "nextn.eh_proj.weight", 2 * d, d, 0);
    tiny_family_vector(t, true, "nextn.enorm.weight", d, 0, 1.0, 0.1);
    tiny_family_vector(t, true, "nextn.hnorm.weight", d, 0, 1.0, 0.1);
}

static inline void tiny_family_outer(struct tiny_family *t)
{
    const uint32_t d = TINY_FAMILY_EMBD;
    tiny_model_add(&t->m, "token_embd.weight", t->spec->matrices, d, TINY_FAMILY_VOCAB, 0.0, 1.0);
    tiny_model_add(&t->m, "output_norm.weight", DTYPE_F32, d, 0, 1.0, 0.1);
    if (tiny_family_has(t, TINY_FAMILY_NORM_BIASES))
        tiny_model_add(&t->m, "output_norm.bias", DTYPE_F32, d, 0, 0.0, 0.2);
    if (!tiny_family_has(t, TINY_FAMILY_TIED))
        tiny_model_add_matrix(&t->m, "output.weight", t->spec->matrices, d, TINY_FAMILY_VOCAB);
    if (tiny_family_has(t, TINY_FAMILY_ROPE_FACTORS))
        tiny_model_add(&t->m, "rope_freqs.weight", DTYPE_F32, TINY_FAMILY_HEAD_DIM / 2, 0, 4.0,
                       0.5);
}

/* The bytes of a model file; release them with strbuf_done(). */
static inline struct strbuf tiny_family_bytes(const struct tiny_family_spec *spec)
{
    struct strbuf bytes = {0};
    struct tiny_family t = {
        .spec = spec,
        .base = {.arch = spec->arch, .changes = spec->changes, .change_count = spec->change_count}};
    t.m = (struct tiny_model){.spec = &t.base, .writer = gguf_writer_new(), .random = spec->seed};
    tiny_family_keys(&t);
    tiny_family_outer(&t);
    const uint32_t blocks = spec->layer_count + (tiny_family_has(&t, TINY_FAMILY_NEXTN) ? 1 : 0);
    for (uint32_t layer = 0; layer < blocks; layer++) {
        t.layer = layer;
        t.heads = spec->heads ? spec->heads[layer] : spec->head_count ? spec->head_count : 4;
        t.kv_heads = spec->kv_heads        ? spec->kv_heads[layer]
                     : spec->kv_head_count ? spec->kv_head_count
                                           : 2;
        t.ffn_dim = spec->ffn_dims ? spec->ffn_dims[layer] : spec->ffn_dim;
        tiny_family_layer(&t);
        if (layer == spec->layer_count)
            tiny_family_nextn(&t);
    }
    for (size_t i = 0; i < spec->change_count; i++)
        tiny_model_apply(&t.m, &spec->changes[i]);
    assert_ok(gguf_writer_to_bytes(t.m.writer, &bytes, err));
    gguf_writer_free(t.m.writer);
    arena_done(&t.m.memory);
    return bytes;
}

/* Layers that are not alike: attention, one matrix, nothing at all, fewer heads. */
static const uint32_t tiny_family_deci_heads[] = {4, 4, 0, 2};
static const uint32_t tiny_family_deci_kv_heads[] = {2, 0, 0, 1};
static const uint32_t tiny_family_deci_ffn_dims[] = {96, 64, 0, 80};

static const struct tiny_family_spec tiny_families[] = {
    {.name = "llama",
     .arch = "llama",
     .seed = 101,
     .parts = TINY_FAMILY_QKV_BIASES | TINY_FAMILY_OUT_BIAS | TINY_FAMILY_FFN_BIASES |
              TINY_FAMILY_ROPE_FACTORS,
     .layer_count = 2,
     .ffn_dim = 96},
    {.name = "mixtral",
     .arch = "llama",
     .seed = 102,
     .layer_count = 2,
     .ffn_dim = 96,
     .expert_dim = 96},
    {.name = "qwen2moe",
     .arch = "qwen2moe",
     .seed = 103,
     .parts = TINY_FAMILY_QKV_BIASES | TINY_FAMILY_SHARED_GATE,
     .layer_count = 2,
     .ffn_dim = 96,
     .expert_dim = 32,
     .shared_dim = 64},
    {.name = "mistral3",
     .arch = "mistral3",
     .seed = 104,
     .layer_count = 2,
     .ffn_dim = 96,
     .keys = {{"rope.scaling.type", TINY_MODEL_STR, .text = "yarn"},
              {"rope.scaling.factor", TINY_MODEL_F32, .value = 4},
              {"rope.scaling.original_context_length", TINY_MODEL_U32, .value = 16},
              {"rope.scaling.yarn_log_multiplier", TINY_MODEL_F32, .value = 1},
              {"attention.temperature_scale", TINY_MODEL_F32, .value = 0.1}}},
    {.name = "smollm3",
     .arch = "smollm3",
     .seed = 105,
     .parts = TINY_FAMILY_TIED,
     .layer_count = 5,
     .ffn_dim = 96},
    {.name = "glm4moe",
     .arch = "glm4moe",
     .seed = 106,
     .parts = TINY_FAMILY_QKV_BIASES | TINY_FAMILY_HEAD_NORMS | TINY_FAMILY_FFN_NORM_IS_POST |
              TINY_FAMILY_SELECTION_BIAS | TINY_FAMILY_NEXTN,
     .layer_count = 3,
     .ffn_dim = 96,
     .expert_dim = 32,
     .shared_dim = 32,
     .dense_count = 1,
     .keys = {{"rope.dimension_count", TINY_MODEL_U32, .value = 8},
              {"expert_weights_norm", TINY_MODEL_BOOL, .value = 1},
              {"expert_weights_scale", TINY_MODEL_F32, .value = 1.5}}},
    {.name = "nemotron",
     .arch = "nemotron",
     .seed = 107,
     .parts = TINY_FAMILY_NORM_BIASES | TINY_FAMILY_NO_GATE | TINY_FAMILY_OUT_BIAS,
     .layer_count = 2,
     .ffn_dim = 96,
     .keys = {{"rope.dimension_count", TINY_MODEL_U32, .value = 8}}},
    {.name = "deci",
     .arch = "deci",
     .seed = 108,
     .parts = TINY_FAMILY_ROPE_FACTORS,
     .layer_count = 4,
     .heads = tiny_family_deci_heads,
     .kv_heads = tiny_family_deci_kv_heads,
     .ffn_dims = tiny_family_deci_ffn_dims},
    {.name = "granite",
     .arch = "granite",
     .seed = 109,
     .layer_count = 2,
     .ffn_dim = 96,
     .keys = {{"embedding_scale", TINY_MODEL_F32, .value = 12},
              {"residual_scale", TINY_MODEL_F32, .value = 0.22},
              {"attention.scale", TINY_MODEL_F32, .value = 0.1},
              {"logit_scale", TINY_MODEL_F32, .value = 8}}},
    {.name = "deepseek2-lite",
     .arch = "deepseek2",
     .seed = 110,
     .parts = TINY_FAMILY_LATENT | TINY_FAMILY_LATENT_JOINED,
     .layer_count = 3,
     .kv_head_count = 4,
     .ffn_dim = 96,
     .expert_dim = 32,
     .shared_dim = 32,
     .dense_count = 1,
     .keys = {{"rope.scaling.type", TINY_MODEL_STR, .text = "yarn"},
              {"rope.scaling.factor", TINY_MODEL_F32, .value = 40},
              {"rope.scaling.original_context_length", TINY_MODEL_U32, .value = 64},
              {"rope.scaling.yarn_log_multiplier", TINY_MODEL_F32, .value = 0.0707}}},
    {.name = "gemma2",
     .arch = "gemma2",
     .seed = 115,
     .parts = TINY_FAMILY_POST_NORMS | TINY_FAMILY_TIED,
     .layer_count = 3,
     .ffn_dim = 96,
     .keys = {{"attention.sliding_window", TINY_MODEL_U32, .value = 20},
              {"attn_logit_softcapping", TINY_MODEL_F32, .value = 3},
              {"final_logit_softcapping", TINY_MODEL_F32, .value = 5}}},
    /* Those of which the fixtures have a recording, with other element types. */
    {.name = "deepseek2",
     .arch = "deepseek2",
     .seed = 111,
     .parts = TINY_FAMILY_LATENT | TINY_FAMILY_LATENT_QUERY | TINY_FAMILY_SELECTION_BIAS |
              TINY_FAMILY_JOINED_EXPERTS,
     .layer_count = 2,
     .kv_head_count = 1,
     .expert_dim = 32,
     .shared_dim = 32,
     .matrices = DTYPE_F16,
     .keys = {{"expert_group_count", TINY_MODEL_U32, .value = 3},
              {"expert_group_used_count", TINY_MODEL_U32, .value = 2},
              {"expert_gating_func", TINY_MODEL_U32, .value = 2}}},
    {.name = "gpt-oss",
     .arch = "gpt-oss",
     .seed = 112,
     .parts = TINY_FAMILY_QKV_BIASES | TINY_FAMILY_OUT_BIAS | TINY_FAMILY_SINKS |
              TINY_FAMILY_FFN_NORM_IS_POST | TINY_FAMILY_EXPERT_BIASES,
     .layer_count = 2,
     .ffn_dim = 32,
     .expert_dim = 32,
     .matrices = DTYPE_Q8_0,
     .keys = {{"attention.sliding_window", TINY_MODEL_U32, .value = 20}}},
    {.name = "gemma3",
     .arch = "gemma3",
     .seed = 113,
     .parts = TINY_FAMILY_HEAD_NORMS | TINY_FAMILY_POST_NORMS | TINY_FAMILY_TIED,
     .layer_count = 3,
     .ffn_dim = 96,
     .matrices = DTYPE_Q4_0,
     .keys = {{"attention.sliding_window", TINY_MODEL_U32, .value = 70},
              {"attention.sliding_window_pattern", TINY_MODEL_U32, .value = 2}}},
    {.name = "qwen3moe",
     .arch = "qwen3moe",
     .seed = 114,
     .parts = TINY_FAMILY_HEAD_NORMS,
     .layer_count = 2,
     .ffn_dim = 64,
     .expert_dim = 64,
     .matrices = DTYPE_Q8_0},
};

/* The first ones have a recording in tests/data/arch. */
enum { TINY_FAMILY_RECORDED = 11 };
