/*
 * BERT and its relatives: encoders, whose tokens see the whole text. Layer norms stand behind each
 * half instead of before it:
 *   x = norm(token + segment + position),
 *   x = norm(x + wo * attend(wq x, wk x, wv x)),  x = norm(x + feed_forward(x)).
 * BERT adds a table of positions and has biases and a plain GELU part; Nomic's rotates (halves) and
 * has a gated SiLU part. Q, K and V may lie in one tensor.
 *
 * Of model_layer, attn_norm and ffn_norm are the norms behind the halves.
 */
#include "gguf/gguf.h"
#include "model/arch_list.h"
#include "model/model.h"
#include "model/op.h"
#include "model/shape_reader.h"
#include "model/weight_binder.h"

static enum status read_shape(const struct gguf *file, const char *arch, bool rotates,
                              struct model_shape *shape, struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = arch};
    uint32_t sparse_period = 0;
    bool is_causal = false;
    TRY(model_shape_read(file, arch, MODEL_SHAPE_LAYER_NORM, shape, err));
    TRY(shape_reader_flag(&reader, "attention.causal", false, &is_causal, err));
    shape->sees_all = !is_causal;
    TRY(shape_reader_number(&reader, "moe_every_n_layers", 0, UINT32_MAX, &sparse_period, err));
    if (sparse_period != 0)
        return error_set(err, E_UNSUPPORTED, "%s.moe_every_n_layers: holt does not do this", arch);
    for (uint32_t i = 0; i < shape->block_count && !rotates; i++)
        shape->layers[i].rope = LAYER_ROPE_NONE;
    return OK;
}

static enum status read_bert(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(read_shape(file, "bert", false, shape, err));
    shape->activation = FFN_GELU;
    return OK;
}

static enum status read_nomic(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(read_shape(file, "nomic-bert", true, shape, err));
    shape->activation = FFN_SILU_GATED;
    return OK;
}

/* ---------------------------------------------------------------- tensors */

static enum status bind_input(struct weight_binder *bind, bool has_positions, struct error *err)
{
    struct model *model = bind->model;
    struct input_weights *input = &model->input;
    const struct model_shape *s = &model->shape;
    const struct tensor *segments = gguf_find_tensor(bind->file, "token_types.weight");
    if (segments && segments->dims[1] > MODEL_SEGMENTS_MAX)
        return error_set(err, E_LIMIT, "token_types.weight has more than %d rows",
                         MODEL_SEGMENTS_MAX);
    input->segment_count = segments ? (uint32_t)segments->dims[1] : 1;
    const struct weight_binder_spec specs[] = {
        {.name = "token_embd.weight",
         .matrix = &model->token_embd,
         .columns = s->embd_dim,
         .rows = s->vocab_size},
        {.name = "token_types.weight",
         .vector = &input->segments,
         .columns = s->embd_dim,
         .rows = input->segment_count,
         .is_optional = true},
        {.name = "token_embd_norm.weight", .vector = &input->norm, .columns = s->embd_dim},
        {.name = "token_embd_norm.bias", .vector = &input->norm_bias, .columns = s->embd_dim},
        {.name = "position_embd.weight",
         .vector = &input->positions,
         .columns = s->embd_dim,
         .rows = s->context_length},
    };
    const size_t count = ARRAY_LEN(specs) - (has_positions ? 0 : 1);
    for (size_t i = 0; i < count; i++)
        TRY(weight_binder_named(bind, &specs[i], err));
    return OK;
}

/* Q, K and V in one tensor, or apart. */
static enum status bind_projections(struct weight_binder *bind, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    struct model_layer *w = &bind->model->layers[layer];
    const uint32_t d = s->embd_dim;
    const uint32_t q_dim = s->layers[layer].head_count * s->head_dim;
    const uint32_t kv_dim = s->layers[layer].kv_head_count * s->head_dim;
    const float *biases = NULL;
    struct weight all = {0};
    const struct weight_binder_spec fused[] = {
        {.name = "attn_qkv.weight",
         .matrix = &all,
         .columns = d,
         .rows = q_dim + 2 * kv_dim,
         .is_optional = true},
        {.name = "attn_qkv.bias",
         .vector = &biases,
         .columns = q_dim + 2 * kv_dim,
         .is_optional = true},
    };
    TRY(weight_binder_layer(bind, layer, fused, ARRAY_LEN(fused), err));
    if (!all.data) {
        const struct weight_binder_spec apart[] = {
            {.name = "attn_q.weight", .matrix = &w->wq, .columns = d, .rows = q_dim},
            {.name = "attn_k.weight", .matrix = &w->wk, .columns = d, .rows = kv_dim},
            {.name = "attn_v.weight", .matrix = &w->wv, .columns = d, .rows = kv_dim},
            {.name = "attn_q.bias", .vector = &w->bq, .columns = q_dim, .is_optional = true},
            {.name = "attn_k.bias", .vector = &w->bk, .columns = kv_dim, .is_optional = true},
            {.name = "attn_v.bias", .vector = &w->bv, .columns = kv_dim, .is_optional = true},
        };
        return weight_binder_layer(bind, layer, apart, ARRAY_LEN(apart), err);
    }
    w->wq = w->wk = w->wv = all;
    w->wq.row_count = q_dim;
    w->wk.id = bind->model->matrix_count++;
    w->wv.id = bind->model->matrix_count++;
    w->wk.row_count = w->wv.row_count = kv_dim;
    w->wk.data += q_dim * all.row_bytes;
    w->wv.data += ((size_t)q_dim + kv_dim) * all.row_bytes;
    w->bq = biases;
    w->bk = biases ? biases + q_dim : NULL;
    w->bv = biases ? biases + q_dim + kv_dim : NULL;
    return OK;
}

static enum status bind_layer(struct weight_binder *bind, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    struct model_layer *w = &bind->model->layers[layer];
    const uint32_t d = s->embd_dim;
    const uint32_t n = s->layers[layer].ffn_dim;
    const uint32_t mixed_dim = s->layers[layer].head_count * s->value_dim;
    TRY(bind_projections(bind, layer, err));
    const struct weight_binder_spec specs[] = {
        {.name = "attn_output.weight", .matrix = &w->wo, .columns = mixed_dim, .rows = d},
        {.name = "attn_output.bias", .vector = &w->bo, .columns = d, .is_optional = true},
        {.name = "attn_output_norm.weight", .vector = &w->attn_norm, .columns = d},
        {.name = "attn_output_norm.bias", .vector = &w->attn_norm_bias, .columns = d},
        {.name = "ffn_up.weight", .matrix = &w->ffn.up, .columns = d, .rows = n},
        {.name = "ffn_up.bias", .vector = &w->ffn.up_bias, .columns = n, .is_optional = true},
        {.name = "ffn_down.weight", .matrix = &w->ffn.down, .columns = n, .rows = d},
        {.name = "ffn_down.bias", .vector = &w->ffn.down_bias, .columns = d, .is_optional = true},
        {.name = "layer_output_norm.weight", .vector = &w->ffn_norm, .columns = d},
        {.name = "layer_output_norm.bias", .vector = &w->ffn_norm_bias, .columns = d},
        {.name = "ffn_gate.weight", .matrix = &w->ffn.gate, .columns = d, .rows = n},
    };
    const size_t count = ARRAY_LEN(specs) - (model_shape_has_gate(s) ? 0 : 1);
    return weight_binder_layer(bind, layer, specs, count, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    TRY(bind_input(bind, !model_shape_has_gate(&model->shape), err));
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++)
        TRY(bind_layer(bind, layer, err));
    return weight_binder_head(bind, err);
}

/* ---------------------------------------------------------------- the step */

static void embed(const struct model *model, struct forward *f)
{
    const struct input_weights *input = &model->input;
    const uint32_t d = model->shape.embd_dim;
    op_embed(f, &model->token_embd, f->x);
    if (input->segments)
        op_add_numbered(f, input->segments, OP_ROW_SEGMENT, d, f->x);
    if (input->positions)
        op_add_numbered(f, input->positions, OP_ROW_POSITION, d, f->x);
    op_layer_norm(f, f->x, input->norm, input->norm_bias, f->x);
}

/* One block. f->x [rows][embd_dim] is read and updated in place; the last leaves f->normed. */
static void run_layer(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &model->shape;
    const struct model_layer *w = &model->layers[layer];
    const bool is_last = layer + 1 == s->layer_count;
    const struct op_heads q = op_heads(f->q, s->layers[layer].head_count, s->head_dim);
    const struct op_heads k = op_heads(f->k, s->layers[layer].kv_head_count, s->head_dim);
    const struct op_product projections[] = {
        {&w->wq, w->bq, f->q}, /* [rows][head_count    * head_dim] */
        {&w->wk, w->bk, f->k}, /* [rows][kv_head_count * head_dim] */
        {&w->wv, w->bv, f->v}, /* [rows][kv_head_count * head_dim] */
    };
    op_products(f, f->x, projections, ARRAY_LEN(projections));
    op_rope(f, layer, q);
    op_rope(f, layer, k);
    op_kv_store(f, layer);
    if (is_last)
        op_keep_wanted_rows(f, &(struct op_rows){f->q, (size_t)q.head_count * q.head_dim}, 1);
    op_attend(f, layer);
    op_product_add(f, f->mixed, &w->wo, w->bo, f->x);
    op_layer_norm(f, f->x, w->attn_norm, w->attn_norm_bias, f->x);
    op_ffn(f, &(struct op_ffn){.input = f->x, .weights = &w->ffn, .out = f->x, .adds = true});
    op_layer_norm(f, f->x, w->ffn_norm, w->ffn_norm_bias, is_last ? f->normed : f->x);
}

static void run(const struct model *model, struct forward *f)
{
    embed(model, f);
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++)
        run_layer(model, f, layer);
}

const struct model_arch arch_bert = {
    .name = "bert",
    .read_shape = read_bert,
    .bind_weights = bind_weights,
    .run = run,
};

const struct model_arch arch_nomic_bert = {
    .name = "nomic-bert",
    .read_shape = read_nomic,
    .bind_weights = bind_weights,
    .run = run,
};
