#include "model/decoder.h"

#include "base/attr.h"
#include "base/check.h"
#include "model/model.h"
#include "model/op.h"
#include "model/op_experts.h"
#include "model/weight_binder.h"

/* A tensor that the family needs, may have, or has not. */
enum presence { ABSENT, OPTIONAL, NEEDED };

static enum presence presence(unsigned tensors, unsigned needed, unsigned optional)
{
    if (tensors & needed)
        return NEEDED;
    return tensors & optional ? OPTIONAL : ABSENT;
}

/* Binds vectors of `columns` numbers (`rows` times), if the family knows them. */
static enum status bind_vector(struct weight_binder *bind, uint32_t layer, enum presence presence,
                               const char *name, uint32_t columns, uint32_t rows, const float **out,
                               struct error *err)
{
    const struct weight_binder_spec spec = {.name = name,
                                            .vector = out,
                                            .columns = columns,
                                            .rows = rows,
                                            .is_optional = presence == OPTIONAL};
    return presence == ABSENT ? OK : weight_binder_layer(bind, layer, &spec, 1, err);
}

/* ---------------------------------------------------------------- attention: tensors */

static enum status bind_attention_vectors(struct weight_binder *bind, uint32_t layer,
                                          unsigned tensors, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct layer_shape *shape = &s->layers[layer];
    struct model_layer *w = &bind->model->layers[layer];
    const enum presence qkv = presence(tensors, DECODER_BIASES_QKV, DECODER_BIASES_QKV_OPTIONAL);
    const enum presence out = presence(tensors, DECODER_BIAS_OUT, DECODER_BIAS_OUT_OPTIONAL);
    const enum presence heads = presence(tensors, DECODER_HEAD_NORMS, DECODER_HEAD_NORMS_OPTIONAL);
    const struct {
        enum presence presence;
        const char *name;
        uint32_t columns;
        const float **out;
    } rows[] = {
        {qkv, "attn_q.bias", shape->head_count * s->head_dim, &w->bq},
        {qkv, "attn_k.bias", shape->kv_head_count * s->head_dim, &w->bk},
        {qkv, "attn_v.bias", shape->kv_head_count * s->value_dim, &w->bv},
        {out, "attn_output.bias", s->embd_dim, &w->bo},
        {heads, "attn_q_norm.weight", s->head_dim, &w->q_norm},
        {heads, "attn_k_norm.weight", s->head_dim, &w->k_norm},
        {presence(tensors, DECODER_SINKS, 0), "attn_sinks.weight", shape->head_count, &w->sinks},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        TRY(bind_vector(bind, layer, rows[i].presence, rows[i].name, rows[i].columns, 0,
                        rows[i].out, err));
    return OK;
}

static enum status bind_mixer_norms(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                                    struct error *err)
{
    const uint32_t d = bind->model->shape.embd_dim;
    struct model_layer *w = &bind->model->layers[layer];
    TRY(bind_vector(bind, layer, NEEDED, "attn_norm.weight", d, 0, &w->attn_norm, err));
    TRY(bind_vector(bind, layer, presence(tensors, DECODER_NORM_BIASES, 0), "attn_norm.bias", d, 0,
                    &w->attn_norm_bias, err));
    return bind_vector(bind, layer, presence(tensors, DECODER_POST_NORMS, 0),
                       "post_attention_norm.weight", d, 0, &w->attn_post_norm, err);
}

enum status decoder_bind_mixer(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                               struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct layer_shape *shape = &s->layers[layer];
    struct model_layer *w = &bind->model->layers[layer];
    const uint32_t d = s->embd_dim;
    const uint32_t q_dim = shape->head_count * s->head_dim;
    const uint32_t k_dim = shape->kv_head_count * s->head_dim;
    const uint32_t v_dim = shape->kv_head_count * s->value_dim;
    const uint32_t mixed_dim = shape->head_count * s->value_dim;
    if (shape->mixer == LAYER_MIXER_NONE)
        return OK;
    TRY(bind_mixer_norms(bind, layer, tensors, err));
    const struct weight_binder_spec linear = {
        .name = "attn_output.weight", .matrix = &w->wo, .columns = d, .rows = d};
    if (shape->mixer == LAYER_MIXER_LINEAR)
        return weight_binder_layer(bind, layer, &linear, 1, err);
    const struct weight_binder_spec specs[] = {
        {.name = "attn_q.weight", .matrix = &w->wq, .columns = d, .rows = q_dim},
        {.name = "attn_k.weight", .matrix = &w->wk, .columns = d, .rows = k_dim},
        {.name = "attn_v.weight", .matrix = &w->wv, .columns = d, .rows = v_dim},
        {.name = "attn_output.weight", .matrix = &w->wo, .columns = mixed_dim, .rows = d},
    };
    TRY(weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err));
    return bind_attention_vectors(bind, layer, tensors, err);
}

/* ---------------------------------------------------------------- feed-forward: tensors */

static enum status bind_dense(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                              struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    struct ffn_weights *w = &bind->model->layers[layer].ffn;
    const uint32_t d = s->embd_dim;
    const uint32_t n = s->layers[layer].ffn_dim;
    const enum presence biases = presence(tensors, 0, DECODER_BIASES_FFN_OPTIONAL);
    const bool has_gate = model_shape_has_gate(s);
    const struct weight_binder_spec specs[] = {
        {.name = "ffn_gate.weight", .matrix = &w->gate, .columns = d, .rows = n},
        {.name = "ffn_up.weight", .matrix = &w->up, .columns = d, .rows = n},
        {.name = "ffn_down.weight", .matrix = &w->down, .columns = n, .rows = d},
    };
    TRY(weight_binder_layer(bind, layer, has_gate ? specs : specs + 1, has_gate ? 3 : 2, err));
    if (has_gate)
        TRY(bind_vector(bind, layer, biases, "ffn_gate.bias", n, 0, &w->gate_bias, err));
    TRY(bind_vector(bind, layer, biases, "ffn_up.bias", n, 0, &w->up_bias, err));
    return bind_vector(bind, layer, biases, "ffn_down.bias", d, 0, &w->down_bias, err);
}

/* The stacks of expert matrices; gate and up may lie in one tensor. */
static enum status bind_each(struct weight_binder *bind, uint32_t layer, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct experts_shape *e = &s->experts;
    struct ffn_weights *w = &bind->model->layers[layer].experts.each;
    const bool has_gate = model_shape_has_gate(s);
    const uint32_t d = e->latent_dim ? e->latent_dim : s->embd_dim;
    struct weight_binder_spec up = {.name = "ffn_gate_up_exps.weight",
                                    .columns = d,
                                    .rows = e->ffn_dim,
                                    .slices = e->count,
                                    .slices_used = e->used_count,
                                    .is_optional = true};
    struct weight_binder_spec down = up;
    down.name = "ffn_down_exps.weight";
    down.matrix = &w->down;
    down.columns = e->ffn_dim;
    down.rows = d;
    down.is_optional = false;
    TRY(weight_binder_layer(bind, layer, &down, 1, err));
    if (has_gate)
        TRY(weight_binder_pair(bind, layer, &up, &w->gate, &w->up, err));
    if (w->up.data)
        return OK;
    up.is_optional = false;
    up.name = "ffn_up_exps.weight";
    up.matrix = &w->up;
    TRY(weight_binder_layer(bind, layer, &up, 1, err));
    up.name = "ffn_gate_exps.weight";
    up.matrix = &w->gate;
    return has_gate ? weight_binder_layer(bind, layer, &up, 1, err) : OK;
}

static enum status bind_shared(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                               struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    struct experts_weights *w = &bind->model->layers[layer].experts;
    const uint32_t d = s->embd_dim;
    const uint32_t n = s->experts.shared_ffn_dim;
    const bool has_gate = model_shape_has_gate(s);
    const struct weight_binder_spec specs[] = {
        {.name = "ffn_gate_shexp.weight", .matrix = &w->shared.gate, .columns = d, .rows = n},
        {.name = "ffn_up_shexp.weight", .matrix = &w->shared.up, .columns = d, .rows = n},
        {.name = "ffn_down_shexp.weight", .matrix = &w->shared.down, .columns = n, .rows = d},
    };
    const struct weight_binder_spec gate = {
        .name = "ffn_gate_inp_shexp.weight", .matrix = &w->shared_gate, .columns = d, .rows = 1};
    if (n == 0)
        return OK;
    TRY(weight_binder_layer(bind, layer, has_gate ? specs : specs + 1, has_gate ? 3 : 2, err));
    return tensors & DECODER_SHARED_GATE ? weight_binder_layer(bind, layer, &gate, 1, err) : OK;
}

static enum status bind_experts(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                                struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const struct experts_shape *e = &s->experts;
    struct experts_weights *w = &bind->model->layers[layer].experts;
    const enum presence biases = presence(tensors, DECODER_EXPERT_BIASES, 0);
    const struct weight_binder_spec router = {.name = "ffn_gate_inp.weight",
                                              .matrix = &w->router,
                                              .columns = s->embd_dim,
                                              .rows = e->count};
    const struct {
        enum presence presence;
        const char *name;
        uint32_t columns, rows;
        const float **out;
    } vectors[] = {
        {biases, "ffn_gate_inp.bias", e->count, 0, &w->router_bias},
        {presence(tensors, DECODER_SELECTION_BIAS, DECODER_SELECTION_BIAS_OPTIONAL),
         "exp_probs_b.bias", e->count, 0, &w->selection_bias},
        {biases, "ffn_gate_exps.bias", e->ffn_dim, e->count, &w->each.gate_bias},
        {biases, "ffn_up_exps.bias", e->ffn_dim, e->count, &w->each.up_bias},
        {biases, "ffn_down_exps.bias", s->embd_dim, e->count, &w->each.down_bias},
    };
    const struct weight_binder_spec latent[] = {
        {.name = "ffn_latent_down.weight",
         .matrix = &w->latent_down,
         .columns = s->embd_dim,
         .rows = e->latent_dim},
        {.name = "ffn_latent_up.weight",
         .matrix = &w->latent_up,
         .columns = e->latent_dim,
         .rows = s->embd_dim},
    };
    TRY(weight_binder_layer(bind, layer, &router, 1, err));
    if (e->latent_dim)
        TRY(weight_binder_layer(bind, layer, latent, ARRAY_LEN(latent), err));
    TRY(bind_each(bind, layer, err));
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        TRY(bind_vector(bind, layer, vectors[i].presence, vectors[i].name, vectors[i].columns,
                        vectors[i].rows, vectors[i].out, err));
    return bind_shared(bind, layer, tensors, err);
}

enum status decoder_bind_ffn(struct weight_binder *bind, uint32_t layer, unsigned tensors,
                             struct error *err)
{
    struct model *model = bind->model;
    struct model_layer *w = &model->layers[layer];
    const enum layer_ffn kind = model->shape.layers[layer].ffn;
    const uint32_t d = model->shape.embd_dim;
    const char *norm = tensors & DECODER_FFN_NORM_IS_POST   ? "post_attention_norm.weight"
                       : tensors & DECODER_FFN_NORM_IS_ATTN ? "attn_norm.weight"
                                                            : "ffn_norm.weight";
    if (kind == LAYER_FFN_NONE)
        return OK;
    TRY(bind_vector(bind, layer, NEEDED, norm, d, 0, &w->ffn_norm, err));
    TRY(bind_vector(bind, layer, presence(tensors, DECODER_NORM_BIASES, 0), "ffn_norm.bias", d, 0,
                    &w->ffn_norm_bias, err));
    TRY(bind_vector(bind, layer, presence(tensors, DECODER_POST_NORMS, 0), "post_ffw_norm.weight",
                    d, 0, &w->ffn_post_norm, err));
    return kind == LAYER_FFN_EXPERTS ? bind_experts(bind, layer, tensors, err)
                                     : bind_dense(bind, layer, tensors, err);
}

enum status decoder_bind(struct weight_binder *bind, unsigned tensors, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    TRY(weight_binder_outer(bind, (tensors & DECODER_NORM_BIASES) != 0, err));
    if (tensors & DECODER_ROPE_FACTORS_OPTIONAL)
        TRY(weight_binder_rope_factors(bind, err));
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        TRY(decoder_bind_mixer(bind, layer, tensors, err));
        TRY(decoder_bind_ffn(bind, layer, tensors, err));
    }
    return OK;
}

/* ---------------------------------------------------------------- the step */

/* RMS norm, or layer norm where there is a bias. */
static void norm(struct forward *f, const float *x, const float *weight, const float *bias,
                 float *out)
{
    if (bias)
        op_layer_norm(f, x, weight, bias, out);
    else
        op_norm(f, x, weight, out);
}

/* x += post_norm(half), scaled; `half` [rows][embd_dim] is changed. */
static void add_half(struct forward *f, float *half, const float *post_norm)
{
    const struct model_shape *s = &f->model->shape;
    if (post_norm)
        op_norm(f, half, post_norm, half);
    op_add(f, half, s->embd_dim, s->residual_scale, f->x);
}

/* Whether a half may be added to x as it is computed. */
static bool adds_directly(const struct forward *f, const float *post_norm)
{
    return !post_norm && f->model->shape.residual_scale == 1.0f;
}

static void attend(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &model->shape;
    const struct layer_shape *shape = &s->layers[layer];
    const struct model_layer *w = &model->layers[layer];
    const struct op_heads q = op_heads(f->q, shape->head_count, s->head_dim);
    const struct op_heads k = op_heads(f->k, shape->kv_head_count, s->head_dim);
    const struct op_product projections[] = {
        {&w->wq, w->bq, f->q}, /* [rows][head_count    * head_dim] */
        {&w->wk, w->bk, f->k}, /* [rows][kv_head_count * head_dim] */
        {&w->wv, w->bv, f->v}, /* [rows][kv_head_count * value_dim] */
    };
    op_products(f, f->normed, projections, ARRAY_LEN(projections));
    if (w->q_norm)
        op_norm_heads(f, q, w->q_norm);
    if (w->k_norm)
        op_norm_heads(f, k, w->k_norm);
    op_rope(f, layer, q);
    op_rope(f, layer, k);
    op_temperature(f, q);
    op_kv_store(f, layer);
    if (layer + 1 == s->layer_count)
        op_keep_wanted_rows(f, &(struct op_rows){f->q, (size_t)q.head_count * q.head_dim}, 1);
    op_attend(f, layer);
}

void decoder_run_mixer(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct layer_shape *shape = &model->shape.layers[layer];
    const struct model_layer *w = &model->layers[layer];
    if (layer + 1 == model->shape.layer_count && shape->mixer != LAYER_MIXER_ATTENTION)
        op_keep_wanted_rows(f, NULL, 0);
    if (shape->mixer == LAYER_MIXER_NONE)
        return;
    norm(f, f->x, w->attn_norm, w->attn_norm_bias, f->normed);
    const float *mixed = f->normed;
    if (shape->mixer == LAYER_MIXER_ATTENTION) {
        attend(model, f, layer);
        mixed = f->mixed;
    }
    if (mixed == f->mixed && adds_directly(f, w->attn_post_norm)) {
        op_product_add(f, mixed, &w->wo, w->bo, f->x);
        return;
    }
    /* A family with layers that mix by one matrix asks for scratch[0] of embd_dim. */
    float *out = mixed == f->mixed ? f->normed : f->scratch[0];
    op_products(f, mixed, &(struct op_product){&w->wo, w->bo, out}, 1);
    add_half(f, out, w->attn_post_norm);
}

/* Experts that see fewer numbers of a token: x += up * experts(down * n), n = f->normed; router and
 * shared expert see all. */
static void run_latent_experts(struct forward *f, const struct experts_weights *w)
{
    op_products(f, f->normed, &(struct op_product){&w->latent_down, NULL, f->latent_in}, 1);
    op_experts(f, &(struct op_experts){.weights = w,
                                       .input = f->latent_in,
                                       .router_input = f->normed,
                                       .out = f->latent_out});
    op_shared_expert(f, w, f->normed, f->x);
    op_product_add(f, f->latent_out, &w->latent_up, NULL, f->x);
}

void decoder_run_ffn(const struct model *model, struct forward *f, uint32_t layer)
{
    const enum layer_ffn kind = model->shape.layers[layer].ffn;
    const struct model_layer *w = &model->layers[layer];
    if (kind == LAYER_FFN_NONE)
        return;
    norm(f, f->x, w->ffn_norm, w->ffn_norm_bias, f->normed);
    const bool adds = adds_directly(f, w->ffn_post_norm);
    float *out = adds ? f->x : f->normed;
    if (kind == LAYER_FFN_EXPERTS && w->experts.latent_up.data) {
        CHECK(adds);
        run_latent_experts(f, &w->experts);
    } else if (kind == LAYER_FFN_EXPERTS) {
        DCHECK(adds || !w->experts.shared.up.data); /* it reads f->normed again */
        op_experts(f, &(struct op_experts){.weights = &w->experts,
                                           .input = f->normed,
                                           .router_input = f->normed,
                                           .out = out,
                                           .adds = adds});
        op_shared_expert(f, &w->experts, f->normed, out);
    } else {
        op_ffn(f,
               &(struct op_ffn){.input = f->normed, .weights = &w->ffn, .out = out, .adds = adds});
    }
    if (!adds)
        add_half(f, out, w->ffn_post_norm);
}

void decoder_embed(const struct model *model, struct forward *f)
{
    op_embed(f, &model->token_embd, f->x);
    if (model->shape.embedding_scale != 1.0f)
        op_scale(f, f->x, model->shape.embd_dim, model->shape.embedding_scale);
}

void decoder_finish(const struct model *model, struct forward *f)
{
    norm(f, f->x, model->output_norm, model->output_norm_bias, f->normed);
    if (f->ends_hidden)
        return;
    op_products(f, f->normed, &(struct op_product){&model->output, NULL, f->logits}, 1);
    if (model->shape.logit_scale != 1.0f)
        op_scale(f, f->logits, model->shape.vocab_size, model->shape.logit_scale);
    if (model->shape.logit_softcap != 0)
        op_softcap(f, f->logits, model->shape.vocab_size, model->shape.logit_softcap);
}

void decoder_run(const struct model *model, struct forward *f)
{
    decoder_embed(model, f);
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++) {
        decoder_run_mixer(model, f, layer);
        decoder_run_ffn(model, f, layer);
    }
    decoder_finish(model, f);
}
