/*
 * DeepSeek V2 and V3 (R1, V3.1), Kimi K2, GLM 4.7 Flash: multi-head latent attention in its
 * absorbed form, group-limited routing, a shared expert, dense layers first, YaRN.
 *
 * Keys and values of all heads are one latent vector c per token and one rotated key: a cached row
 * is [c | rotated key], values are its first kv_rank numbers. A head's query is moved into the
 * space of c by the head's matrix wk_b, what attention gives is moved back by wv_b. Older files
 * hold both in one matrix wkv_b (per head: rows of keys, then rows of values), which is used where
 * it lies.
 *
 * The blocks for speculation behind the layers are not run.
 */
#include "gguf/gguf.h"
#include "kernel/exact_math.h"
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/op.h"
#include "model/rope.h"
#include "model/shape_reader.h"
#include "model/weight_binder.h"

#include <inttypes.h>
#include <math.h>

#define NAME "deepseek2"

enum { SCRATCH_QUERY_LATENT, SCRATCH_HEADS };

enum { RANK_MAX = 1 << 14 };

/* The converter stores the multiplier of YaRN's logarithm times 0.1. */
static const double log_multiplier_unit = 0.1;

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static enum status read_latent(const struct shape_reader *reader, struct model_shape *s,
                               struct error *err)
{
    struct latent_shape *l = &s->latent;
    uint32_t key_dim = 0;
    TRY(shape_reader_number(reader, "attention.q_lora_rank", 0, RANK_MAX, &l->query_rank, err));
    TRY(shape_reader_count(reader, "attention.kv_lora_rank", 0, MODEL_HEAD_DIM_MAX, &l->kv_rank,
                           err));
    TRY(shape_reader_count(reader, "attention.key_length_mla", s->head_dim, MODEL_HEAD_DIM_MAX,
                           &key_dim, err));
    TRY(shape_reader_count(reader, "attention.value_length_mla", s->value_dim, MODEL_HEAD_DIM_MAX,
                           &l->value_dim, err));
    if (l->kv_rank % 2 != 0)
        return error_set(err, E_FORMAT, NAME ".attention.kv_lora_rank is %" PRIu32 " (odd)",
                         l->kv_rank);
    if (key_dim <= s->rope[0].dim)
        return error_set(err, E_FORMAT,
                         NAME ".attention.key_length_mla is %" PRIu32
                              "; it must be more than the %" PRIu32 " numbers that rotate",
                         key_dim, s->rope[0].dim);
    if (l->kv_rank + s->rope[0].dim > MODEL_HEAD_DIM_MAX)
        return error_set(err, E_LIMIT,
                         "keys of " NAME ".attention.kv_lora_rank + rope.dimension_count = %" PRIu32
                         " numbers (limit %d)",
                         l->kv_rank + s->rope[0].dim, MODEL_HEAD_DIM_MAX);
    l->still_dim = key_dim - s->rope[0].dim;
    return OK;
}

/* What attention sees after absorption: one key head, values inside the keys. */
static void absorb(struct model_shape *s)
{
    const struct latent_shape *l = &s->latent;
    const uint32_t heads = s->layers[0].head_count;
    const uint32_t key_dim = l->still_dim + s->rope[0].dim;
    s->head_dim = l->kv_rank + s->rope[0].dim;
    s->value_dim = l->kv_rank;
    s->values_in_keys = true;
    for (uint32_t i = 0; i < s->block_count; i++)
        s->layers[i].kv_head_count = 1;
    s->scratch_columns[SCRATCH_QUERY_LATENT] = l->query_rank;
    s->scratch_columns[SCRATCH_HEADS] = heads * larger(key_dim, l->value_dim);
}

/* The scale of scores: 1 / sqrt(key length) times the square of YaRN's magnitude, which these
 * models take out of the rotation. */
static void set_scale(struct model_shape *s)
{
    struct rope_shape *rope = &s->rope[0];
    const double key_dim = (double)s->latent.still_dim + rope->dim;
    const double multiplier = rope->log_multiplier / log_multiplier_unit;
    if (multiplier != 0)
        rope->log_multiplier = 1; /* the rotation's own magnitude is then 1 */
    double magnitude = rope_magnitude(rope);
    if (rope->scaling == ROPE_SCALING_YARN)
        magnitude *= 1.0 + 0.1 * multiplier * exact_math_log(rope->factor);
    s->attention_scale = (float)(magnitude * magnitude / sqrt(key_dim));
}

static enum status read_shape(const struct gguf *file, struct model_shape *s, struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = NAME};
    TRY(model_shape_read(file, NAME,
                         MODEL_SHAPE_EXPERTS | MODEL_SHAPE_NEXTN | MODEL_SHAPE_VALUE_DIM |
                             MODEL_SHAPE_TEMPERATURE,
                         s, err));
    TRY(read_latent(&reader, s, err));
    s->rope[0].style = ROPE_PAIRS;
    if (s->temperature_scale != 0)
        TRY(shape_reader_count(&reader, "attention.temperature_length", s->temperature_length,
                               MODEL_CONTEXT_MAX, &s->temperature_length, err));
    set_scale(s);
    absorb(s);
    char bias[64];
    snprintf(bias, sizeof(bias), "blk.%" PRIu32 ".exp_probs_b.bias", s->layer_count - 1);
    if (s->experts.scoring == EXPERT_SCORING_UNSET && gguf_find_tensor(file, bias))
        s->experts.scoring = EXPERT_SCORING_SIGMOID; /* V3 without the key */
    return model_shape_need_experts(s, NAME, err);
}

/* ---------------------------------------------------------------- tensors */

/* wk_b and wv_b, or views of wkv_b: per head the rows of keys (whose products are to be taken the
 * other way) and the rows of values. */
static enum status bind_heads(struct weight_binder *bind, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct latent_shape *l = &s->latent;
    struct latent_weights *w = &bind->model->layers[layer].latent;
    const uint32_t heads = s->layers[layer].head_count;
    const struct weight_binder_spec split[] = {
        {.name = "attn_k_b.weight",
         .matrix = &w->wk_b,
         .columns = l->still_dim,
         .rows = l->kv_rank,
         .slices = heads},
        {.name = "attn_v_b.weight",
         .matrix = &w->wv_b,
         .columns = l->kv_rank,
         .rows = l->value_dim,
         .slices = heads},
    };
    struct weight both = {0};
    const uint32_t rows = l->still_dim + l->value_dim;
    const struct weight_binder_spec whole = {.name = "attn_kv_b.weight",
                                             .matrix = &both,
                                             .columns = l->kv_rank,
                                             .rows = heads * rows,
                                             .is_optional = true};
    TRY(weight_binder_layer(bind, layer, &whole, 1, err));
    if (!both.data)
        return weight_binder_layer(bind, layer, split, 2, err);
    both.slice_count = heads;
    both.slice_bytes = rows * both.row_bytes;
    w->wk_b = w->wv_b = both;
    w->wk_b.row_count = l->still_dim;
    w->wv_b.id = bind->model->matrix_count++;
    w->wv_b.row_count = l->value_dim;
    w->wv_b.data += l->still_dim * both.row_bytes;
    w->is_transposed = true;
    return OK;
}

static enum status bind_attention(struct weight_binder *bind, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct latent_shape *l = &s->latent;
    struct model_layer *w = &bind->model->layers[layer];
    const uint32_t d = s->embd_dim;
    const uint32_t heads = s->layers[layer].head_count;
    const uint32_t q_dim = heads * (l->still_dim + s->rope[0].dim);
    const struct weight_binder_spec specs[] = {
        {.name = "attn_norm.weight", .vector = &w->attn_norm, .columns = d},
        {.name = "attn_kv_a_mqa.weight",
         .matrix = &w->latent.wkv_a,
         .columns = d,
         .rows = l->kv_rank + s->rope[0].dim},
        {.name = "attn_kv_a_norm.weight", .vector = &w->latent.kv_norm, .columns = l->kv_rank},
        {.name = "attn_output.weight",
         .matrix = &w->wo,
         .columns = heads * l->value_dim,
         .rows = d},
    };
    const struct weight_binder_spec whole_query = {
        .name = "attn_q.weight", .matrix = &w->wq, .columns = d, .rows = q_dim};
    const struct weight_binder_spec latent_query[] = {
        {.name = "attn_q_a.weight", .matrix = &w->latent.wq_a, .columns = d, .rows = l->query_rank},
        {.name = "attn_q_a_norm.weight", .vector = &w->latent.q_norm, .columns = l->query_rank},
        {.name = "attn_q_b.weight", .matrix = &w->wq, .columns = l->query_rank, .rows = q_dim},
    };
    TRY(weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err));
    if (l->query_rank)
        TRY(weight_binder_layer(bind, layer, latent_query, ARRAY_LEN(latent_query), err));
    else
        TRY(weight_binder_layer(bind, layer, &whole_query, 1, err));
    return bind_heads(bind, layer, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    TRY(weight_binder_outer(bind, false, err));
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++) {
        TRY(bind_attention(bind, layer, err));
        TRY(decoder_bind_ffn(bind, layer, DECODER_SELECTION_BIAS_OPTIONAL, err));
    }
    return OK;
}

/* ---------------------------------------------------------------- the step */

/* scratch[HEADS] = queries [rows][head_count][still_dim | rotating], f->k = [c | rotating key]. */
static void project(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct latent_shape *l = &model->shape.latent;
    const struct model_layer *w = &model->layers[layer];
    float *heads = f->scratch[SCRATCH_HEADS];
    float *query = f->scratch[SCRATCH_QUERY_LATENT];
    const struct op_product both[] = {
        {&w->latent.wkv_a, NULL, f->k},
        {l->query_rank ? &w->latent.wq_a : &w->wq, NULL, l->query_rank ? query : heads},
    };
    op_products(f, f->normed, both, ARRAY_LEN(both));
    if (l->query_rank == 0)
        return;
    op_norm_heads(f, op_heads(query, 1, l->query_rank), w->latent.q_norm);
    op_products(f, query, &(struct op_product){&w->wq, NULL, heads}, 1);
}

static void run_attention(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &model->shape;
    const struct latent_shape *l = &s->latent;
    const struct model_layer *w = &model->layers[layer];
    const uint32_t head_count = s->layers[layer].head_count;
    const uint32_t rotating = s->rope[0].dim;
    float *heads = f->scratch[SCRATCH_HEADS];

    op_norm(f, f->x, w->attn_norm, f->normed);
    project(model, f, layer);
    struct op_heads q = op_heads(heads, head_count, l->still_dim + rotating);
    struct op_heads k = op_heads(f->k, 1, s->head_dim);
    struct op_heads absorbed = op_heads(f->q, head_count, s->head_dim);
    k.head_dim = l->kv_rank;
    op_norm_heads(f, k, w->latent.kv_norm);
    op_rope(f, layer, op_heads_part(k, l->kv_rank, rotating));
    op_rope(f, layer, op_heads_part(q, l->still_dim, rotating));
    op_kv_store(f, layer);
    if (layer + 1 == s->layer_count)
        op_keep_wanted_rows(f, &(struct op_rows){heads, (size_t)q.head_count * q.head_dim}, 1);

    /* q' = [wk_b q | rotating part], o = wv_b (attention over [c | rotating key]) */
    op_head_products(f, &w->latent.wk_b, w->latent.is_transposed, op_heads_part(q, 0, l->still_dim),
                     op_heads_part(absorbed, 0, l->kv_rank));
    op_heads_copy(f, op_heads_part(q, l->still_dim, rotating),
                  op_heads_part(absorbed, l->kv_rank, rotating));
    op_temperature(f, absorbed);
    op_attend(f, layer);
    op_head_products(f, &w->latent.wv_b, false, op_heads(f->mixed, head_count, s->value_dim),
                     op_heads(heads, head_count, l->value_dim));
    op_product_add(f, heads, &w->wo, NULL, f->x);
}

static void run(const struct model *model, struct forward *f)
{
    decoder_embed(model, f);
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++) {
        run_attention(model, f, layer);
        decoder_run_ffn(model, f, layer);
    }
    decoder_finish(model, f);
}

const struct model_arch arch_deepseek2 = {
    .name = NAME,
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = run,
};
