/*
 * Deci, the models that a search cut out of Llama (Nemotron 51B, Ultra 253B): heads and
 * feed-forward sizes differ per layer; a layer may mix by one matrix, or not at all, and have no
 * feed-forward.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "deci", MODEL_SHAPE_PER_LAYER, shape, err));
    shape->rope[0].style = ROPE_PAIRS;
    shape->rope[0].uses_factors = true;
    shape->scratch_columns[0] = shape->embd_dim; /* see decoder.c */
    for (uint32_t i = 0; i < shape->layer_count; i++)
        if (shape->layers[i].head_count > 0 && shape->layers[i].kv_head_count == 0)
            shape->layers[i].mixer = LAYER_MIXER_LINEAR;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind,
                        DECODER_BIASES_QKV_OPTIONAL | DECODER_BIAS_OUT_OPTIONAL |
                            DECODER_BIASES_FFN_OPTIONAL | DECODER_ROPE_FACTORS_OPTIONAL,
                        err);
}

const struct model_arch arch_deci = {
    .name = "deci",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
