/*
 * Gemma 2: as Gemma 3, but without norms of heads; every other layer attends in a window, scores
 * and logits are capped softly.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"

#include <math.h>

enum { LAYERS_27B = 46, WINDOW_PERIOD = 2 };

static const float default_attention_softcap = 50.0f;
static const float default_logit_softcap = 30.0f;

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "gemma2", MODEL_SHAPE_WINDOW | MODEL_SHAPE_SOFTCAPS, shape, err));
    TRY(model_shape_windows(file, "gemma2", WINDOW_PERIOD, 0, shape, err));
    if (shape->layers[0].window == 0)
        return error_set(err, E_FORMAT,
                         "the model file lacks the number gemma2.attention.sliding_window");
    shape->activation = FFN_GELU_GATED;
    shape->embedding_scale = sqrtf((float)shape->embd_dim);
    if (shape->attention_softcap == 0)
        shape->attention_softcap = default_attention_softcap;
    if (shape->logit_softcap == 0)
        shape->logit_softcap = default_logit_softcap;
    if (shape->layer_count == LAYERS_27B) /* the one size that scales by the width per head */
        shape->attention_scale =
            1.0f / sqrtf((float)(shape->embd_dim / shape->layers[0].head_count));
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    return decoder_bind(bind, DECODER_POST_NORMS, err);
}

const struct model_arch arch_gemma2 = {
    .name = "gemma2",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
