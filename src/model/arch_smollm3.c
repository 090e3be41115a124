/*
 * SmolLM3: Llama in which every fourth layer does not rotate.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

enum { STILL_PERIOD = 4 };

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "smollm3", 0, shape, err));
    shape->rope[0].style = ROPE_PAIRS;
    for (uint32_t i = 0; i < shape->layer_count; i++)
        if ((i + 1) % STILL_PERIOD == 0)
            shape->layers[i].rope = LAYER_ROPE_NONE;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_BIASES_QKV_OPTIONAL, err);
}

const struct model_arch arch_smollm3 = {
    .name = "smollm3",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
