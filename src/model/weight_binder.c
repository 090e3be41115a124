#include "model/weight_binder.h"

#include "base/arena.h"
#include "gguf/gguf.h"
#include "model/arch_list.h"
#include "model/model.h"
#include "tensor/bfloat16.h"
#include "tensor/half.h"
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LEN_MAX = 96, ARENA_ROUNDING_BYTES = 16 };

/* Old conversions have a tensor for each expert in place of one for all. */
static bool has_split_experts(const struct weight_binder *bind, const char *name)
{
    char first[NAME_LEN_MAX];
    const struct str text = str_from_c(name);
    const size_t at = str_find(text, STR("_exps.weight"), 0);
    if (at == SIZE_MAX)
        return false;
    snprintf(first, sizeof(first), "%.*s.0.weight", STR_ARG(str_slice(text, 0, at)));
    return gguf_find_tensor(bind->file, first) != NULL;
}

/* NULL when the file lacks it: an error unless the spec is optional. */
static enum status find(const struct weight_binder *bind, const char *name, bool is_optional,
                        const struct tensor **out, struct error *err)
{
    *out = gguf_find_tensor(bind->file, name);
    if (!*out && has_split_experts(bind, name))
        return error_set(err, E_UNSUPPORTED,
                         "the model file has a tensor for each expert in place of %s, as "
                         "conversions of 2023 do; get or make a newer one",
                         name);
    if (!*out && !is_optional)
        return error_set(err, E_FORMAT, "the model file lacks the tensor %s", name);
    return OK;
}

static enum status check_shape(const struct tensor *tensor, const char *name, uint64_t columns,
                               uint64_t rows, uint64_t slices, struct error *err)
{
    const uint64_t *dims = tensor->dims;
    if (dims[0] == columns && dims[1] == rows && dims[2] == slices && dims[3] == 1)
        return OK;
    char stack[32] = "";
    if (slices != 1)
        snprintf(stack, sizeof(stack), " x %" PRIu64, slices);
    return error_set(err, E_FORMAT,
                     "tensor %s is %" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64
                     "; this model needs %" PRIu64 " x %" PRIu64 "%s",
                     name, dims[0], dims[1], dims[2], dims[3], columns, rows, stack);
}

/* Element `index` of a plain tensor; the data may be unaligned. */
static float element(const struct tensor *tensor, size_t index)
{
    const unsigned char *data = tensor->data;
    if (tensor->dtype == DTYPE_F32) {
        float value = 0;
        memcpy(&value, data + index * sizeof(value), sizeof(value));
        return value;
    }
    uint16_t bits = 0;
    memcpy(&bits, data + index * sizeof(bits), sizeof(bits));
    return tensor->dtype == DTYPE_F16 ? half_to_float(bits) : bfloat16_to_float(bits);
}

static enum status bind_vector(struct weight_binder *bind, const char *name,
                               const struct tensor *tensor, const struct weight_binder_spec *spec,
                               struct error *err)
{
    const uint32_t rows = spec->rows ? spec->rows : 1;
    TRY(check_shape(tensor, name, spec->columns, rows, 1, err));
    if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_F16 && tensor->dtype != DTYPE_BF16)
        return error_set(err, E_UNSUPPORTED,
                         "tensor %s has the element type %s; norms and biases are F32, F16 or BF16",
                         name, dtype_name(tensor->dtype));
    const size_t count = (size_t)rows * spec->columns;
    bind->vector_bytes += count * sizeof(float) + ARENA_ROUNDING_BYTES;
    if (bind->counts_only)
        return OK;
    float *values = arena_alloc_array(&bind->model->memory, count, sizeof(*values));
    if (!values)
        return error_set(err, E_NO_MEMORY, "no memory for the tensor %s", name);
    for (size_t i = 0; i < count; i++) {
        const size_t row = i / spec->columns;
        const size_t column = i % spec->columns;
        values[spec->is_transposed ? column * rows + row : i] = element(tensor, i);
    }
    *spec->vector = values;
    return OK;
}

/* NVFP4 files and some others have a factor for each matrix, or each slice of a stack, as a tensor
 * NAME.scale beside NAME.weight. */
static enum status bind_scales(struct weight_binder *bind, const char *name, struct weight *weight,
                               struct error *err)
{
    char scale_name[NAME_LEN_MAX];
    const struct str whole = str_from_c(name);
    const struct str suffix = STR("weight");
    if (!str_ends_with(whole, suffix))
        return OK;
    snprintf(scale_name, sizeof(scale_name), "%.*sscale", (int)(whole.len - suffix.len), name);
    const struct tensor *tensor = gguf_find_tensor(bind->file, scale_name);
    if (!tensor)
        return OK;
    const struct weight_binder_spec spec = {
        .name = scale_name, .vector = &weight->scales, .columns = weight->slice_count};
    TRY(bind_vector(bind, scale_name, tensor, &spec, err));
    if (hash_map_add(&bind->bound, tensor->name, 1))
        bind->model->parameter_count += tensor_element_count(tensor);
    return OK;
}

static enum status bind_matrix(struct weight_binder *bind, const char *name,
                               const struct tensor *tensor, const struct weight_binder_spec *spec,
                               struct error *err)
{
    struct model *model = bind->model;
    const uint32_t slices = spec->slices ? spec->slices : 1;
    TRY(check_shape(tensor, name, spec->columns, spec->rows, slices, err));
    const struct dtype_info *info = dtype_find(tensor->dtype);
    if (!info || !info->is_supported)
        return error_set(err, E_UNSUPPORTED,
                         "tensor %s has the element type %s, which holt cannot compute with yet",
                         name, dtype_name(tensor->dtype));
    *spec->matrix = (struct weight){
        .data = tensor->data,
        .row_bytes = tensor_row_bytes(tensor),
        .row_count = spec->rows,
        .column_count = spec->columns,
        .dtype = tensor->dtype,
        .slice_count = slices,
        .slice_bytes = tensor_row_bytes(tensor) * spec->rows,
        .id = model->matrix_count++,
    };
    model->uses_dtype[tensor->dtype] = true;
    model->weight_bytes += tensor->byte_count;
    if (spec->columns > model->columns_max)
        model->columns_max = spec->columns;
    return bind_scales(bind, name, spec->matrix, err);
}

static enum status bind_tensor(struct weight_binder *bind, const char *name,
                               const struct weight_binder_spec *spec, struct error *err)
{
    const struct tensor *tensor = NULL;
    TRY(find(bind, name, spec->is_optional, &tensor, err));
    if (!tensor)
        return OK;
    if (spec->matrix)
        TRY(bind_matrix(bind, name, tensor, spec, err));
    else
        TRY(bind_vector(bind, name, tensor, spec, err));
    if (hash_map_add(&bind->bound, tensor->name, 1))
        bind->model->parameter_count += tensor_element_count(tensor);
    return OK;
}

/* What a token multiplies with of this matrix. */
static uint64_t multiply_adds_of(const struct weight_binder_spec *spec)
{
    const uint32_t slices = spec->slices ? spec->slices : 1;
    return (uint64_t)spec->rows * spec->columns * (spec->slices_used ? spec->slices_used : slices);
}

bool weight_binder_has(const struct weight_binder *bind, uint32_t layer, const char *name)
{
    char whole[NAME_LEN_MAX];
    snprintf(whole, sizeof(whole), "blk.%" PRIu32 ".%s", layer, name);
    return gguf_find_tensor(bind->file, whole) != NULL;
}

enum status weight_binder_layer(struct weight_binder *bind, uint32_t layer,
                                const struct weight_binder_spec *specs, size_t count,
                                struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char name[NAME_LEN_MAX];
        snprintf(name, sizeof(name), "blk.%" PRIu32 ".%s", layer, specs[i].name);
        TRY(bind_tensor(bind, name, &specs[i], err));
        if (specs[i].matrix && specs[i].matrix->data)
            bind->model->multiply_adds += multiply_adds_of(&specs[i]);
    }
    return OK;
}

enum status weight_binder_pair(struct weight_binder *bind, uint32_t layer,
                               const struct weight_binder_spec *spec, struct weight *first,
                               struct weight *second, struct error *err)
{
    struct weight both = {0};
    struct weight_binder_spec whole = *spec;
    whole.matrix = &both;
    whole.rows = 2 * spec->rows;
    TRY(weight_binder_layer(bind, layer, &whole, 1, err));
    if (!both.data)
        return OK;
    both.row_count = spec->rows;
    *first = *second = both;
    second->data += spec->rows * both.row_bytes;
    second->id = bind->model->matrix_count++;
    return OK;
}

enum status weight_binder_outer(struct weight_binder *bind, bool has_norm_bias, struct error *err)
{
    struct model *model = bind->model;
    const struct model_shape *s = &model->shape;
    const struct weight_binder_spec specs[] = {
        {.name = "token_embd.weight",
         .matrix = &model->token_embd,
         .columns = s->embd_dim,
         .rows = s->vocab_size},
        {.name = bind->output_norm ? bind->output_norm : "output_norm.weight",
         .vector = &model->output_norm,
         .columns = s->embd_dim},
        {.name = "output.weight",
         .matrix = &model->output,
         .columns = s->embd_dim,
         .rows = s->vocab_size,
         .is_optional = true},
        {.name = "output_norm.bias", .vector = &model->output_norm_bias, .columns = s->embd_dim},
    };
    const size_t count = ARRAY_LEN(specs) - (has_norm_bias ? 0 : 1);
    for (size_t i = 0; i < count; i++)
        TRY(bind_tensor(bind, specs[i].name, &specs[i], err));
    if (!model->output.data)
        model->output = model->token_embd;
    model->multiply_adds += (uint64_t)s->vocab_size * s->embd_dim;
    return OK;
}

enum status weight_binder_rope_factors(struct weight_binder *bind, struct error *err)
{
    struct model *model = bind->model;
    const uint32_t count = model->shape.rope[0].dim / 2;
    const struct weight_binder_spec spec = {.name = "rope_freqs.weight",
                                            .vector = &model->rope_factors,
                                            .columns = count,
                                            .is_optional = true};
    TRY(bind_tensor(bind, spec.name, &spec, err));
    for (uint32_t i = 0; model->rope_factors && i < count; i++)
        if (!(isfinite(model->rope_factors[i]) && model->rope_factors[i] > 0))
            return error_set(err, E_FORMAT, "value %" PRIu32 " of rope_freqs.weight is %g", i,
                             (double)model->rope_factors[i]);
    return OK;
}

/* ---------------------------------------------------------------- embeddings and classes */

enum status weight_binder_named(struct weight_binder *bind, const struct weight_binder_spec *spec,
                                struct error *err)
{
    return bind_tensor(bind, spec->name, spec, err);
}

enum status weight_binder_head_matrix(struct weight_binder *bind, const char *name,
                                      uint32_t columns, uint32_t rows_max, struct weight *out,
                                      struct error *err)
{
    const struct tensor *tensor = gguf_find_tensor(bind->file, name);
    if (!tensor)
        return OK;
    const uint64_t rows = tensor_row_count(tensor);
    if (rows > rows_max)
        return error_set(err, E_LIMIT, "tensor %s has %" PRIu64 " rows (limit %" PRIu32 ")", name,
                         rows, rows_max);
    const struct weight_binder_spec spec = {
        .name = name, .matrix = out, .columns = columns, .rows = (uint32_t)rows};
    return bind_tensor(bind, name, &spec, err);
}

static enum status bind_classifier(struct weight_binder *bind, struct error *err)
{
    struct model *model = bind->model;
    struct head_weights *head = &model->head;
    const uint32_t d = model->shape.embd_dim;
    TRY(weight_binder_head_matrix(bind, "cls.output.weight", d, MODEL_LABELS_MAX, &head->labels,
                                  err));
    model->shape.embedding.label_count = head->labels.row_count;
    const struct weight_binder_spec specs[] = {
        {.name = "cls.weight",
         .matrix = &head->hidden,
         .columns = d,
         .rows = d,
         .is_optional = true},
        {.name = "cls.bias", .vector = &head->hidden_bias, .columns = d, .is_optional = true},
        {.name = "cls.output.bias",
         .vector = &head->label_bias,
         .columns = head->labels.row_count,
         .is_optional = true},
    };
    const size_t count = ARRAY_LEN(specs) - (head->labels.data ? 0 : 1);
    for (size_t i = 0; i < count; i++)
        TRY(bind_tensor(bind, specs[i].name, &specs[i], err));
    return OK;
}

enum status weight_binder_head(struct weight_binder *bind, struct error *err)
{
    static const char *const names[] = {"dense_2.weight", "dense_3.weight"};
    struct model *model = bind->model;
    uint32_t columns = model->shape.embd_dim;
    TRY(bind_classifier(bind, err));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct weight *dense = &model->head.dense[i];
        TRY(weight_binder_head_matrix(bind, names[i], columns, MODEL_EMBD_MAX, dense, err));
        columns = dense->data ? dense->row_count : columns;
    }
    model->shape.embedding.dim = columns;
    return OK;
}

/* Whether `name` is "blk.<n>." with n a block behind the layers that a step runs through. */
static bool is_behind_layers(const struct model_shape *s, struct str name)
{
    if (!str_starts_with(name, STR("blk.")))
        return false;
    uint64_t block = 0;
    size_t at = 4;
    for (; at < name.len && name.ptr[at] >= '0' && name.ptr[at] <= '9' && block < s->block_count;
         at++)
        block = 10 * block + (uint64_t)(name.ptr[at] - '0');
    return at > 4 && at < name.len && name.ptr[at] == '.' && block >= s->layer_count &&
           block < s->block_count;
}

enum status weight_binder_finish(const struct weight_binder *bind, struct error *err)
{
    const struct model_shape *s = &bind->model->shape;
    const size_t count = gguf_tensor_count(bind->file);
    for (size_t i = 0; i < count; i++) {
        const struct str name = gguf_tensor(bind->file, i)->name;
        uint64_t unused = 0;
        /* Scales of activations, for devices that quantize them: no effect on the result. Blocks
         * for speculation: of use only to families that bind them. */
        if (str_ends_with(name, STR(".input_scale")) || is_behind_layers(s, name) ||
            hash_map_find(&bind->bound, name, &unused))
            continue;
        return error_set(err, E_UNSUPPORTED,
                         "the file has a tensor %.*s, which holt does not use in a %s model",
                         STR_ARG(str_slice(name, 0, NAME_LEN_MAX)), bind->model->arch->name);
    }
    return OK;
}
