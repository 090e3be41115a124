#include "model/model_shape.h"

#include "gguf/gguf.h"
#include "model/shape_reader.h"
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>

/* What the keys of one family are read with. */
struct reading {
    struct shape_reader reader;
    unsigned options; /* enum model_shape_option */
};

static bool has_option(const struct reading *r, enum model_shape_option option)
{
    return (r->options & option) != 0;
}

/* Options of other families: a value that would change the computation is refused by name. */
static enum status refuse_options(const struct reading *r, uint32_t context_length,
                                  struct error *err)
{
    static const struct {
        const char *name;
        unsigned option; /* that reads it */
    } real_options[] = {
        {"attention.clamp_kqv", 0},
        {"attention.max_alibi_bias", 0},
        {"attn_logit_softcapping", MODEL_SHAPE_SOFTCAPS},
        {"final_logit_softcapping", MODEL_SHAPE_SOFTCAPS},
        {"logit_scale", MODEL_SHAPE_SCALES},
        {"residual_scale", MODEL_SHAPE_SCALES},
        {"embedding_scale", MODEL_SHAPE_SCALES},
        {"attention.temperature_scale", MODEL_SHAPE_TEMPERATURE},
    };
    const struct shape_reader *reader = &r->reader;
    for (size_t i = 0; i < ARRAY_LEN(real_options); i++) {
        const struct shape_key key = shape_reader_key(reader, real_options[i].name);
        double value = 0;
        TRY(gguf_get_f64_or(reader->file, key.text, 0, &value, err));
        if (value != 0 && !(real_options[i].option & r->options))
            return error_set(err, E_UNSUPPORTED, "%s = %g: holt does not do this", key.text, value);
    }
    uint32_t window = 0;
    TRY(shape_reader_number(reader, "attention.sliding_window", 0, UINT32_MAX, &window, err));
    if (window != 0 && window < context_length && !has_option(r, MODEL_SHAPE_WINDOW))
        return error_set(err, E_UNSUPPORTED,
                         "%s.attention.sliding_window = %" PRIu32
                         ": attention in a window is not supported",
                         reader->arch, window);
    uint32_t expert_count = 0;
    TRY(shape_reader_number(reader, "expert_count", 0, UINT32_MAX, &expert_count, err));
    if (expert_count != 0 && !has_option(r, MODEL_SHAPE_EXPERTS))
        return error_set(err, E_UNSUPPORTED,
                         "%s.expert_count = %" PRIu32 ": a %s model with experts is not supported",
                         reader->arch, expert_count, reader->arch);
    return OK;
}

/* A number per layer: with MODEL_SHAPE_PER_LAYER any, else the same in all and not 0. */
static enum status read_layers(const struct reading *r, const char *name, uint32_t fallback,
                               uint32_t max, uint32_t *out, uint32_t block_count, struct error *err)
{
    if (has_option(r, MODEL_SHAPE_PER_LAYER))
        return shape_reader_per_block(&r->reader, name, fallback, max, out, block_count, err);
    uint32_t value = 0;
    TRY(shape_reader_count(&r->reader, name, fallback, max, &value, err));
    for (uint32_t i = 0; i < block_count; i++)
        out[i] = value;
    return OK;
}

static enum status read_head_dims(const struct reading *r, struct model_shape *s,
                                  uint32_t head_count, struct error *err)
{
    const struct shape_reader *reader = &r->reader;
    const uint32_t head_dim = head_count ? s->embd_dim / head_count : 0;
    TRY(shape_reader_count(reader, "attention.key_length", head_dim, MODEL_HEAD_DIM_MAX,
                           &s->head_dim, err));
    TRY(shape_reader_count(reader, "attention.value_length", s->head_dim, MODEL_HEAD_DIM_MAX,
                           &s->value_dim, err));
    if (s->value_dim != s->head_dim && !has_option(r, MODEL_SHAPE_VALUE_DIM))
        return error_set(err, E_UNSUPPORTED,
                         "%s.attention.key_length is %" PRIu32 " and value_length is %" PRIu32
                         ": holt needs the same length",
                         reader->arch, s->head_dim, s->value_dim);
    if (s->head_dim % 2 != 0)
        return error_set(err, E_FORMAT,
                         "%s.attention.key_length is %" PRIu32
                         ": an odd number of values cannot be rotated",
                         reader->arch, s->head_dim);
    double scale = 0;
    TRY(shape_reader_real(reader, "attention.scale", 0.0, 0.0, 1e3, &scale, err));
    s->attention_scale = (float)(scale != 0 ? scale : 1.0 / sqrt((double)s->head_dim));
    return OK;
}

static enum status read_heads(const struct reading *r, struct model_shape *s, struct error *err)
{
    uint32_t heads[MODEL_LAYERS_MAX];
    uint32_t kv_heads[MODEL_LAYERS_MAX];
    uint32_t most = 0;
    TRY(read_layers(r, "attention.head_count", 0, MODEL_HEADS_MAX, heads, s->block_count, err));
    for (uint32_t i = 0; i < s->block_count; i++)
        most = heads[i] > most ? heads[i] : most;
    TRY(read_layers(r, "attention.head_count_kv", most, MODEL_HEADS_MAX, kv_heads, s->block_count,
                    err));
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct layer_shape *layer = &s->layers[i];
        layer->head_count = heads[i];
        layer->kv_head_count = heads[i] ? kv_heads[i] : 0;
        layer->mixer = layer->kv_head_count ? LAYER_MIXER_ATTENTION : LAYER_MIXER_NONE;
        if (layer->kv_head_count && layer->head_count % layer->kv_head_count != 0)
            return error_set(err, E_FORMAT,
                             "%s.attention.head_count is %" PRIu32
                             ", which %s.attention.head_count_kv = %" PRIu32 " does not divide",
                             r->reader.arch, layer->head_count, r->reader.arch,
                             layer->kv_head_count);
    }
    return read_head_dims(r, s, most, err);
}

/* ---------------------------------------------------------------- rotation */

static enum status read_rope_scaling(const struct shape_reader *reader, struct rope_shape *rope,
                                     uint32_t context_length, struct error *err)
{
    const struct shape_key key = shape_reader_key(reader, "rope.scaling.type");
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
    TRY(shape_reader_real(reader, "rope.scale_linear", 0.0, 0.0, 1e6, &old_factor, err));
    TRY(shape_reader_real(reader, "rope.scaling.factor", old_factor, 0.0, 1e6, &rope->factor, err));
    if (rope->factor == 0)
        rope->factor = 1;
    TRY(shape_reader_count(reader, "rope.scaling.original_context_length", context_length,
                           MODEL_CONTEXT_MAX, &rope->original_context, err));
    if (rope->scaling != ROPE_SCALING_YARN)
        return OK;

    double yarn_attention_factor = 1;
    TRY(shape_reader_real(reader, "rope.scaling.yarn_ext_factor", -1, -1, 1, &rope->extrapolation,
                          err));
    if (rope->extrapolation < 0)
        rope->extrapolation = 1;
    TRY(shape_reader_real(reader, "rope.scaling.attn_factor", 1, 0, 1e3, &rope->attention_factor,
                          err));
    TRY(shape_reader_real(reader, "rope.scaling.yarn_attn_factor", 1, 0, 1e3,
                          &yarn_attention_factor, err));
    rope->attention_factor *= yarn_attention_factor;
    TRY(shape_reader_real(reader, "rope.scaling.yarn_log_multiplier", 0, 0, 1e3,
                          &rope->log_multiplier, err));
    TRY(shape_reader_real(reader, "rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6, &rope->beta_fast,
                          err));
    return shape_reader_real(reader, "rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6, &rope->beta_slow,
                             err);
}

static enum status read_rope(const struct reading *r, struct model_shape *s, struct error *err)
{
    struct rope_shape *rope = &s->rope[0];
    const struct shape_reader *reader = &r->reader;
    TRY(shape_reader_count(reader, "rope.dimension_count", s->head_dim, MODEL_HEAD_DIM_MAX,
                           &rope->dim, err));
    if (rope->dim > s->head_dim || rope->dim % 2 != 0)
        return error_set(err, E_FORMAT,
                         "%s.rope.dimension_count is %" PRIu32 " (even, at most %" PRIu32 ")",
                         reader->arch, rope->dim, s->head_dim);
    TRY(shape_reader_real(reader, "rope.freq_base", 10000.0, 1.0, 1e15, &rope->base, err));
    s->rope_count = 1;
    return read_rope_scaling(reader, rope, s->context_length, err);
}

/* ---------------------------------------------------------------- feed-forward */

static enum status read_expert_groups(const struct shape_reader *reader, struct experts_shape *e,
                                      struct error *err)
{
    TRY(shape_reader_number(reader, "expert_group_count", 1, MODEL_EXPERTS_MAX, &e->group_count,
                            err));
    TRY(shape_reader_number(reader, "expert_group_used_count", 1, MODEL_EXPERTS_MAX,
                            &e->group_used_count, err));
    if (e->group_count <= 1) {
        e->group_count = e->group_used_count = 1;
        return OK;
    }
    if (e->count % e->group_count != 0 || e->count / e->group_count < 2)
        return error_set(err, E_FORMAT,
                         "%s.expert_group_count is %" PRIu32 ": %" PRIu32
                         " experts cannot form so many groups of two or more",
                         reader->arch, e->group_count, e->count);
    if (e->group_used_count == 0 || e->group_used_count > e->group_count ||
        e->group_used_count * (e->count / e->group_count) < e->used_count)
        return error_set(err, E_FORMAT,
                         "%s.expert_group_used_count is %" PRIu32 ": with %" PRIu32
                         " groups of %" PRIu32 " experts, %" PRIu32 " are to be chosen",
                         reader->arch, e->group_used_count, e->group_count,
                         e->count / e->group_count, e->used_count);
    return OK;
}

static enum status read_experts(const struct shape_reader *reader, struct experts_shape *e,
                                struct error *err)
{
    TRY(shape_reader_number(reader, "expert_count", 0, MODEL_EXPERTS_MAX, &e->count, err));
    if (e->count == 0)
        return OK;
    TRY(shape_reader_count(reader, "expert_used_count", 0, e->count, &e->used_count, err));
    TRY(shape_reader_number(reader, "expert_feed_forward_length", 0, MODEL_FFN_MAX, &e->ffn_dim,
                            err));
    uint32_t shared_count = 0;
    TRY(shape_reader_number(reader, "expert_shared_count", 0, MODEL_EXPERTS_MAX, &shared_count,
                            err));
    TRY(shape_reader_number(reader, "expert_shared_feed_forward_length", shared_count * e->ffn_dim,
                            MODEL_FFN_MAX, &e->shared_ffn_dim, err));
    TRY(read_expert_groups(reader, e, err));
    uint32_t scoring = 0;
    TRY(shape_reader_number(reader, "expert_gating_func", 0, UINT32_MAX, &scoring, err));
    if (scoring > EXPERT_SCORING_SOFTMAX_OF_SELECTED)
        return error_set(err, E_UNSUPPORTED, "%s.expert_gating_func is %" PRIu32 " (0 to %d)",
                         reader->arch, scoring, (int)EXPERT_SCORING_SOFTMAX_OF_SELECTED);
    e->scoring = (enum expert_scoring)scoring;
    double scale = 0;
    TRY(shape_reader_flag(reader, "expert_weights_norm", false, &e->normalizes, err));
    TRY(shape_reader_real(reader, "expert_weights_scale", 0, 0, 1e6, &scale, err));
    e->scale = scale != 0 ? (float)scale : 1.0f;
    return OK;
}

/* Which layers have experts, and the sizes of the others. */
static enum status read_feed_forward(const struct reading *r, struct model_shape *s,
                                     struct error *err)
{
    const struct shape_reader *reader = &r->reader;
    uint32_t sizes[MODEL_LAYERS_MAX] = {0};
    uint32_t dense_count = 0;
    if (has_option(r, MODEL_SHAPE_EXPERTS))
        TRY(read_experts(reader, &s->experts, err));
    TRY(shape_reader_number(reader, "leading_dense_block_count", 0, MODEL_LAYERS_MAX, &dense_count,
                            err));
    const bool has_experts = s->experts.count > 0;
    if (!has_experts || dense_count > 0)
        TRY(read_layers(r, "feed_forward_length", 0, MODEL_FFN_MAX, sizes, s->block_count, err));
    else /* of use only to Mixtral; others may leave it out */
        TRY(shape_reader_per_block(reader, "feed_forward_length", 0, MODEL_FFN_MAX, sizes,
                                   s->block_count, err));
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct layer_shape *layer = &s->layers[i];
        layer->ffn = sizes[i] ? LAYER_FFN_DENSE : LAYER_FFN_NONE;
        if (has_experts && i >= dense_count)
            layer->ffn = LAYER_FFN_EXPERTS;
        layer->ffn_dim = layer->ffn == LAYER_FFN_DENSE ? sizes[i] : 0;
    }
    if (has_experts && s->experts.ffn_dim == 0) /* Mixtral: one size for all */
        s->experts.ffn_dim = sizes[0];
    if (has_experts && s->experts.ffn_dim == 0)
        return error_set(err, E_FORMAT,
                         "the model file lacks the number "
                         "%s.expert_feed_forward_length",
                         reader->arch);
    return OK;
}

/* The vocabulary is as large as the embedding table; a tokenizer may fill less of it. */
static enum status read_vocab_size(const struct shape_reader *reader, struct model_shape *s,
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
    struct shape_key key = shape_reader_key(reader, "vocab_size");
    TRY(gguf_get_u64_or(reader->file, key.text, rows, &claimed, err));
    if (claimed == 0 || claimed > rows)
        return error_set(err, E_FORMAT,
                         "%s is %" PRIu64 ", but token_embd.weight has %" PRIu64 " rows", key.text,
                         claimed, rows);
    struct gguf_array tokens;
    TRY(gguf_get_array_or(reader->file, "tokenizer.ggml.tokens", GGUF_ARRAY_STR, &tokens, err));
    if (tokens.count > rows)
        return error_set(err, E_FORMAT,
                         "tokenizer.ggml.tokens has %zu tokens, but token_embd.weight has %" PRIu64
                         " rows",
                         tokens.count, rows);
    return OK;
}

static enum status read_sizes(const struct reading *r, struct model_shape *s, struct error *err)
{
    const struct shape_reader *reader = &r->reader;
    uint32_t nextn_count = 0;
    TRY(shape_reader_count(reader, "block_count", 0, MODEL_LAYERS_MAX, &s->block_count, err));
    if (has_option(r, MODEL_SHAPE_NEXTN))
        TRY(shape_reader_number(reader, "nextn_predict_layers", 0, s->block_count - 1, &nextn_count,
                                err));
    s->layer_count = s->block_count - nextn_count;
    TRY(shape_reader_count(reader, "context_length", 0, MODEL_CONTEXT_MAX, &s->context_length,
                           err));
    return shape_reader_count(reader, "embedding_length", 0, MODEL_EMBD_MAX, &s->embd_dim, err);
}

/* A factor that is 1 when its key is missing or 0. */
static enum status read_scale(const struct reading *r, const char *name, float *out,
                              struct error *err)
{
    double value = 0;
    TRY(shape_reader_real(&r->reader, name, 0, 0, 1e6, &value, err));
    *out = value != 0 ? (float)value : 1.0f;
    return OK;
}

static enum status read_scales(const struct reading *r, struct model_shape *s, struct error *err)
{
    s->embedding_scale = s->residual_scale = s->logit_scale = 1.0f;
    if (has_option(r, MODEL_SHAPE_SCALES)) {
        TRY(read_scale(r, "embedding_scale", &s->embedding_scale, err));
        TRY(read_scale(r, "residual_scale", &s->residual_scale, err));
        TRY(read_scale(r, "logit_scale", &s->logit_scale, err));
    }
    if (has_option(r, MODEL_SHAPE_SOFTCAPS)) {
        double attention = 0;
        double logits = 0;
        TRY(shape_reader_real(&r->reader, "attn_logit_softcapping", 0, 0, 1e6, &attention, err));
        TRY(shape_reader_real(&r->reader, "final_logit_softcapping", 0, 0, 1e6, &logits, err));
        s->attention_softcap = (float)attention;
        s->logit_softcap = (float)logits;
    }
    if (has_option(r, MODEL_SHAPE_TEMPERATURE)) {
        TRY(shape_reader_real(&r->reader, "attention.temperature_scale", 0, -1e3, 1e3,
                              &s->temperature_scale, err));
        s->temperature_length = s->rope[0].original_context;
    }
    return OK;
}

static enum status read_epsilon(const struct reading *r, struct model_shape *s, struct error *err)
{
    const struct shape_key key = shape_reader_key(
        &r->reader, has_option(r, MODEL_SHAPE_LAYER_NORM) ? "attention.layer_norm_epsilon"
                                                          : "attention.layer_norm_rms_epsilon");
    double epsilon = 0;
    TRY(gguf_get_f64_or(r->reader.file, key.text, 0, &epsilon, err));
    s->norm_epsilon = (float)epsilon;
    if (!(s->norm_epsilon > 0 && s->norm_epsilon < 1))
        return error_set(err, E_FORMAT, "%s is missing or not between 0 and 1 (%g)", key.text,
                         epsilon);
    return OK;
}

/* What the file says of embeddings and classes. */
static enum status read_embedding(const struct reading *r, struct model_shape *s, struct error *err)
{
    bool is_causal = true;
    uint32_t pooling = 0;
    TRY(shape_reader_flag(&r->reader, "attention.causal", true, &is_causal, err));
    s->sees_all = !is_causal;
    TRY(shape_reader_number(&r->reader, "pooling_type", 0, UINT32_MAX, &pooling, err));
    if (pooling > MODEL_POOLING_RANK)
        return error_set(err, E_UNSUPPORTED, "%s.pooling_type is %" PRIu32 " (0 to %d are known)",
                         r->reader.arch, pooling, (int)MODEL_POOLING_RANK);
    s->embedding.pooling = (enum model_pooling)pooling;
    s->embedding.dim = s->embd_dim;
    return OK;
}

enum status model_shape_read(const struct gguf *file, const char *arch, unsigned options,
                             struct model_shape *out, struct error *err)
{
    const struct reading r = {.reader = {.file = file, .arch = arch}, .options = options};
    *out = (struct model_shape){0};
    TRY(read_sizes(&r, out, err));
    TRY(refuse_options(&r, out->context_length, err));
    TRY(read_feed_forward(&r, out, err));
    TRY(read_heads(&r, out, err));
    TRY(read_rope(&r, out, err));
    TRY(read_scales(&r, out, err));
    TRY(read_epsilon(&r, out, err));
    TRY(read_embedding(&r, out, err));
    return read_vocab_size(&r.reader, out, err);
}

/* ---------------------------------------------------------------- what families add */

/* Which layers attend in a window: flags, or a period. */
static enum status read_window_pattern(const struct shape_reader *reader, uint32_t period,
                                       uint32_t window, struct model_shape *s, struct error *err)
{
    static const char *const name = "attention.sliding_window_pattern";
    struct gguf_array flags = {0};
    const struct shape_key key = shape_reader_key(reader, name);
    const bool has_flags =
        gguf_has(reader->file, key.text) &&
        gguf_get_array(reader->file, key.text, GGUF_ARRAY_INT, &flags, NULL) == OK;
    if (has_flags && flags.count < s->layer_count)
        return error_set(err, E_FORMAT, "%s has %zu values for %" PRIu32 " layers", key.text,
                         flags.count, s->layer_count);
    if (!has_flags)
        TRY(shape_reader_number(reader, name, period, MODEL_LAYERS_MAX, &period, err));
    for (uint32_t i = 0; i < s->layer_count; i++) {
        const bool is_windowed =
            has_flags ? gguf_array_i64(&flags, i) != 0 : period == 0 || i % period != period - 1;
        s->layers[i].window = is_windowed ? window : 0;
    }
    return OK;
}

enum status model_shape_windows(const struct gguf *file, const char *arch, uint32_t period,
                                double window_base, struct model_shape *s, struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = arch};
    const double base = s->rope[0].base;
    uint32_t window = 0;
    TRY(shape_reader_number(&reader, "attention.sliding_window", 0, UINT32_MAX, &window, err));
    if (window == 0)
        return OK;
    TRY(read_window_pattern(&reader, period, window, s, err));
    struct rope_shape *rope = &s->rope[1];
    *rope = s->rope[0];
    TRY(shape_reader_real(&reader, "rope.freq_base_swa", window_base != 0 ? window_base : base, 1.0,
                          1e15, &rope->base, err));
    if (window_base != 0)
        rope->scaling = ROPE_SCALING_NONE;
    else if (rope->base == base)
        return OK;
    s->rope_count = 2;
    for (uint32_t i = 0; i < s->layer_count; i++)
        s->layers[i].rope = s->layers[i].window ? 1 : 0;
    return OK;
}

enum status model_shape_need_experts(const struct model_shape *s, const char *arch,
                                     struct error *err)
{
    if (s->experts.count == 0)
        return error_set(err, E_FORMAT, "the model file lacks the number %s.expert_count", arch);
    return OK;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

enum status model_shape_finish(struct model_shape *s, const char *arch, struct error *err)
{
    s->head_count_max = s->kv_head_count_max = s->kv_layer_count = 0;
    s->recurrent.layer_count = 0;
    s->ffn_dim_max = s->experts.shared_ffn_dim;
    if (s->experts.scoring == EXPERT_SCORING_UNSET)
        s->experts.scoring = EXPERT_SCORING_SOFTMAX;
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct layer_shape *layer = &s->layers[i];
        s->ffn_dim_max = larger(s->ffn_dim_max, layer->ffn_dim);
        if (layer->mixer == LAYER_MIXER_RECURRENT)
            layer->recurrent_layer = s->recurrent.layer_count++;
        if (layer->mixer != LAYER_MIXER_ATTENTION)
            continue;
        s->head_count_max = larger(s->head_count_max, layer->head_count);
        s->kv_head_count_max = larger(s->kv_head_count_max, layer->kv_head_count);
        layer->kv_layer = s->kv_layer_count++;
    }
    for (size_t i = 0; i < MODEL_SCRATCH_MAX; i++)
        if (s->scratch_columns[i] > MODEL_SCRATCH_COLUMNS_MAX)
            return error_set(err, E_LIMIT,
                             "a layer of this %s model computes %" PRIu32
                             " numbers for a token (limit %d)",
                             arch, s->scratch_columns[i], MODEL_SCRATCH_COLUMNS_MAX);
    return OK;
}
