#include "model/model.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "model/arch_list.h"
#include "model/weight_binder.h"

enum { ARCH_NAME_SHOWN_MAX = 40, ARENA_SLACK_BYTES = 64 << 10 };

static enum status find_arch(const struct gguf *file, const struct model_arch **out,
                             struct error *err)
{
    struct str name;
    TRY(gguf_get_str_or(file, "general.architecture", STR(""), &name, err));
    if (name.len == 0)
        return error_set(err, E_FORMAT,
                         "the file does not say what family its model is "
                         "(general.architecture); is it a model?");
    *out = arch_list_find(name);
    if (*out)
        return OK;
    char known[128];
    struct strbuf list = {0};
    for (size_t i = 0; arch_list_at(i); i++)
        strbuf_addf(&list, "%s%s", i ? ", " : "", arch_list_at(i)->name);
    snprintf(known, sizeof(known), "%s", strbuf_c(&list));
    strbuf_done(&list);
    return error_set(err, E_UNSUPPORTED, "model family '%.*s' is not supported (holt knows: %s)",
                     STR_ARG(str_slice(name, 0, ARCH_NAME_SHOWN_MAX)), known);
}

enum status model_memory(const struct gguf *file, size_t *out_bytes, struct error *err)
{
    const struct model_arch *arch = NULL;
    struct model_shape s;
    TRY(find_arch(file, &arch, err));
    TRY(arch->read_shape(file, &s, err));
    /* Per layer: norms, biases of all four projections, head norms; every factor is bounded. */
    const size_t q_dim = (size_t)s.head_count * s.head_dim;
    const size_t kv_dim = (size_t)s.kv_head_count * s.head_dim;
    const size_t layer_floats =
        3 * (size_t)s.embd_dim + q_dim + 2 * kv_dim + 2 * (size_t)s.head_dim;
    const size_t outer_floats = (size_t)s.embd_dim + s.rope.dim;
    const size_t bytes = (s.layer_count * layer_floats + outer_floats) * sizeof(float) +
                         s.layer_count * sizeof(struct model_layer);
    *out_bytes = sizeof(struct model) + 2 * bytes + ARENA_SLACK_BYTES; /* blocks are not all full */
    return OK;
}

enum status model_open(const struct gguf *file, struct model **out, struct error *err)
{
    CLEANUP(model_closep) struct model *model = mem_zalloc(sizeof(*model));
    TRY(find_arch(file, &model->arch, err));
    TRY(model->arch->read_shape(file, &model->shape, err));
    model->layers =
        arena_alloc_array(&model->memory, model->shape.layer_count, sizeof(*model->layers));
    if (!model->layers)
        return error_set(err, E_NO_MEMORY, "no memory for the layers of the model");

    struct weight_binder bind = {.file = file, .model = model};
    enum status status = model->arch->bind_weights(&bind, model, err);
    if (status == OK)
        status = weight_binder_finish(&bind, err);
    hash_map_done(&bind.bound);
    TRY(status);
    *out = model;
    model = NULL;
    return OK;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    arena_done(&model->memory);
    mem_free(model);
}
