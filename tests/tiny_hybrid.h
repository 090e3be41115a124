/*
 * tiny_hybrid - small models with recurrent layers and seeded random weights, built in memory; see
 * tiny_model.h. Decays, gates and convolutions are drawn in the ranges that trained models have.
 *
 * A layer is one letter of the spec's pattern: r a gated delta rule, m a Mamba-2 scan, c a short
 * convolution, a attention, - a feed-forward part (only with m). The last `draft_count` of them are
 * blocks for speculation.
 *
 * Functions are static inline: include this where gguf/ may be included.
 */
#pragma once

#include "tests/tiny_model.h"

#include <stdbool.h>
#include <string.h>

struct tiny_hybrid_spec {
    const char *name; /* for test output and file names */
    const char *arch;
    const char *pattern;
    uint64_t seed;
    uint32_t expert_count; /* 0: dense; two are used */
    uint32_t latent_dim;   /* of experts; 0: none */
    uint32_t dense_count;  /* leading layers without experts */
    uint32_t draft_count;
    bool is_joined;      /* r: one matrix for q, k, v and gate */
    bool has_pair_gates; /* r: one matrix for both gates */
    enum dtype matrices;
    uint32_t vocab_size; /* 0: TINY_HYBRID_VOCAB */
    /* Adds metadata of its own: a tokenizer, say; else there is none. */
    void (*add_tokenizer)(struct gguf_writer *writer);
    const struct tiny_model_change *changes;
    size_t change_count;
};

enum {
    TINY_HYBRID_EMBD = 64,
    TINY_HYBRID_HEADS = 4,
    TINY_HYBRID_KV_HEADS = 2,
    TINY_HYBRID_HEAD_DIM = 16,
    TINY_HYBRID_FFN = 96,
    TINY_HYBRID_VOCAB = 64,
    TINY_HYBRID_GROUPS = 2,      /* of recurrent heads */
    TINY_HYBRID_STATE_HEADS = 4, /* with a state matrix each */
    TINY_HYBRID_STATE = 32,      /* rows, and columns, of a state */
    TINY_HYBRID_INNER = TINY_HYBRID_STATE_HEADS * TINY_HYBRID_STATE,
    TINY_HYBRID_CHANNELS = TINY_HYBRID_INNER + 2 * TINY_HYBRID_GROUPS * TINY_HYBRID_STATE,
};

struct tiny_hybrid {
    struct tiny_model m;
    const struct tiny_hybrid_spec *spec;
};

static inline uint32_t tiny_hybrid_vocab_size(const struct tiny_hybrid_spec *spec)
{
    return spec->vocab_size ? spec->vocab_size : (uint32_t)TINY_HYBRID_VOCAB;
}

/* blk.<layer>.<name> of up to three dimensions (0: none). */
static inline void tiny_hybrid_put(struct tiny_hybrid *h, uint32_t layer, const char *name,
                                   enum dtype dtype, const uint32_t dims[3], double mean,
                                   double deviation)
{
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.%s", layer, name);
    if (tiny_model_is_changed(&h->m, full))
        return;
    const uint64_t sizes[] = {dims[0], dims[1], dims[2]};
    const uint32_t count = dims[2] ? 3 : dims[1] ? 2 : 1;
    const struct dtype_info *info = dtype_find(dtype);
    const size_t n = (size_t)dims[0] * (dims[1] ? dims[1] : 1) * (dims[2] ? dims[2] : 1);
    unsigned char *data = arena_alloc(&h->m.memory, n / info->block_len * info->block_bytes);
    if (info->block_len > 1)
        tiny_model_fill_blocks(&h->m, info, data, n / info->block_len, deviation);
    else
        tiny_model_fill_plain(&h->m, dtype, data, n, mean, deviation);
    gguf_writer_add_tensor(h->m.writer, full, dtype, count, sizes, data);
}

static inline void tiny_hybrid_matrix(struct tiny_hybrid *h, uint32_t layer, const char *name,
                                      uint32_t columns, uint32_t rows, uint32_t slices)
{
    const uint32_t dims[] = {columns, rows, slices};
    tiny_hybrid_put(h, layer, name, h->spec->matrices, dims, 0.0, 1.0 / sqrt((double)columns));
}

static inline void tiny_hybrid_vector(struct tiny_hybrid *h, uint32_t layer, const char *name,
                                      uint32_t columns, uint32_t rows, double mean,
                                      double deviation)
{
    const uint32_t dims[] = {columns, rows, 0};
    tiny_hybrid_put(h, layer, name, DTYPE_F32, dims, mean, deviation);
}

static inline void tiny_hybrid_norm(struct tiny_hybrid *h, uint32_t layer, const char *name,
                                    uint32_t columns)
{
    tiny_hybrid_vector(h, layer, name, columns, 0, 1.0, 0.1);
}

/* The rate of decay of each head, between -12 and -1. */
static inline void tiny_hybrid_decay(struct tiny_hybrid *h, uint32_t layer, bool is_column)
{
    float *rates = arena_alloc_array(&h->m.memory, TINY_HYBRID_STATE_HEADS, sizeof(*rates));
    const uint64_t flat[] = {TINY_HYBRID_STATE_HEADS};
    const uint64_t column[] = {1, TINY_HYBRID_STATE_HEADS};
    char full[64];
    snprintf(full, sizeof(full), "blk.%u.ssm_a", layer);
    for (int i = 0; i < TINY_HYBRID_STATE_HEADS; i++)
        rates[i] = -1.0f - 11.0f * (float)(tiny_model_random(&h->m.random) >> 8) * 0x1p-24f;
    if (!tiny_model_is_changed(&h->m, full))
        gguf_writer_add_tensor(h->m.writer, full, DTYPE_F32, is_column ? 2 : 1,
                               is_column ? column : flat, rates);
}

/* ---------------------------------------------------------------- mixers */

static inline void tiny_hybrid_attention(struct tiny_hybrid *h, uint32_t layer)
{
    const bool is_gated = strchr(h->spec->pattern, 'r') != NULL;
    const uint32_t q_dim = TINY_HYBRID_HEADS * TINY_HYBRID_HEAD_DIM;
    const uint32_t kv_dim = TINY_HYBRID_KV_HEADS * TINY_HYBRID_HEAD_DIM;
    tiny_hybrid_matrix(h, layer, "attn_q.weight", TINY_HYBRID_EMBD, is_gated ? 2 * q_dim : q_dim,
                       0);
    tiny_hybrid_matrix(h, layer, "attn_k.weight", TINY_HYBRID_EMBD, kv_dim, 0);
    tiny_hybrid_matrix(h, layer, "attn_v.weight", TINY_HYBRID_EMBD, kv_dim, 0);
    tiny_hybrid_matrix(h, layer, "attn_output.weight", q_dim, TINY_HYBRID_EMBD, 0);
    if (strchr(h->spec->pattern, 'm'))
        return;
    tiny_hybrid_norm(h, layer, "attn_q_norm.weight", TINY_HYBRID_HEAD_DIM);
    tiny_hybrid_norm(h, layer, "attn_k_norm.weight", TINY_HYBRID_HEAD_DIM);
}

static inline void tiny_hybrid_delta(struct tiny_hybrid *h, uint32_t layer)
{
    const uint32_t heads = TINY_HYBRID_STATE_HEADS;
    if (h->spec->is_joined) {
        tiny_hybrid_matrix(h, layer, "ssm_in.weight", TINY_HYBRID_EMBD,
                           TINY_HYBRID_CHANNELS + TINY_HYBRID_INNER, 0);
    } else {
        tiny_hybrid_matrix(h, layer, "attn_qkv.weight", TINY_HYBRID_EMBD, TINY_HYBRID_CHANNELS, 0);
        tiny_hybrid_matrix(h, layer, "attn_gate.weight", TINY_HYBRID_EMBD, TINY_HYBRID_INNER, 0);
    }
    if (h->spec->has_pair_gates) {
        tiny_hybrid_matrix(h, layer, "ssm_ba.weight", TINY_HYBRID_EMBD, 2 * heads, 0);
    } else {
        tiny_hybrid_matrix(h, layer, "ssm_alpha.weight", TINY_HYBRID_EMBD, heads, 0);
        tiny_hybrid_matrix(h, layer, "ssm_beta.weight", TINY_HYBRID_EMBD, heads, 0);
    }
    tiny_hybrid_vector(h, layer, "ssm_conv1d.weight", 4, TINY_HYBRID_CHANNELS, 0.0, 0.5);
    tiny_hybrid_vector(h, layer, "ssm_dt.bias", heads, 0, -2.0, 1.0);
    tiny_hybrid_decay(h, layer, false);
    tiny_hybrid_norm(h, layer, "ssm_norm.weight", TINY_HYBRID_STATE);
    tiny_hybrid_matrix(h, layer, "ssm_out.weight", TINY_HYBRID_INNER, TINY_HYBRID_EMBD, 0);
}

static inline void tiny_hybrid_scan(struct tiny_hybrid *h, uint32_t layer)
{
    const uint32_t heads = TINY_HYBRID_STATE_HEADS;
    const uint32_t in = TINY_HYBRID_INNER + TINY_HYBRID_CHANNELS + heads;
    tiny_hybrid_matrix(h, layer, "ssm_in.weight", TINY_HYBRID_EMBD, in, 0);
    tiny_hybrid_vector(h, layer, "ssm_conv1d.weight", 4, TINY_HYBRID_CHANNELS, 0.0, 0.5);
    tiny_hybrid_vector(h, layer, "ssm_conv1d.bias", TINY_HYBRID_CHANNELS, 0, 0.0, 0.1);
    tiny_hybrid_vector(h, layer, "ssm_dt.bias", heads, 0, -2.0, 1.0);
    tiny_hybrid_decay(h, layer, true);
    tiny_hybrid_vector(h, layer, "ssm_d", 1, heads, 1.0, 0.1);
    tiny_hybrid_vector(h, layer, "ssm_norm.weight", TINY_HYBRID_INNER / TINY_HYBRID_GROUPS,
                       TINY_HYBRID_GROUPS, 1.0, 0.1);
    tiny_hybrid_matrix(h, layer, "ssm_out.weight", TINY_HYBRID_INNER, TINY_HYBRID_EMBD, 0);
}

static inline void tiny_hybrid_conv(struct tiny_hybrid *h, uint32_t layer)
{
    tiny_hybrid_matrix(h, layer, "shortconv.in_proj.weight", TINY_HYBRID_EMBD, 3 * TINY_HYBRID_EMBD,
                       0);
    tiny_hybrid_vector(h, layer, "shortconv.conv.weight", 3, TINY_HYBRID_EMBD, 0.0, 0.5);
    tiny_hybrid_matrix(h, layer, "shortconv.out_proj.weight", TINY_HYBRID_EMBD, TINY_HYBRID_EMBD,
                       0);
}

/* ---------------------------------------------------------------- feed-forward parts */

static inline void tiny_hybrid_experts(struct tiny_hybrid *h, uint32_t layer)
{
    const uint32_t d = TINY_HYBRID_EMBD;
    const uint32_t n = TINY_HYBRID_FFN;
    const uint32_t count = h->spec->expert_count;
    const uint32_t seen = h->spec->latent_dim ? h->spec->latent_dim : d;
    const bool is_scan = strchr(h->spec->pattern, 'm') != NULL;
    const bool is_conv = strchr(h->spec->pattern, 'c') != NULL;
    tiny_hybrid_vector(h, layer, "ffn_gate_inp.weight", d, count, 0.0, 2.0 / sqrt((double)d));
    if (is_scan || is_conv)
        tiny_hybrid_vector(h, layer, "exp_probs_b.bias", count, 0, 0.0, 0.1);
    if (h->spec->latent_dim) {
        tiny_hybrid_matrix(h, layer, "ffn_latent_down.weight", d, seen, 0);
        tiny_hybrid_matrix(h, layer, "ffn_latent_up.weight", seen, d, 0);
    }
    if (!is_scan)
        tiny_hybrid_matrix(h, layer, "ffn_gate_exps.weight", seen, n, count);
    tiny_hybrid_matrix(h, layer, "ffn_up_exps.weight", seen, n, count);
    tiny_hybrid_matrix(h, layer, "ffn_down_exps.weight", n, seen, count);
    if (is_conv)
        return;
    tiny_hybrid_matrix(h, layer, "ffn_up_shexp.weight", d, n, 0);
    tiny_hybrid_matrix(h, layer, "ffn_down_shexp.weight", n, d, 0);
    if (is_scan)
        return;
    tiny_hybrid_matrix(h, layer, "ffn_gate_shexp.weight", d, n, 0);
    tiny_hybrid_vector(h, layer, "ffn_gate_inp_shexp.weight", d, 0, 0.0, 1.0 / sqrt((double)d));
}

static inline void tiny_hybrid_dense(struct tiny_hybrid *h, uint32_t layer)
{
    if (!strchr(h->spec->pattern, 'm'))
        tiny_hybrid_matrix(h, layer, "ffn_gate.weight", TINY_HYBRID_EMBD, TINY_HYBRID_FFN, 0);
    tiny_hybrid_matrix(h, layer, "ffn_up.weight", TINY_HYBRID_EMBD, TINY_HYBRID_FFN, 0);
    tiny_hybrid_matrix(h, layer, "ffn_down.weight", TINY_HYBRID_FFN, TINY_HYBRID_EMBD, 0);
}

static inline void tiny_hybrid_draft(struct tiny_hybrid *h, uint32_t layer)
{
    tiny_hybrid_matrix(h, layer, "nextn.eh_proj.weight", 2 * TINY_HYBRID_EMBD, TINY_HYBRID_EMBD, 0);
    tiny_hybrid_norm(h, layer, "nextn.enorm.weight", TINY_HYBRID_EMBD);
    tiny_hybrid_norm(h, layer, "nextn.hnorm.weight", TINY_HYBRID_EMBD);
    tiny_hybrid_norm(h, layer, "nextn.shared_head_norm.weight", TINY_HYBRID_EMBD);
}

static inline void tiny_hybrid_layer(struct tiny_hybrid *h, uint32_t layer, bool is_draft)
{
    const char kind = h->spec->pattern[layer];
    const bool has_own_layers = strchr(h->spec->pattern, 'm') != NULL;
    tiny_hybrid_norm(h, layer, "attn_norm.weight", TINY_HYBRID_EMBD);
    switch (kind) {
    case 'r': tiny_hybrid_delta(h, layer); break;
    case 'm': tiny_hybrid_scan(h, layer); break;
    case 'c': tiny_hybrid_conv(h, layer); break;
    case 'a': tiny_hybrid_attention(h, layer); break;
    default: break;
    }
    if (is_draft)
        tiny_hybrid_draft(h, layer);
    if (has_own_layers && kind != '-')
        return;
    if (!has_own_layers)
        tiny_hybrid_norm(h, layer,
                         strchr(h->spec->pattern, 'c') ? "ffn_norm.weight"
                                                       : "post_attention_norm.weight",
                         TINY_HYBRID_EMBD);
    if (h->spec->expert_count && layer >= h->spec->dense_count)
        tiny_hybrid_experts(h, layer);
    else
        tiny_hybrid_dense(h, layer);
}

/* ---------------------------------------------------------------- keys */

static inline void tiny_hybrid_array(struct tiny_hybrid *h, const char *name, char kind,
                                     uint32_t value)
{
    char key[96];
    uint32_t numbers[64] = {0};
    const uint32_t count = (uint32_t)strlen(h->spec->pattern);
    snprintf(key, sizeof(key), "%s.%s", h->spec->arch, name);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = h->spec->pattern[i] == kind ? value : 0;
    if (!tiny_model_is_changed(&h->m, name))
        gguf_writer_add_numbers(h->m.writer, key, GGUF_TYPE_U32, numbers, count);
}

static inline void tiny_hybrid_state_keys(struct tiny_hybrid *h)
{
    struct tiny_model *m = &h->m;
    char key[96];
    tiny_model_key(m, "ssm.conv_kernel", 4);
    tiny_model_key(m, "ssm.state_size", TINY_HYBRID_STATE);
    tiny_model_key(m, "ssm.group_count", TINY_HYBRID_GROUPS);
    tiny_model_key(m, "ssm.time_step_rank", TINY_HYBRID_STATE_HEADS);
    tiny_model_key(m, "ssm.inner_size", TINY_HYBRID_INNER);
    if (!strchr(h->spec->pattern, 'r'))
        return;
    const int32_t sections[] = {2, 2, 0, 0}; /* one pair of four stands still */
    tiny_model_key(m, "full_attention_interval",
                   (uint32_t)(strchr(h->spec->pattern, 'a') - h->spec->pattern) + 1);
    tiny_model_key(m, "rope.dimension_count", TINY_HYBRID_HEAD_DIM / 2);
    snprintf(key, sizeof(key), "%s.rope.dimension_sections", h->spec->arch);
    if (!tiny_model_is_changed(m, "rope.dimension_sections"))
        gguf_writer_add_numbers(m->writer, key, GGUF_TYPE_I32, sections, ARRAY_LEN(sections));
    if (h->spec->draft_count)
        tiny_model_key(m, "nextn_predict_layers", h->spec->draft_count);
}

static inline void tiny_hybrid_expert_keys(struct tiny_hybrid *h)
{
    struct tiny_model *m = &h->m;
    const bool is_scan = strchr(h->spec->pattern, 'm') != NULL;
    char key[96];
    tiny_model_key(m, "expert_count", h->spec->expert_count);
    tiny_model_key(m, "expert_used_count", 2);
    tiny_model_key(m, "expert_feed_forward_length", TINY_HYBRID_FFN);
    if (strchr(h->spec->pattern, 'c')) {
        tiny_model_key(m, "expert_gating_func", 2);
        tiny_model_key(m, "leading_dense_block_count", h->spec->dense_count);
        return;
    }
    tiny_model_key(m, "expert_shared_feed_forward_length", TINY_HYBRID_FFN);
    if (!is_scan)
        return;
    tiny_model_key(m, "expert_shared_count", 1);
    tiny_model_real_key(m, "expert_weights_scale", 2.5);
    snprintf(key, sizeof(key), "%s.expert_weights_norm", h->spec->arch);
    gguf_writer_add_bool(m->writer, key, true);
    if (h->spec->latent_dim)
        tiny_model_key(m, "moe_latent_size", h->spec->latent_dim);
}

static inline void tiny_hybrid_keys(struct tiny_hybrid *h)
{
    struct tiny_model *m = &h->m;
    const bool is_scan = strchr(h->spec->pattern, 'm') != NULL;
    const bool is_conv = strchr(h->spec->pattern, 'c') != NULL;
    if (!tiny_model_is_changed(m, "general.architecture"))
        gguf_writer_add_str(m->writer, "general.architecture", str_from_c(h->spec->arch));
    if (h->spec->add_tokenizer)
        h->spec->add_tokenizer(m->writer);
    else
        gguf_writer_add_str(m->writer, "tokenizer.ggml.model", STR("no_vocab"));
    tiny_model_key(m, "block_count", (uint32_t)strlen(h->spec->pattern));
    tiny_model_key(m, "context_length", 4096);
    tiny_model_key(m, "embedding_length", TINY_HYBRID_EMBD);
    tiny_model_key(m, "attention.head_count", TINY_HYBRID_HEADS);
    tiny_model_key(m, "attention.key_length", TINY_HYBRID_HEAD_DIM);
    tiny_model_key(m, "attention.value_length", TINY_HYBRID_HEAD_DIM);
    tiny_model_key(m, "vocab_size", tiny_hybrid_vocab_size(h->spec));
    tiny_model_real_key(m, "attention.layer_norm_rms_epsilon", 1e-5);
    if (is_scan || is_conv)
        tiny_hybrid_array(h, "attention.head_count_kv", 'a', TINY_HYBRID_KV_HEADS);
    else
        tiny_model_key(m, "attention.head_count_kv", TINY_HYBRID_KV_HEADS);
    if (is_scan)
        tiny_hybrid_array(h, "feed_forward_length", '-', TINY_HYBRID_FFN);
    else
        tiny_model_key(m, "feed_forward_length", TINY_HYBRID_FFN);
    if (is_conv)
        tiny_model_key(m, "shortconv.l_cache", 3);
    else
        tiny_hybrid_state_keys(h);
    if (h->spec->expert_count)
        tiny_hybrid_expert_keys(h);
}

/* The bytes of a model file; release them with strbuf_done(). */
static inline struct strbuf tiny_hybrid_bytes(const struct tiny_hybrid_spec *spec)
{
    struct strbuf bytes = {0};
    const struct tiny_model_spec common = {
        .arch = spec->arch, .changes = spec->changes, .change_count = spec->change_count};
    struct tiny_hybrid h = {
        .m = {.spec = &common, .writer = gguf_writer_new(), .random = spec->seed}, .spec = spec};
    const uint32_t layer_count = (uint32_t)strlen(spec->pattern);
    tiny_hybrid_keys(&h);
    tiny_model_add(&h.m, "token_embd.weight", spec->matrices, TINY_HYBRID_EMBD,
                   tiny_hybrid_vocab_size(spec), 0.0, 1.0);
    tiny_model_add(&h.m,
                   strchr(spec->pattern, 'c') ? "token_embd_norm.weight" : "output_norm.weight",
                   DTYPE_F32, TINY_HYBRID_EMBD, 0, 1.0, 0.1);
    tiny_model_add_matrix(&h.m, "output.weight", spec->matrices, TINY_HYBRID_EMBD,
                          tiny_hybrid_vocab_size(spec));
    for (uint32_t layer = 0; layer < layer_count; layer++)
        tiny_hybrid_layer(&h, layer, layer + spec->draft_count >= layer_count);
    for (size_t i = 0; i < spec->change_count; i++)
        tiny_model_apply(&h.m, &spec->changes[i]);
    assert_ok(gguf_writer_to_bytes(h.m.writer, &bytes, err));
    gguf_writer_free(h.m.writer);
    arena_done(&h.m.memory);
    return bytes;
}

/* One spec per family and form. Those in F32 are recorded in tests/data/arch. */
static const struct tiny_hybrid_spec tiny_hybrids[] = {
    {.name = "qwen35", .arch = "qwen35", .pattern = "rrar", .seed = 101},
    {.name = "qwen35-draft",
     .arch = "qwen35moe",
     .pattern = "rrara",
     .seed = 102,
     .expert_count = 5,
     .draft_count = 1,
     .matrices = DTYPE_Q8_0},
    {.name = "qwen3next-joined",
     .arch = "qwen3next",
     .pattern = "rar",
     .seed = 103,
     .expert_count = 5,
     .is_joined = true,
     .has_pair_gates = true},
    {.name = "nemotron_h",
     .arch = "nemotron_h",
     .pattern = "m-ma-m",
     .seed = 104,
     .matrices = DTYPE_Q8_0},
    {.name = "nemotron_h_moe-latent",
     .arch = "nemotron_h_moe",
     .pattern = "m-am-",
     .seed = 105,
     .expert_count = 5,
     .latent_dim = 32},
    {.name = "nemotron_h-alone", /* no layer attends */
     .arch = "nemotron_h",
     .pattern = "m-m",
     .seed = 108,
     .matrices = DTYPE_F16},
    {.name = "lfm2", .arch = "lfm2", .pattern = "ccac", .seed = 106},
    {.name = "lfm2moe",
     .arch = "lfm2moe",
     .pattern = "cacc",
     .seed = 107,
     .expert_count = 5,
     .dense_count = 1},
};
