/*
 * Qwen3, dense: grouped-query attention with an RMS norm on each head of Q and K before it rotates
 * (halves), no biases; the head size is a number of its own, not embd_dim / head_count. The
 * rerankers of the family have two classes, read from the last token.
 */
#include "model/arch_list.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/weight_binder.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(model_shape_read(file, "qwen3", 0, shape, err));
    shape->embedding.ranks_last = shape->embedding.ranks_by_share = true;
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    (void)model;
    TRY(decoder_bind(bind, DECODER_HEAD_NORMS, err));
    return weight_binder_head(bind, err);
}

const struct model_arch arch_qwen3 = {
    .name = "qwen3",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = decoder_run,
};
