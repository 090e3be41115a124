/*
 * gpt-oss: every other layer attends in a window, every head has a sink; biases everywhere; all
 * layers have experts, chosen by the router's products and weighted by a softmax over the chosen,
 * with a clamped SwiGLU. YaRN from 4,096 positions.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "gpt-oss", MODEL_SHAPE_EXPERTS | MODEL_SHAPE_WINDOW, shape, err));
    TRY(model_shape_windows(file, "gpt-oss", 2, 0, shape, err));
    shape->activation = FFN_CLAMPED_GATED;
    shape->experts.scoring = EXPERT_SCORING_SOFTMAX_OF_SELECTED;
    shape->experts.normalizes = false;
    return model_shape_need_experts(shape, "gpt-oss", err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind,
                        DECODER_BIASES_QKV | DECODER_BIAS_OUT | DECODER_SINKS |
                            DECODER_FFN_NORM_IS_POST | DECODER_EXPERT_BIASES,
                        err);
}

const struct model_arch arch_gpt_oss = {
    .name = "gpt-oss",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
