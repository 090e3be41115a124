/*
 * Qwen3.5, dense; value heads take the key heads in turn.
 */
#include "model/arch_list.h"
#include "model/delta_hybrid.h"

static const struct delta_hybrid_kind kind = {
    .arch = "qwen35",
    .has_experts = false,
    .has_sections = true,
    .groups_repeat = true,
    .has_paired_gates = false,
};

static enum status read_shape(const struct gguf *file, struct model_shape *shape, struct error *err)
{
    return delta_hybrid_read_shape(&kind, file, shape, err);
}

static enum status bind_weights(struct weight_binder *bind, struct model *model, struct error *err)
{
    return delta_hybrid_bind_weights(&kind, bind, model, err);
}

static void run(const struct model *model, struct forward *f)
{
    delta_hybrid_run(&kind, model, f);
}

const struct model_arch arch_qwen35 = {
    .name = "qwen35",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = run,
    .run_draft = delta_hybrid_run_draft,
};
