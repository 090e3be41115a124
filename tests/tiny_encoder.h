/*
 * tiny_encoder - small embedding and reranking models with seeded random weights, in the manner of
 * tiny_model.h: the same kind gives the same bytes on every machine, so that what another program
 * computes from them can be recorded.
 */
#pragma once

#include "tests/tiny_model.h"

enum tiny_encoder_kind {
    TINY_BERT,       /* biases, positions, two segments; pooling mean; a vocabulary */
    TINY_BERT_RANK,  /* the same with a classifier of one label, and pooling rank */
    TINY_NOMIC,      /* Q, K and V in one tensor, rotation, gated SiLU; pooling mean */
    TINY_GEMMA,      /* a window on either side, two dense layers; pooling mean */
    TINY_QWEN3,      /* writes text too; pooling last */
    TINY_QWEN3_RANK, /* two labels, read from the last token */
    TINY_ENCODER_COUNT
};

/* The words of TINY_BERT, as WordPiece files write them; behind them come single letters. */
static const char *const tiny_encoder_words[] = {
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "\xe2\x96\x81the",
    "\xe2\x96\x81otter",
    "\xe2\x96\x81"
    "den",
    "\xe2\x96\x81river",
    "s",
    "\xe2\x96\x81is",
    "\xe2\x96\x81"
    "deep",
    "\xe2\x96\x81.",
    "\xe2\x96\x81?",
};

enum { TINY_ENCODER_LETTERS = 26, TINY_ENCODER_CONTEXT = 96 };

static inline void tiny_encoder_add_vocabulary(struct tiny_model *m)
{
    enum { WORDS = ARRAY_LEN(tiny_encoder_words), TOKENS = WORDS + TINY_ENCODER_LETTERS };
    struct str tokens[TOKENS];
    int32_t types[TOKENS];
    char letters[TINY_ENCODER_LETTERS][8];
    for (size_t i = 0; i < TOKENS; i++) {
        if (i >= WORDS)
            snprintf(letters[i - WORDS], sizeof(letters[0]), "\xe2\x96\x81%c",
                     (int)('a' + (i - WORDS)));
        tokens[i] = str_from_c(i < WORDS ? tiny_encoder_words[i] : letters[i - WORDS]);
        types[i] = i < 4 ? 3 : 1;
    }
    gguf_writer_add_str(m->writer, "tokenizer.ggml.model", STR("bert"));
    gguf_writer_add_strs(m->writer, "tokenizer.ggml.tokens", tokens, TOKENS);
    gguf_writer_add_numbers(m->writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types, TOKENS);
    gguf_writer_add_u32(m->writer, "tokenizer.ggml.unknown_token_id", 1);
    gguf_writer_add_u32(m->writer, "tokenizer.ggml.bos_token_id", 2);
    gguf_writer_add_u32(m->writer, "tokenizer.ggml.seperator_token_id", 3);
    gguf_writer_add_u32(m->writer, "tokenizer.ggml.padding_token_id", 0);
}

static inline void tiny_encoder_flag(struct tiny_model *m, const char *name, bool value)
{
    char key[128];
    snprintf(key, sizeof(key), "%s.%s", m->spec->arch, name);
    gguf_writer_add_bool(m->writer, key, value);
}

static inline void tiny_encoder_vector(struct tiny_model *m, const char *name, uint32_t columns,
                                       double mean)
{
    tiny_model_add(m, name, DTYPE_F32, columns, 0, mean, mean != 0 ? 0.1 : 0.3);
}

static inline void tiny_encoder_layer_vector(struct tiny_model *m, uint32_t layer, const char *name,
                                             uint32_t columns, double mean)
{
    char whole[64];
    snprintf(whole, sizeof(whole), "blk.%u.%s", layer, name);
    tiny_encoder_vector(m, whole, columns, mean);
}

static inline void tiny_encoder_layer_matrix(struct tiny_model *m, uint32_t layer, const char *name,
                                             uint32_t columns, uint32_t rows)
{
    char whole[64];
    snprintf(whole, sizeof(whole), "blk.%u.%s", layer, name);
    tiny_model_add_matrix(m, whole, m->spec->qk, columns, rows);
}

/* ---------------------------------------------------------------- BERT and Nomic */

static inline void tiny_encoder_bert_layer(struct tiny_model *m, uint32_t layer, bool is_nomic)
{
    static const char *const projections[] = {"attn_q", "attn_k", "attn_v"};
    const uint32_t d = m->spec->embd_dim;
    const uint32_t n = m->spec->ffn_dim;
    for (size_t i = 0; i < ARRAY_LEN(projections) && !is_nomic; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s.weight", projections[i]);
        tiny_encoder_layer_matrix(m, layer, name, d, d);
        snprintf(name, sizeof(name), "%s.bias", projections[i]);
        tiny_encoder_layer_vector(m, layer, name, d, 0);
    }
    if (is_nomic) {
        tiny_encoder_layer_matrix(m, layer, "attn_qkv.weight", d, 3 * d);
        tiny_encoder_layer_matrix(m, layer, "ffn_gate.weight", d, n);
    } else {
        tiny_encoder_layer_vector(m, layer, "attn_output.bias", d, 0);
        tiny_encoder_layer_vector(m, layer, "ffn_up.bias", n, 0);
        tiny_encoder_layer_vector(m, layer, "ffn_down.bias", d, 0);
    }
    tiny_encoder_layer_matrix(m, layer, "attn_output.weight", d, d);
    tiny_encoder_layer_vector(m, layer, "attn_output_norm.weight", d, 1);
    tiny_encoder_layer_vector(m, layer, "attn_output_norm.bias", d, 0);
    tiny_encoder_layer_matrix(m, layer, "ffn_up.weight", d, n);
    tiny_encoder_layer_matrix(m, layer, "ffn_down.weight", n, d);
    tiny_encoder_layer_vector(m, layer, "layer_output_norm.weight", d, 1);
    tiny_encoder_layer_vector(m, layer, "layer_output_norm.bias", d, 0);
}

static inline void tiny_encoder_bert(struct tiny_model *m, enum tiny_encoder_kind kind)
{
    const struct tiny_model_spec *s = m->spec;
    const bool is_nomic = kind == TINY_NOMIC;
    tiny_model_real_key(m, "attention.layer_norm_epsilon", 1e-6);
    tiny_encoder_flag(m, "attention.causal", false);
    tiny_model_key(m, "pooling_type", kind == TINY_BERT_RANK ? 4 : 1);
    gguf_writer_add_u32(m->writer, "tokenizer.ggml.token_type_count", 2);
    if (is_nomic)
        tiny_model_real_key(m, "rope.freq_base", 1000);
    tiny_model_add(m, "token_types.weight", DTYPE_F32, s->embd_dim, 2, 0, 0.5);
    if (!is_nomic)
        tiny_model_add(m, "position_embd.weight", DTYPE_F32, s->embd_dim, TINY_ENCODER_CONTEXT, 0,
                       0.5);
    tiny_encoder_vector(m, "token_embd_norm.weight", s->embd_dim, 1);
    tiny_encoder_vector(m, "token_embd_norm.bias", s->embd_dim, 0);
    for (uint32_t layer = 0; layer < s->layer_count; layer++)
        tiny_encoder_bert_layer(m, layer, is_nomic);
    if (kind != TINY_BERT_RANK)
        return;
    tiny_model_add_matrix(m, "cls.weight", DTYPE_F32, s->embd_dim, s->embd_dim);
    tiny_encoder_vector(m, "cls.bias", s->embd_dim, 0);
    tiny_model_add(m, "cls.output.weight", DTYPE_F32, s->embd_dim, 1, 0, 0.3);
    tiny_model_add(m, "cls.output.bias", DTYPE_F32, 1, 0, 0.5, 0.1);
}

/* ---------------------------------------------------------------- Gemma and Qwen3 */

static inline void tiny_encoder_decoder_layer(struct tiny_model *m, uint32_t layer, bool is_gemma)
{
    const struct tiny_model_spec *s = m->spec;
    const uint32_t d = s->embd_dim;
    const uint32_t q_dim = s->head_count * s->head_dim;
    const uint32_t kv_dim = s->kv_head_count * s->head_dim;
    tiny_encoder_layer_vector(m, layer, "attn_norm.weight", d, 1);
    tiny_encoder_layer_matrix(m, layer, "attn_q.weight", d, q_dim);
    tiny_encoder_layer_matrix(m, layer, "attn_k.weight", d, kv_dim);
    tiny_encoder_layer_matrix(m, layer, "attn_v.weight", d, kv_dim);
    tiny_encoder_layer_matrix(m, layer, "attn_output.weight", q_dim, d);
    tiny_encoder_layer_vector(m, layer, "attn_q_norm.weight", s->head_dim, 1);
    tiny_encoder_layer_vector(m, layer, "attn_k_norm.weight", s->head_dim, 1);
    tiny_encoder_layer_vector(m, layer, "ffn_norm.weight", d, 1);
    tiny_encoder_layer_matrix(m, layer, "ffn_gate.weight", d, s->ffn_dim);
    tiny_encoder_layer_matrix(m, layer, "ffn_up.weight", d, s->ffn_dim);
    tiny_encoder_layer_matrix(m, layer, "ffn_down.weight", s->ffn_dim, d);
    if (is_gemma) {
        tiny_encoder_layer_vector(m, layer, "post_attention_norm.weight", d, 1);
        tiny_encoder_layer_vector(m, layer, "post_ffw_norm.weight", d, 1);
    }
}

static inline void tiny_encoder_decoder(struct tiny_model *m, enum tiny_encoder_kind kind)
{
    static const struct str labels[] = {{"yes", 3}, {"no", 2}};
    const struct tiny_model_spec *s = m->spec;
    const bool is_gemma = kind == TINY_GEMMA;
    tiny_model_real_key(m, "attention.layer_norm_rms_epsilon", 1e-6);
    tiny_model_key(m, "pooling_type", is_gemma ? 1 : kind == TINY_QWEN3 ? 3 : 4);
    tiny_encoder_vector(m, "output_norm.weight", s->embd_dim, 1);
    for (uint32_t layer = 0; layer < s->layer_count; layer++)
        tiny_encoder_decoder_layer(m, layer, is_gemma);
    if (is_gemma) {
        tiny_encoder_flag(m, "attention.causal", false);
        tiny_model_key(m, "attention.sliding_window", 8);
        tiny_model_key(m, "attention.sliding_window_pattern", 2);
        tiny_model_key(m, "dense_2_feat_in", s->embd_dim);
        tiny_model_key(m, "dense_2_feat_out", 2 * s->embd_dim);
        tiny_model_key(m, "dense_3_feat_in", 2 * s->embd_dim);
        tiny_model_key(m, "dense_3_feat_out", s->embd_dim);
        tiny_model_add_matrix(m, "dense_2.weight", DTYPE_F32, s->embd_dim, 2 * s->embd_dim);
        tiny_model_add_matrix(m, "dense_3.weight", DTYPE_F32, 2 * s->embd_dim, s->embd_dim);
    }
    if (kind == TINY_QWEN3_RANK) {
        gguf_writer_add_strs(m->writer, "qwen3.classifier.output_labels", labels, 2);
        tiny_model_add(m, "cls.output.weight", DTYPE_F32, s->embd_dim, 2, 0, 0.3);
    }
}

/* ---------------------------------------------------------------- all of it */

static const struct tiny_model_spec tiny_encoders[TINY_ENCODER_COUNT] = {
#define TINY_ENCODER_SHAPE(arch_, layers, width, heads, kv_heads, dim, ffn, dtype_)          \
    .arch = (arch_), .name = (arch_), .layer_count = (layers), .embd_dim = (width),          \
    .head_count = (heads), .kv_head_count = (kv_heads), .head_dim = (dim), .ffn_dim = (ffn), \
    .qk = (dtype_)
    [TINY_BERT] = {TINY_ENCODER_SHAPE("bert", 2, 48, 3, 3, 16, 96, DTYPE_F32), .seed = 11,
                   .vocab_size = ARRAY_LEN(tiny_encoder_words) + TINY_ENCODER_LETTERS},
    [TINY_BERT_RANK] = {TINY_ENCODER_SHAPE("bert", 2, 48, 3, 3, 16, 96, DTYPE_F32), .seed = 12,
                        .vocab_size = ARRAY_LEN(tiny_encoder_words) + TINY_ENCODER_LETTERS},
    [TINY_NOMIC] = {TINY_ENCODER_SHAPE("nomic-bert", 2, 64, 4, 4, 16, 96, DTYPE_F16), .seed = 13,
                    .vocab_size = 50},
    [TINY_GEMMA] = {TINY_ENCODER_SHAPE("gemma-embedding", 4, 64, 4, 2, 32, 96, DTYPE_F32),
                    .seed = 14, .vocab_size = 50},
    [TINY_QWEN3] = {TINY_ENCODER_SHAPE("qwen3", 2, 64, 4, 2, 32, 96, DTYPE_F32), .seed = 15,
                    .vocab_size = 50},
    [TINY_QWEN3_RANK] = {TINY_ENCODER_SHAPE("qwen3", 2, 64, 4, 2, 32, 96, DTYPE_F32), .seed = 16,
                         .vocab_size = 50},
#undef TINY_ENCODER_SHAPE
};

/* The bytes of a model file; release them with strbuf_done(). */
static inline struct strbuf tiny_encoder_bytes(enum tiny_encoder_kind kind)
{
    struct strbuf bytes = {0};
    const struct tiny_model_spec *s = &tiny_encoders[kind];
    struct tiny_model m = {.spec = s, .writer = gguf_writer_new(), .random = s->seed};
    gguf_writer_add_str(m.writer, "general.architecture", str_from_c(s->arch));
    if (kind == TINY_BERT || kind == TINY_BERT_RANK)
        tiny_encoder_add_vocabulary(&m);
    else
        gguf_writer_add_str(m.writer, "tokenizer.ggml.model", STR("no_vocab"));
    tiny_model_key(&m, "block_count", s->layer_count);
    tiny_model_key(&m, "context_length", TINY_ENCODER_CONTEXT);
    tiny_model_key(&m, "embedding_length", s->embd_dim);
    tiny_model_key(&m, "feed_forward_length", s->ffn_dim);
    tiny_model_key(&m, "attention.head_count", s->head_count);
    tiny_model_key(&m, "attention.head_count_kv", s->kv_head_count);
    tiny_model_key(&m, "attention.key_length", s->head_dim);
    tiny_model_key(&m, "attention.value_length", s->head_dim);
    tiny_model_key(&m, "vocab_size", s->vocab_size);
    tiny_model_add(&m, "token_embd.weight", DTYPE_F32, s->embd_dim, s->vocab_size, 0, 1);
    if (kind == TINY_GEMMA || kind == TINY_QWEN3 || kind == TINY_QWEN3_RANK)
        tiny_encoder_decoder(&m, kind);
    else
        tiny_encoder_bert(&m, kind);
    assert_ok(gguf_writer_to_bytes(m.writer, &bytes, err));
    gguf_writer_free(m.writer);
    arena_done(&m.memory);
    return bytes;
}
