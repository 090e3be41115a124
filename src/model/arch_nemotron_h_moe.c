/*
 * Nemotron 3 with experts: the layers of its dense kin, sigmoid routing with a bias for choosing
 * and a shared expert; in the largest the chosen experts see a projection of the token (latent).
 */
#include "model/arch_list.h"
#include "model/model_shape.h"
#include "model/ssm_hybrid.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    TRY(ssm_hybrid_read_shape("nemotron_h_moe", file, shape, err));
    return model_shape_need_experts(shape, "nemotron_h_moe", err);
}

const struct model_arch arch_nemotron_h_moe = {
    .name = "nemotron_h_moe",
    .read_shape = read_shape,
    .bind_weights = ssm_hybrid_bind_weights,
    .run = ssm_hybrid_run,
};
