/*
 * Qwen2 and what was distilled into it: as Llama, but the projections of Q, K and V have biases and
 * the halves of a head rotate together.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    return model_shape_read(file, "qwen2", 0, shape, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_BIASES_QKV, err);
}

const struct model_arch arch_qwen2 = {
    .name = "qwen2",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
