#include "model/model_shape.h"

#include "gguf/gguf.h"
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { KEY_LEN_MAX = 128 };

/* Reads keys of one family: "<arch>.<name>". */
struct key_reader {
    const struct gguf *file;
    const char *arch;
};

struct key {
    char text[KEY_LEN_MAX];
};

static struct key key_of(const struct key_reader *reader, const char *name)
{
    struct key key;
    snprintf(key.text, sizeof(key.text), "%s.%s", reader->arch, name);
    return key;
}

/* A number that may also be stored as an array with one value per layer, if all are equal. */
static enum status read_uniform(const struct key_reader *reader, const char *key, uint64_t *out,
                                struct error *err)
{
    const enum status status = gguf_get_u64(reader->file, key, out, err);
    struct gguf_array array;
    if (status != E_FORMAT ||
        gguf_get_array(reader->file, key, GGUF_ARRAY_INT, &array, NULL) != OK || array.count == 0)
        return status;
    const int64_t first = gguf_array_i64(&array, 0);
    for (size_t i = 1; i < array.count; i++)
        if (gguf_array_i64(&array, i) != first)
            return error_set(err, E_UNSUPPORTED,
                             "%s differs between layers (%" PRId64 ", %" PRId64
                             "); holt needs it to be the same in all",
                             key, first, gguf_array_i64(&array, i));
    if (first < 0)
        return error_set(err, E_FORMAT, "%s is %" PRId64, key, first);
    *out = (uint64_t)first;
    return OK;
}

/* An integer in [1, max]. With `fallback` 0 the key must be there. */
static enum status read_count(const struct key_reader *reader, const char *name, uint64_t fallback,
                              uint32_t max, uint32_t *out, struct error *err)
{
    const struct key key = key_of(reader, name);
    uint64_t value = fallback;
    if (gguf_has(reader->file, key.text))
        TRY(read_uniform(reader, key.text, &value, err));
    else if (fallback == 0)
        return error_set(err, E_FORMAT, "the model file lacks the number %s", key.text);
    if (value == 0)
        return error_set(err, E_FORMAT, "%s is 0", key.text);
    if (value > max)
        return error_set(err, E_LIMIT, "%s is %" PRIu64 " (limit %" PRIu32 ")", key.text, value,
                         max);
    *out = (uint32_t)value;
    return OK;
}

/* A finite number in [min, max]. */
static enum status read_real(const struct key_reader *reader, const char *name, double fallback,
                             double min, double max, double *out, struct error *err)
{
    const struct key key = key_of(reader, name);
    double value = fallback;
    TRY(gguf_get_f64_or(reader->file, key.text, fallback, &value, err));
    if (!(value >= min && value <= max)) /* also NaN */
        return error_set(err, E_FORMAT, "%s is %g (%g to %g)", key.text, value, min, max);
    *out = value;
    return OK;
}

/* Options of other families: a value that would change the computation is refused by name. */
static enum status refuse_options(const struct key_reader *reader, uint32_t context_length,
                                  struct error *err)
{
    static const char *const real_options[] = {
        "attention.clamp_kqv",
        "attention.max_alibi_bias",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "logit_scale",
        "residual_scale",
        "embedding_scale",
        "attention.temperature_scale",
    };
    for (size_t i = 0; i < ARRAY_LEN(real_options); i++) {
        const struct key key = key_of(reader, real_options[i]);
        double value = 0;
        TRY(gguf_get_f64_or(reader->file, key.text, 0, &value, err));
        if (value != 0)
            return error_set(err, E_UNSUPPORTED, "%s = %g: holt does not do this", key.text, value);
    }
    struct key key = key_of(reader, "attention.causal");
    bool is_causal = true;
    TRY(gguf_get_bool_or(reader->file, key.text, true, &is_causal, err));
    if (!is_causal)
        return error_set(err, E_UNSUPPORTED, "%s is false: holt runs models that write text",
                         key.text);
    key = key_of(reader, "attention.sliding_window");
    uint64_t window = 0;
    if (gguf_has(reader->file, key.text))
        TRY(read_uniform(reader, key.text, &window, err));
    if (window != 0 && window < context_length)
        return error_set(err, E_UNSUPPORTED,
                         "%s = %" PRIu64 ": attention in a window is not supported", key.text,
                         window);
    key = key_of(reader, "expert_count");
    uint64_t expert_count = 0;
    if (gguf_has(reader->file, key.text))
        TRY(read_uniform(reader, key.text, &expert_count, err));
    if (expert_count != 0)
        return error_set(err, E_UNSUPPORTED,
                         "%s = %" PRIu64 ": mixtures of experts are not supported yet", key.text,
                         expert_count);
    return OK;
}

static enum status read_heads(const struct key_reader *reader, struct model_shape *s,
                              struct error *err)
{
    TRY(read_count(reader, "attention.head_count", 0, MODEL_HEADS_MAX, &s->head_count, err));
    TRY(read_count(reader, "attention.head_count_kv", s->head_count, MODEL_HEADS_MAX,
                   &s->kv_head_count, err));
    if (s->head_count % s->kv_head_count != 0)
        return error_set(err, E_FORMAT,
                         "%" PRIu32 " query heads cannot be shared by %" PRIu32 " key heads",
                         s->head_count, s->kv_head_count);
    const uint32_t head_dim = s->embd_dim / s->head_count;
    uint32_t value_dim = 0;
    TRY(read_count(reader, "attention.key_length", head_dim, MODEL_HEAD_DIM_MAX, &s->head_dim,
                   err));
    TRY(read_count(reader, "attention.value_length", s->head_dim, MODEL_HEAD_DIM_MAX, &value_dim,
                   err));
    if (value_dim != s->head_dim)
        return error_set(err, E_UNSUPPORTED,
                         "keys of %" PRIu32 " and values of %" PRIu32
                         " numbers: holt needs the same length",
                         s->head_dim, value_dim);
    if (s->head_dim % 2 != 0)
        return error_set(err, E_FORMAT, "heads of %" PRIu32 " numbers cannot be rotated (odd)",
                         s->head_dim);
    double scale = 0;
    TRY(read_real(reader, "attention.scale", 0.0, 0.0, 1e3, &scale, err));
    s->attention_scale = (float)(scale != 0 ? scale : 1.0 / sqrt((double)s->head_dim));
    return OK;
}

static enum status read_rope_scaling(const struct key_reader *reader, struct rope_shape *rope,
                                     uint32_t context_length, struct error *err)
{
    const struct key key = key_of(reader, "rope.scaling.type");
    struct str type;
    TRY(gguf_get_str_or(reader->file, key.text, STR("linear"), &type, err));
    if (str_equal_c(type, "linear"))
        rope->scaling = ROPE_SCALING_LINEAR;
    else if (str_equal_c(type, "yarn"))
        rope->scaling = ROPE_SCALING_YARN;
    else if (str_equal_c(type, "none"))
        rope->scaling = ROPE_SCALING_NONE;
    else
        return error_set(err, E_UNSUPPORTED, "%s is '%.*s': holt knows none, linear and yarn",
                         key.text, STR_ARG(str_slice(type, 0, 40)));
    double old_factor = 0;
    TRY(read_real(reader, "rope.scale_linear", 0.0, 0.0, 1e6, &old_factor, err));
    TRY(read_real(reader, "rope.scaling.factor", old_factor, 0.0, 1e6, &rope->factor, err));
    if (rope->factor == 0)
        rope->factor = 1;
    TRY(read_count(reader, "rope.scaling.original_context_length", context_length,
                   MODEL_CONTEXT_MAX, &rope->original_context, err));
    if (rope->scaling != ROPE_SCALING_YARN)
        return OK;

    double yarn_attention_factor = 1;
    TRY(read_real(reader, "rope.scaling.yarn_ext_factor", -1, -1, 1, &rope->extrapolation, err));
    if (rope->extrapolation < 0)
        rope->extrapolation = 1;
    TRY(read_real(reader, "rope.scaling.attn_factor", 1, 0, 1e3, &rope->attention_factor, err));
    TRY(read_real(reader, "rope.scaling.yarn_attn_factor", 1, 0, 1e3, &yarn_attention_factor, err));
    rope->attention_factor *= yarn_attention_factor;
    TRY(read_real(reader, "rope.scaling.yarn_log_multiplier", 0, 0, 1e3, &rope->log_multiplier,
                  err));
    TRY(read_real(reader, "rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6, &rope->beta_fast, err));
    return read_real(reader, "rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6, &rope->beta_slow, err);
}

static enum status read_rope(const struct key_reader *reader, struct model_shape *s,
                             struct error *err)
{
    TRY(read_count(reader, "rope.dimension_count", s->head_dim, MODEL_HEAD_DIM_MAX, &s->rope.dim,
                   err));
    if (s->rope.dim > s->head_dim || s->rope.dim % 2 != 0)
        return error_set(err, E_FORMAT,
                         "%s.rope.dimension_count is %" PRIu32 " (even, at most %" PRIu32 ")",
                         reader->arch, s->rope.dim, s->head_dim);
    TRY(read_real(reader, "rope.freq_base", 10000.0, 1.0, 1e15, &s->rope.base, err));
    return read_rope_scaling(reader, &s->rope, s->context_length, err);
}

/* The vocabulary is as large as the embedding table; a tokenizer may fill less of it. */
static enum status read_vocab_size(const struct key_reader *reader, struct model_shape *s,
                                   struct error *err)
{
    const struct tensor *table = gguf_find_tensor(reader->file, "token_embd.weight");
    if (!table)
        return error_set(err, E_FORMAT, "the model file lacks the tensor token_embd.weight");
    const uint64_t rows = tensor_row_count(table);
    if (rows > MODEL_VOCAB_MAX)
        return error_set(err, E_LIMIT, "%" PRIu64 " tokens in token_embd.weight (limit %d)", rows,
                         MODEL_VOCAB_MAX);
    s->vocab_size = (uint32_t)rows;
    uint64_t claimed = 0;
    struct key key = key_of(reader, "vocab_size");
    TRY(gguf_get_u64_or(reader->file, key.text, rows, &claimed, err));
    if (claimed > rows)
        return error_set(err, E_FORMAT,
                         "%s is %" PRIu64 ", but token_embd.weight has %" PRIu64 " rows", key.text,
                         claimed, rows);
    struct gguf_array tokens;
    TRY(gguf_get_array_or(reader->file, "tokenizer.ggml.tokens", GGUF_ARRAY_STR, &tokens, err));
    if (tokens.count > rows)
        return error_set(err, E_FORMAT,
                         "the tokenizer has %zu tokens, but token_embd.weight has %" PRIu64 " rows",
                         tokens.count, rows);
    return OK;
}

enum status model_shape_read(const struct gguf *file, const char *arch, struct model_shape *out,
                             struct error *err)
{
    const struct key_reader reader = {.file = file, .arch = arch};
    struct model_shape s = {0};
    TRY(read_count(&reader, "block_count", 0, MODEL_LAYERS_MAX, &s.layer_count, err));
    TRY(read_count(&reader, "context_length", 0, MODEL_CONTEXT_MAX, &s.context_length, err));
    TRY(read_count(&reader, "embedding_length", 0, MODEL_EMBD_MAX, &s.embd_dim, err));
    TRY(refuse_options(&reader, s.context_length, err));
    TRY(read_count(&reader, "feed_forward_length", 0, MODEL_FFN_MAX, &s.ffn_dim, err));
    TRY(read_heads(&reader, &s, err));
    TRY(read_rope(&reader, &s, err));
    struct key key = key_of(&reader, "attention.layer_norm_rms_epsilon");
    double epsilon = 0;
    TRY(gguf_get_f64_or(file, key.text, 0, &epsilon, err));
    s.norm_epsilon = (float)epsilon;
    if (!(s.norm_epsilon > 0 && s.norm_epsilon < 1))
        return error_set(err, E_FORMAT, "%s is missing or not between 0 and 1 (%g)", key.text,
                         epsilon);
    TRY(read_vocab_size(&reader, &s, err));
    *out = s;
    return OK;
}
