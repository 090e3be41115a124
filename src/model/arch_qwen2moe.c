/*
 * Qwen1.5-MoE and Qwen2-MoE: the attention of Qwen2; softmax over all experts, weights as they are,
 * and a shared expert with a sigmoid gate.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "qwen2moe", MODEL_SHAPE_EXPERTS, shape, err));
    shape->experts.scoring = EXPERT_SCORING_SOFTMAX;
    shape->experts.normalizes = false;
    return model_shape_need_experts(shape, "qwen2moe", err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_BIASES_QKV | DECODER_SHARED_GATE, err);
}

const struct model_arch arch_qwen2moe = {
    .name = "qwen2moe",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
