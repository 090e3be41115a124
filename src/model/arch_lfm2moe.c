/*
 * LFM2 with experts: the layers of its dense kin; behind the first, dense ones, sigmoid routing
 * with a bias for choosing, whose weights are divided by their sum.
 */
#include "model/arch_list.h"
#include "model/conv_hybrid.h"
#include "model/decoder.h"
#include "model/model_shape.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "lfm2moe", MODEL_SHAPE_PER_LAYER | MODEL_SHAPE_EXPERTS, shape, err));
    TRY(model_shape_need_experts(shape, "lfm2moe", err));
    if (shape->experts.scoring == EXPERT_SCORING_UNSET)
        shape->experts.scoring = EXPERT_SCORING_SIGMOID;
    shape->experts.normalizes = true;
    return conv_hybrid_add_shape("lfm2moe", file, shape, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    return conv_hybrid_bind_weights(bind, model, DECODER_SELECTION_BIAS, err);
}

const struct model_arch arch_lfm2moe = {
    .name = "lfm2moe",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = conv_hybrid_run,
};
