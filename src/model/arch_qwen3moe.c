/*
 * Qwen3 with experts in every layer (Qwen3-30B-A3B, Qwen3-Coder): the attention of Qwen3; softmax
 * over all experts, the weights of the chosen are divided by their sum.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "qwen3moe", MODEL_SHAPE_EXPERTS, shape, err));
    shape->experts.scoring = EXPERT_SCORING_SOFTMAX;
    shape->experts.normalizes = true;
    return model_shape_need_experts(shape, "qwen3moe", err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_HEAD_NORMS, err);
}

const struct model_arch arch_qwen3moe = {
    .name = "qwen3moe",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
