/*
 * Nemotron-H and Nemotron 3 Nano 4B: Mamba-2 layers, a few that attend, dense feed-forward layers
 * whose activation is the square of max(0, x).
 */
#include "model/arch_list.h"
#include "model/ssm_hybrid.h"

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    return ssm_hybrid_read_shape("nemotron_h", file, shape, err);
}

const struct model_arch arch_nemotron_h = {
    .name = "nemotron_h",
    .read_shape = read_shape,
    .bind_weights = ssm_hybrid_bind_weights,
    .run = ssm_hybrid_run,
};
