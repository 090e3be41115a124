/*
 * Nemotron and Minitron, dense (2024): layer norms with biases, a part of each head rotates,
 * feed-forward parts without gate whose activation is the square of max(0, x).
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "nemotron", MODEL_SHAPE_LAYER_NORM, shape, err));
    shape->activation = FFN_RELU_SQUARED;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind,
                        DECODER_NORM_BIASES | DECODER_BIASES_QKV_OPTIONAL |
                            DECODER_BIAS_OUT_OPTIONAL | DECODER_BIASES_FFN_OPTIONAL,
                        err);
}

const struct model_arch arch_nemotron = {
    .name = "nemotron",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
