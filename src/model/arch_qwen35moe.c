/*
 * Qwen3.5 with experts: softmax over all, weights of the chosen ones sum to 1, and a shared expert
 * behind a sigmoid gate.
 */
#include "model/arch_list.h"
#include "model/delta_hybrid.h"

static const struct delta_hybrid_kind kind = {
    .arch = "qwen35moe",
    .has_experts = true,
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

const struct model_arch arch_qwen35moe = {
    .name = "qwen35moe",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = run,
    .run_draft = delta_hybrid_run_draft,
};
