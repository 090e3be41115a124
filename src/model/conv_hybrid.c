#include "model/conv_hybrid.h"

#include "base/attr.h"
#include "model/decoder.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/op_recurrent.h"
#include "model/shape_reader.h"
#include "model/weight_binder.h"

/* Rows of scratch of a convolution. */
enum {
    SCRATCH_IN,  /* [b | c | v] */
    SCRATCH_OUT, /* [embd_dim] */
};

enum status conv_hybrid_add_shape(const char *arch, const struct gguf *file, struct model_shape *s,
                                  struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = arch};
    TRY(recurrent_shape_read_conv(&reader, s->embd_dim, &s->recurrent, err));
    for (uint32_t i = 0; i < s->layer_count; i++)
        if (s->layers[i].kv_head_count == 0)
            s->layers[i].mixer = LAYER_MIXER_RECURRENT;
    s->scratch_columns[SCRATCH_IN] = 3 * s->embd_dim;
    s->scratch_columns[SCRATCH_OUT] = s->embd_dim;
    return OK;
}

static enum status bind_conv(struct weight_binder *bind, struct model *model, uint32_t layer,
                             struct error *err)
{
    const uint32_t d = model->shape.embd_dim;
    struct recurrent_weights *w = &model->layers[layer].recurrent;
    const struct weight_binder_spec specs[] = {
        {.name = "attn_norm.weight", .vector = &model->layers[layer].attn_norm, .columns = d},
        {.name = "shortconv.in_proj.weight", .matrix = &w->in, .columns = d, .rows = 3 * d},
        {.name = "shortconv.conv.weight",
         .vector = &w->conv,
         .columns = model->shape.recurrent.conv_width,
         .rows = d,
         .is_transposed = true},
        {.name = "shortconv.out_proj.weight", .matrix = &w->out, .columns = d, .rows = d},
    };
    return weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err);
}

enum status conv_hybrid_bind_weights(struct weight_binder *bind, struct model *model,
                                     unsigned tensors, struct error *err)
{
    const struct model_shape *s = &model->shape;
    bind->output_norm = "token_embd_norm.weight";
    TRY(weight_binder_outer(bind, false, err));
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        TRY(s->layers[layer].mixer == LAYER_MIXER_RECURRENT
                ? bind_conv(bind, model, layer, err)
                : decoder_bind_mixer(bind, layer, DECODER_HEAD_NORMS, err));
        TRY(decoder_bind_ffn(bind, layer, tensors, err));
    }
    return OK;
}

static void convolve(struct forward *f, uint32_t layer)
{
    const uint32_t d = f->model->shape.embd_dim;
    const struct recurrent_weights *w = &f->model->layers[layer].recurrent;
    const size_t stride = forward_stride((size_t)3 * d);
    float *in = f->scratch[SCRATCH_IN];
    const struct op_part b = {in, stride};
    const struct op_part c = {in + d, stride};
    const struct op_part v = {in + (size_t)2 * d, stride};
    const struct op_part mixed = {f->scratch[SCRATCH_OUT], forward_stride(d)};
    op_products(f, f->normed, &(struct op_product){&w->in, NULL, in}, 1);
    op_combine(f, f->kernels->mul, b, v, mixed, d);
    op_conv(f, layer, &(struct op_conv){.channels = mixed, .weights = w->conv});
    op_combine(f, f->kernels->mul, c, mixed, mixed, d);
    op_product_add(f, mixed.x, &w->out, NULL, f->x);
}

void conv_hybrid_run(const struct model *model, struct forward *f)
{
    const struct model_shape *s = &model->shape;
    decoder_embed(model, f);
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        if (s->layers[layer].mixer == LAYER_MIXER_RECURRENT) {
            op_norm(f, f->x, model->layers[layer].attn_norm, f->normed);
            convolve(f, layer);
            if (layer + 1 == s->layer_count)
                op_keep_wanted_rows(f, NULL, 0);
        } else {
            decoder_run_mixer(model, f, layer);
        }
        decoder_run_ffn(model, f, layer);
    }
    decoder_finish(model, f);
}
