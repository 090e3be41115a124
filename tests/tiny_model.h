/*
 * tiny_model - small models with seeded random weights, built in memory with gguf_writer.
 *
 * For tests that need a model without a fixture: every family, any mix of element types. Norms are
 * near 1 and matrices near 1 / sqrt(inputs), so that the logits react to every part of a step. The
 * same spec gives the same bytes on every machine.
 *
 * Functions are static inline: include this where gguf/ may be included.
 */
#pragma once

#include "base/arena.h"
#include "base/attr.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "tensor/bfloat16.h"
#include "tensor/block_formats.h"
#include "tensor/dtype.h"
#include "tensor/half.h"
#include "tests/holt_test.h"

#include <math.h>
#include <stdio.h>

/* What a test wants otherwise than the spec gives it: a key or tensor left out, replaced or added.
 */
enum tiny_model_change_kind {
    TINY_MODEL_OMIT,
    TINY_MODEL_U32,
    TINY_MODEL_I32,
    TINY_MODEL_F32,
    TINY_MODEL_BOOL,
    TINY_MODEL_STR,
    TINY_MODEL_U32S,   /* an array of `count` numbers: value, then last */
    TINY_MODEL_STRS,   /* an array of `count` texts */
    TINY_MODEL_TENSOR, /* of `columns` x `rows` (0: one-dimensional) */
};

struct tiny_model_change {
    const char *name; /* "<arch>." is put before keys unless they begin with "general." or
                         "tokenizer."; tensors as they are */
    enum tiny_model_change_kind kind;
    double value;
    const char *text;
    uint32_t count, last;
    enum dtype dtype;
    uint32_t columns, rows;
};

struct tiny_model_spec {
    const char *name; /* for test output */
    const char *arch;
    uint64_t seed;
    uint32_t layer_count;
    uint32_t embd_dim;
    uint32_t head_count;
    uint32_t kv_head_count;
    uint32_t head_dim;
    uint32_t ffn_dim;
    uint32_t vocab_size;
    enum dtype embd, qk, v, o, gate_up, down, output; /* element types of the matrices */
    enum dtype norms;
    bool is_tied; /* no output.weight */
    bool has_biases;
    bool has_head_norms;
    bool has_rope_factors;
    double rope_factor; /* 0: no scaling keys */
    const char *rope_scaling;
    const struct tiny_model_change *changes;
    size_t change_count;
    /* NULL: the model has no vocabulary. Else adds one (tiny_vocab.h), a template and the like. */
    void (*add_vocabulary)(struct gguf_writer *writer);
};

struct tiny_model {
    const struct tiny_model_spec *spec;
    struct gguf_writer *writer;
    struct arena memory;
    uint64_t random;
};

static inline uint32_t tiny_model_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

/* About normal, mean 0, deviation 1: the sum of twelve uniform numbers. */
static inline float tiny_model_normal(uint64_t *state)
{
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += tiny_model_random(state) >> 12;
    return (float)((double)(sum - 6 * (INT64_C(1) << 20)) / (double)(1 << 20));
}

static inline void tiny_model_put_half(unsigned char *at, double value)
{
    const uint16_t bits = half_from_float((float)value);
    memcpy(at, &bits, sizeof(bits));
}

/* Random bytes of packed types, with scales that give the weights deviation `deviation`. */
static inline void tiny_model_fill_blocks(struct tiny_model *m, const struct dtype_info *info,
                                          unsigned char *data, size_t block_count, double deviation)
{
    for (size_t b = 0; b < block_count; b++) {
        unsigned char *block = data + b * info->block_bytes;
        const double wobble = 0.75 + (tiny_model_random(&m->random) >> 8) * 0x1p-25;
        for (uint32_t i = 0; i < info->block_bytes; i++)
            block[i] = (unsigned char)(tiny_model_random(&m->random) >> 24);
        if (info->dtype == DTYPE_Q8_0)
            tiny_model_put_half(block, wobble * deviation / 74);
        else if (info->dtype == DTYPE_Q4_0)
            tiny_model_put_half(block, wobble * deviation / 4.6);
        else if (info->dtype == DTYPE_Q6_K)
            tiny_model_put_half(block + offsetof(struct block_q6_k, scale),
                                wobble * deviation / (18.5 * 74));
        else if (info->dtype == DTYPE_Q4_K) {
            const double scale = wobble * deviation / (32 * 16 / 3.46);
            tiny_model_put_half(block, scale);
            tiny_model_put_half(block + 2, scale * 8);
        } else {
            fail_msg("no random blocks of type %s", info->name);
        }
    }
}

static inline void tiny_model_fill_plain(struct tiny_model *m, enum dtype dtype,
                                         unsigned char *data, size_t count, double mean,
                                         double deviation)
{
    for (size_t i = 0; i < count; i++) {
        const float value = (float)(mean + deviation * (double)tiny_model_normal(&m->random));
        const uint16_t bits =
            dtype == DTYPE_F16 ? half_from_float(value) : bfloat16_from_float(value);
        if (dtype == DTYPE_F32)
            memcpy(data + i * sizeof(value), &value, sizeof(value));
        else
            memcpy(data + i * sizeof(bits), &bits, sizeof(bits));
    }
}

static inline bool tiny_model_is_changed(const struct tiny_model *m, const char *name)
{
    for (size_t i = 0; i < m->spec->change_count; i++)
        if (str_equal_c(str_from_c(name), m->spec->changes[i].name))
            return true;
    return false;
}

/* Adds a tensor of `rows` rows (0: one-dimensional), changed or not. */
static inline void tiny_model_put(struct tiny_model *m, const char *name, enum dtype dtype,
                                  uint32_t columns, uint32_t rows, double mean, double deviation)
{
    const struct dtype_info *info = dtype_find(dtype);
    const uint64_t dims[] = {columns, rows};
    const size_t count = (size_t)columns * (rows ? rows : 1);
    const size_t block_count = count / info->block_len;
    unsigned char *data = arena_alloc(&m->memory, block_count * info->block_bytes);
    if (info->block_len > 1)
        tiny_model_fill_blocks(m, info, data, block_count, deviation);
    else
        tiny_model_fill_plain(m, dtype, data, count, mean, deviation);
    gguf_writer_add_tensor(m->writer, name, dtype, rows ? 2 : 1, dims, data);
}

static inline void tiny_model_add(struct tiny_model *m, const char *name, enum dtype dtype,
                                  uint32_t columns, uint32_t rows, double mean, double deviation)
{
    if (!tiny_model_is_changed(m, name))
        tiny_model_put(m, name, dtype, columns, rows, mean, deviation);
}

static inline void tiny_model_add_matrix(struct tiny_model *m, const char *name, enum dtype dtype,
                                         uint32_t columns, uint32_t rows)
{
    tiny_model_add(m, name, dtype, columns, rows, 0.0, 1.0 / sqrt((double)columns));
}

static inline void tiny_model_key(struct tiny_model *m, const char *name, uint32_t value)
{
    char key[128];
    snprintf(key, sizeof(key), "%s.%s", m->spec->arch, name);
    if (!tiny_model_is_changed(m, name))
        gguf_writer_add_u32(m->writer, key, value);
}

static inline void tiny_model_real_key(struct tiny_model *m, const char *name, double value)
{
    char key[128];
    snprintf(key, sizeof(key), "%s.%s", m->spec->arch, name);
    if (!tiny_model_is_changed(m, name))
        gguf_writer_add_f32(m->writer, key, (float)value);
}

static inline void tiny_model_add_array(struct tiny_model *m, const char *key,
                                        const struct tiny_model_change *change)
{
    uint32_t *numbers = arena_alloc_array(&m->memory, change->count, sizeof(*numbers));
    struct str *texts = arena_alloc_array(&m->memory, change->count, sizeof(*texts));
    for (uint32_t i = 0; i < change->count; i++) {
        numbers[i] = i + 1 < change->count ? (uint32_t)change->value : change->last;
        texts[i] = str_from_c(change->text);
    }
    if (change->kind == TINY_MODEL_U32S)
        gguf_writer_add_numbers(m->writer, key, GGUF_TYPE_U32, numbers, change->count);
    else
        gguf_writer_add_strs(m->writer, key, texts, change->count);
}

static inline void tiny_model_apply(struct tiny_model *m, const struct tiny_model_change *change)
{
    char key[128];
    const struct str name = str_from_c(change->name);
    const bool is_whole =
        str_starts_with(name, STR("general.")) || str_starts_with(name, STR("tokenizer."));
    snprintf(key, sizeof(key), "%s%s%s", is_whole ? "" : m->spec->arch, is_whole ? "" : ".",
             change->name);
    switch (change->kind) {
    case TINY_MODEL_OMIT: break;
    case TINY_MODEL_U32: gguf_writer_add_u32(m->writer, key, (uint32_t)change->value); break;
    case TINY_MODEL_I32: gguf_writer_add_i32(m->writer, key, (int32_t)change->value); break;
    case TINY_MODEL_F32: gguf_writer_add_f32(m->writer, key, (float)change->value); break;
    case TINY_MODEL_BOOL: gguf_writer_add_bool(m->writer, key, change->value != 0); break;
    case TINY_MODEL_STR: gguf_writer_add_str(m->writer, key, str_from_c(change->text)); break;
    case TINY_MODEL_U32S:
    case TINY_MODEL_STRS: tiny_model_add_array(m, key, change); break;
    case TINY_MODEL_TENSOR:
        tiny_model_put(m, change->name, change->dtype, change->columns, change->rows, change->value,
                       0.1);
        break;
    }
}

static inline void tiny_model_add_keys(struct tiny_model *m)
{
    const struct tiny_model_spec *s = m->spec;
    if (!tiny_model_is_changed(m, "general.architecture"))
        gguf_writer_add_str(m->writer, "general.architecture", str_from_c(s->arch));
    if (s->add_vocabulary)
        s->add_vocabulary(m->writer);
    else
        gguf_writer_add_str(m->writer, "tokenizer.ggml.model", STR("no_vocab"));
    tiny_model_key(m, "block_count", s->layer_count);
    tiny_model_key(m, "context_length", 4096);
    tiny_model_key(m, "embedding_length", s->embd_dim);
    tiny_model_key(m, "feed_forward_length", s->ffn_dim);
    tiny_model_key(m, "attention.head_count", s->head_count);
    tiny_model_key(m, "attention.head_count_kv", s->kv_head_count);
    tiny_model_key(m, "attention.key_length", s->head_dim);
    tiny_model_key(m, "attention.value_length", s->head_dim);
    tiny_model_key(m, "vocab_size", s->vocab_size);
    tiny_model_real_key(m, "attention.layer_norm_rms_epsilon", 1e-5);
    if (s->rope_factor != 0) {
        char key[128];
        snprintf(key, sizeof(key), "%s.rope.scaling.type", s->arch);
        gguf_writer_add_str(m->writer, key, str_from_c(s->rope_scaling));
        tiny_model_real_key(m, "rope.scaling.factor", s->rope_factor);
        tiny_model_key(m, "rope.scaling.original_context_length", 64);
    }
}

static inline void tiny_model_add_layer(struct tiny_model *m, uint32_t layer)
{
    const struct tiny_model_spec *s = m->spec;
    const uint32_t q_dim = s->head_count * s->head_dim;
    const uint32_t kv_dim = s->kv_head_count * s->head_dim;
    const struct {
        const char *name;
        enum dtype dtype;
        uint32_t columns, rows; /* rows 0: a norm or bias */
        double mean, deviation; /* of norms and biases */
        bool is_there;
    } tensors[] = {
        {"attn_norm.weight", s->norms, s->embd_dim, 0, 1.0, 0.1, true},
        {"attn_q.weight", s->qk, s->embd_dim, q_dim, 0, 0, true},
        {"attn_k.weight", s->qk, s->embd_dim, kv_dim, 0, 0, true},
        {"attn_v.weight", s->v, s->embd_dim, kv_dim, 0, 0, true},
        {"attn_output.weight", s->o, q_dim, s->embd_dim, 0, 0, true},
        {"attn_q.bias", s->norms, q_dim, 0, 0.0, 0.5, s->has_biases},
        {"attn_k.bias", s->norms, kv_dim, 0, 0.0, 0.5, s->has_biases},
        {"attn_v.bias", s->norms, kv_dim, 0, 0.0, 0.5, s->has_biases},
        {"attn_q_norm.weight", s->norms, s->head_dim, 0, 1.0, 0.1, s->has_head_norms},
        {"attn_k_norm.weight", s->norms, s->head_dim, 0, 1.0, 0.1, s->has_head_norms},
        {"ffn_norm.weight", s->norms, s->embd_dim, 0, 1.0, 0.1, true},
        {"ffn_gate.weight", s->gate_up, s->embd_dim, s->ffn_dim, 0, 0, true},
        {"ffn_up.weight", s->gate_up, s->embd_dim, s->ffn_dim, 0, 0, true},
        {"ffn_down.weight", s->down, s->ffn_dim, s->embd_dim, 0, 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(tensors); i++) {
        char name[64];
        snprintf(name, sizeof(name), "blk.%u.%s", layer, tensors[i].name);
        if (!tensors[i].is_there)
            continue;
        if (tensors[i].rows)
            tiny_model_add_matrix(m, name, tensors[i].dtype, tensors[i].columns, tensors[i].rows);
        else
            tiny_model_add(m, name, tensors[i].dtype, tensors[i].columns, 0, tensors[i].mean,
                           tensors[i].deviation);
    }
}

/* The bytes of a model file; release them with strbuf_done(). */
static inline struct strbuf tiny_model_bytes(const struct tiny_model_spec *spec)
{
    struct strbuf bytes = {0};
    struct tiny_model m = {.spec = spec, .writer = gguf_writer_new(), .random = spec->seed};
    tiny_model_add_keys(&m);
    tiny_model_add(&m, "token_embd.weight", spec->embd, spec->embd_dim, spec->vocab_size, 0.0, 1.0);
    tiny_model_add(&m, "output_norm.weight", spec->norms, spec->embd_dim, 0, 1.0, 0.1);
    if (!spec->is_tied)
        tiny_model_add_matrix(&m, "output.weight", spec->output, spec->embd_dim, spec->vocab_size);
    if (spec->has_rope_factors)
        tiny_model_add(&m, "rope_freqs.weight", DTYPE_F32, spec->head_dim / 2, 0, 4.0, 0.5);
    for (uint32_t layer = 0; layer < spec->layer_count; layer++)
        tiny_model_add_layer(&m, layer);
    for (size_t i = 0; i < spec->change_count; i++)
        tiny_model_apply(&m, &spec->changes[i]);
    assert_ok(gguf_writer_to_bytes(m.writer, &bytes, err));
    gguf_writer_free(m.writer);
    arena_done(&m.memory);
    return bytes;
}

/* One spec per family; between them all element types that have kernels. */
static const struct tiny_model_spec tiny_models[] = {
    {.name = "llama, F32",
     .arch = "llama",
     .seed = 1,
     .layer_count = 2,
     .embd_dim = 64,
     .head_count = 4,
     .kv_head_count = 2,
     .head_dim = 16,
     .ffn_dim = 96,
     .vocab_size = 67},
    {.name = "llama, Q4_K and Q6_K, frequency factors",
     .arch = "llama",
     .seed = 2,
     .layer_count = 2,
     .embd_dim = 256,
     .head_count = 8,
     .kv_head_count = 2,
     .head_dim = 32,
     .ffn_dim = 512,
     .vocab_size = 131,
     .embd = DTYPE_Q4_K,
     .qk = DTYPE_Q4_K,
     .v = DTYPE_Q6_K,
     .o = DTYPE_Q4_K,
     .gate_up = DTYPE_Q4_K,
     .down = DTYPE_Q6_K,
     .output = DTYPE_Q6_K,
     .has_rope_factors = true},
    {.name = "qwen2, Q8_0 and Q4_0, biases",
     .arch = "qwen2",
     .seed = 3,
     .layer_count = 3,
     .embd_dim = 96,
     .head_count = 6,
     .kv_head_count = 1,
     .head_dim = 16,
     .ffn_dim = 160,
     .vocab_size = 97,
     .embd = DTYPE_F16,
     .qk = DTYPE_Q8_0,
     .v = DTYPE_Q4_0,
     .o = DTYPE_Q8_0,
     .gate_up = DTYPE_Q4_0,
     .down = DTYPE_Q8_0,
     .norms = DTYPE_F16,
     .output = DTYPE_F16,
     .has_biases = true},
    {.name = "qwen3, Q8_0, tied, yarn",
     .arch = "qwen3",
     .seed = 4,
     .layer_count = 2,
     .embd_dim = 128,
     .head_count = 4,
     .kv_head_count = 2,
     .head_dim = 64,
     .ffn_dim = 256,
     .vocab_size = 200,
     .embd = DTYPE_Q8_0,
     .qk = DTYPE_Q8_0,
     .v = DTYPE_Q8_0,
     .o = DTYPE_Q8_0,
     .gate_up = DTYPE_Q8_0,
     .down = DTYPE_Q8_0,
     .is_tied = true,
     .has_head_norms = true,
     .rope_factor = 4.0,
     .rope_scaling = "yarn"},
    {.name = "qwen3, BF16, F16, Q4_0, Q6_K and Q8_0 mixed, linear scaling",
     .arch = "qwen3",
     .seed = 5,
     .layer_count = 2,
     .embd_dim = 256,
     .head_count = 4,
     .kv_head_count = 4,
     .head_dim = 24,
     .ffn_dim = 512,
     .vocab_size = 80,
     .embd = DTYPE_Q6_K,
     .qk = DTYPE_BF16,
     .v = DTYPE_F16,
     .o = DTYPE_Q8_0,
     .gate_up = DTYPE_Q4_0,
     .down = DTYPE_Q4_K,
     .output = DTYPE_Q8_0,
     .norms = DTYPE_BF16,
     .has_head_norms = true,
     .rope_factor = 2.0,
     .rope_scaling = "linear"},
};
