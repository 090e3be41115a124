/*
 * Granite: Llama with four factors, of embeddings, scores, what each half of a layer adds, and
 * logits.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "granite", MODEL_SHAPE_SCALES, shape, err));
    shape->rope[0].style = ROPE_PAIRS;
    shape->rope[0].uses_factors = true;
    shape->logit_scale = 1.0f / shape->logit_scale;
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

const struct model_arch arch_granite = {
    .name = "granite",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
