/*
 * Mistral 3 (Ministral 3, Mistral Small 3.x): the tensors of Llama, YaRN, and queries that grow
 * with the logarithm of the position beyond the trained context.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "mistral3", MODEL_SHAPE_EXPERTS | MODEL_SHAPE_TEMPERATURE, shape,
                         err));
    shape->rope[0].style = ROPE_PAIRS;
    shape->rope[0].uses_factors = true;
    shape->experts.scoring = EXPERT_SCORING_SOFTMAX;
    shape->experts.normalizes = true;
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

const struct model_arch arch_mistral3 = {
    .name = "mistral3",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
