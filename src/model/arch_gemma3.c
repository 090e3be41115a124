/*
 * Gemma 3: embeddings times sqrt(embd_dim), norms before and after each half (stored as 1 + w), an
 * RMS norm on each head of Q and K, GELU gate; of six layers five attend in a window and rotate by
 * a base of their own.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

#include <math.h>

enum { LAYERS_27B = 62 };

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "gemma3", MODEL_SHAPE_WINDOW | MODEL_SHAPE_SOFTCAPS, shape, err));
    TRY(model_shape_windows(file, "gemma3", 6, 10000, shape, err));
    shape->attention_softcap = 0; /* of logits only, if at all */
    shape->activation = FFN_GELU_GATED;
    shape->embedding_scale = sqrtf((float)shape->embd_dim);
    if (shape->layer_count == LAYERS_27B) /* the one size that scales by the width per head */
        shape->attention_scale =
            1.0f / sqrtf((float)(shape->embd_dim / shape->layers[0].head_count));
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_HEAD_NORMS | DECODER_POST_NORMS, err);
}

const struct model_arch arch_gemma3 = {
    .name = "gemma3",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
