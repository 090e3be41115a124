/*
 * Llama and the many models built like it (Mistral, SmolLM2, distilled ones): grouped-query
 * attention, neighbouring pairs rotate, SwiGLU; optional biases, optional frequency factors (the
 * long-context form of Llama 3), output tied to the embeddings when the file has none.
 */
#include "model/arch_list.h"
#include "model/model.h"
#include "model/op.h"
#include "model/weight_binder.h"

#include <inttypes.h>

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "llama", 0, shape, err));
    if (shape->rope[0].dim != shape->head_dim)
        return error_set(err, E_FORMAT,
                         "llama.rope.dimension_count is %" PRIu32
                         "; it must be the head size %" PRIu32,
                         shape->rope[0].dim, shape->head_dim);
    shape->rope[0].style = ROPE_PAIRS;
    shape->rope[0].uses_factors = true;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    const struct model_shape *s = &model->shape;
    const uint32_t d = s->embd_dim;
    const uint32_t q_dim = s->head_count_max * s->head_dim;
    const uint32_t kv_dim = s->kv_head_count_max * s->head_dim;

    TRY(weight_binder_outer(bind, err));
    TRY(weight_binder_rope_factors(bind, err));
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        struct model_layer *w = &model->layers[layer];
        const struct weight_binder_spec specs[] = {
            {.name = "attn_norm.weight", .vector = &w->attn_norm, .columns = d},
            {.name = "attn_q.weight", .matrix = &w->wq, .columns = d, .rows = q_dim},
            {.name = "attn_k.weight", .matrix = &w->wk, .columns = d, .rows = kv_dim},
            {.name = "attn_v.weight", .matrix = &w->wv, .columns = d, .rows = kv_dim},
            {.name = "attn_output.weight", .matrix = &w->wo, .columns = q_dim, .rows = d},
            {.name = "attn_q.bias", .vector = &w->bq, .columns = q_dim, .is_optional = true},
            {.name = "attn_k.bias", .vector = &w->bk, .columns = kv_dim, .is_optional = true},
            {.name = "attn_v.bias", .vector = &w->bv, .columns = kv_dim, .is_optional = true},
            {.name = "attn_output.bias", .vector = &w->bo, .columns = d, .is_optional = true},
            {.name = "ffn_norm.weight", .vector = &w->ffn_norm, .columns = d},
            {.name = "ffn_gate.weight",
             .matrix = &w->ffn.gate,
             .columns = d,
             .rows = s->ffn_dim_max},
            {.name = "ffn_up.weight", .matrix = &w->ffn.up, .columns = d, .rows = s->ffn_dim_max},
            {.name = "ffn_down.weight",
             .matrix = &w->ffn.down,
             .columns = s->ffn_dim_max,
             .rows = d},
        };
        TRY(weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err));
    }
    return OK;
}

/* One transformer block. f->x [rows][embd_dim] is read and updated in place. */
static void run_layer(const struct model *model, struct forward *f, uint32_t layer)
{
    const struct model_shape *s = &model->shape;
    const struct model_layer *w = &model->layers[layer];
    const struct op_heads q = op_heads(f->q, s->layers[layer].head_count, s->head_dim);
    const struct op_heads k = op_heads(f->k, s->layers[layer].kv_head_count, s->head_dim);

    /* Attention: x += wo * attend(rope(wq * n), rope(wk * n), wv * n), n = norm(x) */
    op_norm(f, f->x, w->attn_norm, f->normed);
    const struct op_product projections[] = {
        {&w->wq, w->bq, f->q}, /* [rows][head_count    * head_dim] */
        {&w->wk, w->bk, f->k}, /* [rows][kv_head_count * head_dim] */
        {&w->wv, w->bv, f->v}, /* [rows][kv_head_count * head_dim] */
    };
    op_products(f, f->normed, projections, ARRAY_LEN(projections));
    op_rope(f, layer, q);
    op_rope(f, layer, k);
    op_kv_store(f, layer);
    if (layer + 1 == s->layer_count)
        op_keep_wanted_rows(f, &(struct op_rows){f->q, s->head_count_max * s->head_dim}, 1);
    op_attend(f, layer);
    op_product_add(f, f->mixed, &w->wo, w->bo, f->x);

    /* Feed-forward: x += down * (silu(gate * n) . (up * n)), n = norm(x) */
    op_norm(f, f->x, w->ffn_norm, f->normed);
    op_ffn(f, &(struct op_ffn){.input = f->normed, .weights = &w->ffn, .out = f->x, .adds = true});
}

static void run(const struct model *model, struct forward *f)
{
    op_embed(f, &model->token_embd, f->x);
    for (uint32_t layer = 0; layer < model->shape.layer_count; layer++)
        run_layer(model, f, layer);
    op_norm(f, f->x, model->output_norm, f->normed);
    op_products(f, f->normed, &(struct op_product){&model->output, NULL, f->logits}, 1);
}

const struct model_arch arch_llama = {
    .name = "llama",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = run,
};
