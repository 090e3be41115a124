/*
 * Gemma for embeddings: the blocks of Gemma 3, but tokens see the whole text, in most layers half a
 * window of it on either side; two products may stand behind the mean.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/weight_binder.h"

#include <math.h>

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "gemma-embedding", MODEL_SHAPE_WINDOW, shape, err));
    TRY(model_shape_windows(file, "gemma-embedding", 6, 10000, shape, err));
    shape->activation = FFN_GELU_GATED;
    shape->embedding_scale = sqrtf((float)shape->embd_dim);
    shape->sees_all = true;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    TRY(decoder_bind(bind, DECODER_HEAD_NORMS | DECODER_POST_NORMS, err));
    return weight_binder_head(bind, err);
}

const struct model_arch arch_gemma_embedding = {
    .name = "gemma-embedding",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
