/*
 * LFM2, dense: short convolutions between layers that attend with norms on the heads of Q and K.
 */
#include "model/arch_list.h"
#include "model/conv_hybrid.h"
#include "model/model_shape.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "lfm2", MODEL_SHAPE_PER_LAYER, shape, err));
    return conv_hybrid_add_shape("lfm2", file, shape, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    return conv_hybrid_bind_weights(bind, model, 0, err);
}

const struct model_arch arch_lfm2 = {
    .name = "lfm2",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = conv_hybrid_run,
};
