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
    char known[400];
    struct strbuf list = {0};
    for (size_t i = 0; arch_list_at(i); i++)
        strbuf_addf(&list, "%s%s", i ? ", " : "", arch_list_at(i)->name);
    snprintf(known, sizeof(known), "%s", strbuf_c(&list));
    strbuf_done(&list);
    return error_set(err, E_UNSUPPORTED, "model family '%.*s' is not supported (holt knows: %s)",
                     STR_ARG(str_slice(name, 0, ARCH_NAME_SHOWN_MAX)), known);
}

static enum status read_shape(const struct gguf *file, struct model *model, struct error *err)
{
    TRY(find_arch(file, &model->arch, err));
    TRY(model->arch->read_shape(file, &model->shape, err));
    TRY(model_shape_finish(&model->shape, model->arch->name, err));
    model->layers =
        arena_alloc_array(&model->memory, model->shape.block_count, sizeof(*model->layers));
    if (!model->layers)
        return error_set(err, E_NO_MEMORY, "no memory for the layers of the model");
    return OK;
}

static enum status bind_weights(struct weight_binder *bind, struct error *err)
{
    enum status status = bind->model->arch->bind_weights(bind, bind->model, err);
    if (status == OK)
        status = weight_binder_finish(bind, err);
    hash_map_done(&bind->bound);
    return status;
}

enum status model_memory(const struct gguf *file, size_t *out_bytes, struct error *err)
{
    CLEANUP(model_closep) struct model *model = mem_zalloc(sizeof(*model));
    TRY(read_shape(file, model, err));
    struct weight_binder bind = {.file = file, .model = model, .counts_only = true};
    TRY(bind_weights(&bind, err));
    /* Blocks of an arena are not all full. */
    *out_bytes = sizeof(*model) + 2 * (model->memory.used_bytes + (size_t)bind.vector_bytes) +
                 ARENA_SLACK_BYTES;
    return OK;
}

enum status model_open(const struct gguf *file, struct model **out, struct error *err)
{
    CLEANUP(model_closep) struct model *model = mem_zalloc(sizeof(*model));
    TRY(read_shape(file, model, err));
    model->is_mapped = gguf_is_mapped(file);
    struct weight_binder bind = {.file = file, .model = model};
    TRY(bind_weights(&bind, err));
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
