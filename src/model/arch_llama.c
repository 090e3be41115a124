/*
 * Llama and the many models built like it (Mistral, SmolLM2, distilled ones): grouped-query
 * attention, neighbouring pairs rotate, SwiGLU; optional biases, optional frequency factors (the
 * long-context form of Llama 3), output tied to the embeddings when the file has none. With experts
 * it is Mixtral: softmax over all, the weights of the chosen are divided by their sum.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

#include <inttypes.h>

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "llama", MODEL_SHAPE_EXPERTS, shape, err));
    if (shape->rope[0].dim != shape->head_dim)
        return error_set(err, E_FORMAT,
                         "llama.rope.dimension_count is %" PRIu32
                         "; it must be the head size %" PRIu32,
                         shape->rope[0].dim, shape->head_dim);
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

const struct model_arch arch_llama = {
    .name = "llama",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
