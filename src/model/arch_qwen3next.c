/*
 * Qwen3-Next: experts as in its successors, but consecutive value heads share a key head, and both
 * gates of the recurrence lie in one matrix.
 */
#include "model/arch_list.h"
#include "model/delta_hybrid.h"

static const struct delta_hybrid_kind kind = {
    .arch = "qwen3next",
    .has_experts = true,
    .has_sections = false,
    .groups_repeat = false,
    .has_paired_gates = true,
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

const struct model_arch arch_qwen3next = {
    .name = "qwen3next",
    .read_shape = read_shape,
    .bind_weights = bind_weights,
    .run = run,
    .run_draft = delta_hybrid_run_draft,
};
