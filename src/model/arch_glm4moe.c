/*
 * GLM-4.5 and its kin: biases on Q, K and V, a part of each head rotates, some sizes norm the heads
 * of Q and K; sigmoid routing with a bias for choosing, a shared expert, dense layers first. The
 * blocks for speculation behind the layers are not run.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "glm4moe", MODEL_SHAPE_EXPERTS | MODEL_SHAPE_NEXTN, shape, err));
    if (shape->experts.scoring == EXPERT_SCORING_UNSET)
        shape->experts.scoring = EXPERT_SCORING_SIGMOID;
    return model_shape_need_experts(shape, "glm4moe", err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind,
                        DECODER_BIASES_QKV_OPTIONAL | DECODER_HEAD_NORMS_OPTIONAL |
                            DECODER_FFN_NORM_IS_POST | DECODER_SELECTION_BIAS,
                        err);
}

const struct model_arch arch_glm4moe = {
    .name = "glm4moe",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
