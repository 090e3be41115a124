#include "model/ssm_hybrid.h"

#include "base/attr.h"
#include "model/decoder.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/op_recurrent.h"
#include "model/shape_reader.h"
#include "model/weight_binder.h"

/* Rows of scratch of a scan. */
enum {
    SCRATCH_IN,    /* [z | v | B | C | dt] */
    SCRATCH_DECAY, /* [head_count] */
    SCRATCH_GAIN,  /* [head_count] */
    SCRATCH_OUT,   /* what the scan gives */
};

enum {
    TENSORS = DECODER_BIASES_QKV_OPTIONAL | DECODER_BIAS_OUT_OPTIONAL |
              DECODER_BIASES_FFN_OPTIONAL | DECODER_FFN_NORM_IS_ATTN | DECODER_SELECTION_BIAS
};

static uint32_t inner_dim(const struct recurrent_shape *r)
{
    return r->head_count * r->value_dim;
}

/* Columns of ssm_in: z, the channels of the convolution, dt. */
static uint32_t in_dim(const struct recurrent_shape *r)
{
    return inner_dim(r) + r->conv_channels + r->head_count;
}

/* A layer with a feed-forward size is that; one with key heads attends; the others scan. */
static enum status read_layers(const struct shape_reader *reader, struct model_shape *s,
                               struct error *err)
{
    uint32_t sizes[MODEL_LAYERS_MAX];
    TRY(shape_reader_per_block(reader, "feed_forward_length", 0, MODEL_FFN_MAX, sizes,
                               s->block_count, err));
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct layer_shape *layer = &s->layers[i];
        layer->rope = LAYER_ROPE_NONE;
        layer->ffn = LAYER_FFN_NONE;
        layer->ffn_dim = 0;
        if (sizes[i] > 0) {
            layer->mixer = LAYER_MIXER_NONE;
            layer->ffn = s->experts.count ? LAYER_FFN_EXPERTS : LAYER_FFN_DENSE;
            layer->ffn_dim = s->experts.count ? 0 : sizes[i];
        } else if (layer->kv_head_count == 0) {
            layer->mixer = LAYER_MIXER_RECURRENT;
        }
    }
    return OK;
}

enum status ssm_hybrid_read_shape(const char *arch, const struct gguf *file, struct model_shape *s,
                                  struct error *err)
{
    const struct shape_reader reader = {.file = file, .arch = arch};
    TRY(model_shape_read(file, arch, MODEL_SHAPE_PER_LAYER | MODEL_SHAPE_EXPERTS, s, err));
    TRY(recurrent_shape_read_ssm(&reader, &s->recurrent, err));
    TRY(read_layers(&reader, s, err));
    TRY(shape_reader_number(&reader, "moe_latent_size", 0, MODEL_EMBD_MAX, &s->experts.latent_dim,
                            err));
    s->activation = FFN_RELU_SQUARED;
    s->experts.scoring = EXPERT_SCORING_SIGMOID; /* whatever the file says */
    s->scratch_columns[SCRATCH_IN] = in_dim(&s->recurrent);
    s->scratch_columns[SCRATCH_DECAY] = s->recurrent.head_count;
    s->scratch_columns[SCRATCH_GAIN] = s->recurrent.head_count;
    s->scratch_columns[SCRATCH_OUT] = inner_dim(&s->recurrent);
    return OK;
}

static enum status bind_scan(struct weight_binder *bind, struct model *model, uint32_t layer,
                             struct error *err)
{
    const uint32_t d = model->shape.embd_dim;
    const struct recurrent_shape *r = &model->shape.recurrent;
    struct recurrent_weights *w = &model->layers[layer].recurrent;
    const uint32_t inner = inner_dim(r);
    const struct weight_binder_spec specs[] = {
        {.name = "attn_norm.weight", .vector = &model->layers[layer].attn_norm, .columns = d},
        {.name = "ssm_in.weight", .matrix = &w->in, .columns = d, .rows = in_dim(r)},
        {.name = "ssm_conv1d.weight",
         .vector = &w->conv,
         .columns = r->conv_width,
         .rows = r->conv_channels,
         .is_transposed = true},
        {.name = "ssm_conv1d.bias",
         .vector = &w->conv_bias,
         .columns = r->conv_channels,
         .is_optional = true},
        {.name = "ssm_dt.bias", .vector = &w->step_bias, .columns = r->head_count},
        {.name = "ssm_a", .vector = &w->a, .columns = 1, .rows = r->head_count},
        {.name = "ssm_d", .vector = &w->skip, .columns = 1, .rows = r->head_count},
        {.name = "ssm_norm.weight",
         .vector = &w->norm,
         .columns = inner / r->group_count,
         .rows = r->group_count},
        {.name = "ssm_out.weight", .matrix = &w->out, .columns = inner, .rows = d},
    };
    return weight_binder_layer(bind, layer, specs, ARRAY_LEN(specs), err);
}

enum status ssm_hybrid_bind_weights(struct weight_binder *bind, struct model *model,
                                    struct error *err)
{
    const struct model_shape *s = &model->shape;
    TRY(weight_binder_outer(bind, false, err));
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        TRY(s->layers[layer].mixer == LAYER_MIXER_RECURRENT
                ? bind_scan(bind, model, layer, err)
                : decoder_bind_mixer(bind, layer, TENSORS, err));
        TRY(decoder_bind_ffn(bind, layer, TENSORS, err));
    }
    return OK;
}

static void scan(struct forward *f, uint32_t layer)
{
    const struct recurrent_shape *r = &f->model->shape.recurrent;
    const struct recurrent_weights *w = &f->model->layers[layer].recurrent;
    const uint32_t inner = inner_dim(r);
    const size_t keys = (size_t)r->group_count * r->key_dim;
    const size_t stride = forward_stride(in_dim(r));
    float *in = f->scratch[SCRATCH_IN];
    const struct op_part z = {in, stride};
    const struct op_part channels = {in + inner, stride};
    const struct op_part dt = {in + inner + r->conv_channels, stride};
    const struct op_part decay = {f->scratch[SCRATCH_DECAY], forward_stride(r->head_count)};
    const struct op_part gain = {f->scratch[SCRATCH_GAIN], forward_stride(r->head_count)};
    const struct op_part out = {f->scratch[SCRATCH_OUT], forward_stride(inner)};

    op_products(f, f->normed, &(struct op_product){&w->in, NULL, in}, 1);
    const struct op_conv conv = {
        .channels = channels, .weights = w->conv, .bias = w->conv_bias, .has_silu = true};
    op_conv(f, layer, &conv);
    const struct op_decay_gates gates = {.x = dt,
                                         .bias = w->step_bias,
                                         .a = w->a,
                                         .steps = gain,
                                         .decays = decay,
                                         .count = r->head_count};
    op_decay_gates(f, &gates);
    const struct op_recurrence rule = {.rule = OP_RECURRENCE_SSM,
                                       .queries = {channels.x + inner + keys, stride},
                                       .keys = {channels.x + inner, stride},
                                       .values = channels,
                                       .decays = decay,
                                       .gains = gain,
                                       .out = out,
                                       .factors = w->skip};
    op_recurrence(f, layer, &rule);
    op_combine(f, f->kernels->swiglu, z, out, out, inner);
    op_norm_groups(f, op_heads(out.x, r->group_count, inner / r->group_count), w->norm);
    op_product_add(f, out.x, &w->out, NULL, f->x);
}

void ssm_hybrid_run(const struct model *model, struct forward *f)
{
    const struct model_shape *s = &model->shape;
    decoder_embed(model, f);
    for (uint32_t layer = 0; layer < s->layer_count; layer++) {
        if (s->layers[layer].mixer == LAYER_MIXER_RECURRENT) {
            op_norm(f, f->x, model->layers[layer].attn_norm, f->normed);
            scan(f, layer);
            if (layer + 1 == s->layer_count)
                op_keep_wanted_rows(f, NULL, 0);
        } else {
            decoder_run_mixer(model, f, layer);
        }
        decoder_run_ffn(model, f, layer);
    }
    decoder_finish(model, f);
}
