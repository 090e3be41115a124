#include "cli/fit_facts.h"

#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/fit_models.h"
#include "cli/locked_child.h"
#include "cli/model_file.h"
#include "engine/memory_plan.h"
#include "gguf/gguf.h"
#include "infer/infer.h"
#include "infer/kv_cache.h"
#include "kernel/kv_row.h"
#include "model/kv_view.h"
#include "model/model.h"
#include "os/cpu.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <stdio.h>

enum {
    FORK_PAGES = 4, /* memory_plan.c keeps as many beyond the context */
    SCRATCH_ROWS_PER_WIDTH = 24,
    F16_BYTES = 2,
};

/* More than any machine has: the shape is asked for, not what fits. */
static const uint64_t ENOUGH_BYTES = UINT64_C(1) << 52;

/* Beyond this a number in the answer of a child is nonsense. */
static const json_int_t NUMBER_MAX = INT64_C(1) << 52;

/* ---------------------------------------------------------------- from a file */

static bool has(const struct tensor *tensor, const char *part)
{
    return str_find(tensor->name, str_from_c(part), 0) != SIZE_MAX;
}

/* Of one tensor, for each token: of experts those that are used, of a table that is only looked
 * into nothing. */
static uint64_t bytes_read(const struct tensor *tensor, const struct model *model)
{
    const bool is_table =
        has(tensor, "position_embd") || has(tensor, "token_types") ||
        (has(tensor, "token_embd.") && model->output.data != model->token_embd.data);
    const struct experts_shape *experts = &model->shape.experts;
    if (is_table || has(tensor, "nextn."))
        return 0;
    if (has(tensor, "_exps") && experts->count > 0)
        return tensor->byte_count / experts->count * experts->used_count;
    return tensor->byte_count;
}

static void read_tensors(const struct gguf *file, const struct model *model, struct fit_facts *out)
{
    uint64_t bytes[DTYPE_ID_MAX + 1] = {0};
    uint32_t most = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        out->shape.read_bytes += bytes_read(tensor, model);
        if ((uint32_t)tensor->dtype > DTYPE_ID_MAX)
            continue;
        bytes[tensor->dtype] += tensor->byte_count;
        most = bytes[tensor->dtype] > bytes[most] ? tensor->dtype : most;
    }
    snprintf(out->type, sizeof(out->type), "%s", dtype_name(most));
}

static enum status read_memory(const struct model *model, enum kv_kind kind,
                               struct fit_shape *shape, struct error *err)
{
    struct infer_config infer = {
        .cpu_features = cpu_features(), .kv_kind = kind, .state_count = MEMORY_PLAN_STATES_LEAST};
    struct memory_plan plan;
    TRY(memory_plan_make(model, &infer, FIT_PLAN_CONTEXT_LEAST, ENOUGH_BYTES, &plan, err));
    shape->token_bytes[kind] = plan.token_bytes;
    shape->state_bytes = plan.state_bytes;
    if (plan.fixed_bytes > shape->fixed_bytes)
        shape->fixed_bytes = plan.fixed_bytes;
    return OK;
}

enum status fit_facts_read(const char *path, struct fit_facts *out, struct error *err)
{
    *out = (struct fit_facts){0};
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    TRY(model_file_open(path, &file, err));
    TRY(model_open(file, &model, err));
    if (model->shape.sees_all)
        return error_set(err, E_UNSUPPORTED, "it makes embeddings, no text");
    const uint64_t output = (uint64_t)model->shape.vocab_size * model->shape.embd_dim;
    out->parameter_count = model->parameter_count;
    out->shape.weight_bytes = model->weight_bytes;
    out->shape.context_trained = model->shape.context_length;
    out->shape.multiply_adds =
        model->multiply_adds > output ? model->multiply_adds - output : model->multiply_adds;
    read_tensors(file, model, out);
    TRY(read_memory(model, KV_KIND_F16, &out->shape, err));
    TRY(read_memory(model, KV_KIND_Q8, &out->shape, err));
    const enum status status = read_memory(model, KV_KIND_T4, &out->shape, err);
    return status == E_UNSUPPORTED ? OK : status; /* not every head can be coded */
}

int fit_facts_print(const char *path)
{
    struct fit_facts facts = {0};
    struct error err = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    const struct fit_shape *shape = &facts.shape;
    CLEANUP(json_decrefp) json_t *object = NULL;
    if (fit_facts_read(path, &facts, &err) != OK) {
        clean_text_line(str_from_c(err.text), &clean);
        object = json_pack("{s:s}", "problem", strbuf_c(&clean));
    } else {
        object =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type", facts.type,
                      "parameters", (json_int_t)facts.parameter_count, "weight_bytes",
                      (json_int_t)shape->weight_bytes, "read_bytes", (json_int_t)shape->read_bytes,
                      "f16_bytes", (json_int_t)shape->token_bytes[KV_KIND_F16], "q8_bytes",
                      (json_int_t)shape->token_bytes[KV_KIND_Q8], "t4_bytes",
                      (json_int_t)shape->token_bytes[KV_KIND_T4], "state_bytes",
                      (json_int_t)shape->state_bytes, "fixed_bytes", (json_int_t)shape->fixed_bytes,
                      "multiply_adds", (json_int_t)shape->multiply_adds, "context_trained",
                      (json_int_t)shape->context_trained);
    }
    json_write_python(object, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    return EXIT_OK;
}

/* ---------------------------------------------------------------- from what was printed */

enum status fit_facts_parse(struct str text, struct fit_facts *out, struct error *err)
{
    const struct json_limits limits = {.size_max = FIT_FACTS_BYTES_MAX, .depth_max = 2};
    CLEANUP(json_decrefp) json_t *object = NULL;
    struct fit_facts facts = {0};
    struct str word = {0};
    uint64_t context = 0;
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {
        {"parameters", &facts.parameter_count},
        {"weight_bytes", &facts.shape.weight_bytes},
        {"read_bytes", &facts.shape.read_bytes},
        {"f16_bytes", &facts.shape.token_bytes[KV_KIND_F16]},
        {"q8_bytes", &facts.shape.token_bytes[KV_KIND_Q8]},
        {"t4_bytes", &facts.shape.token_bytes[KV_KIND_T4]},
        {"state_bytes", &facts.shape.state_bytes},
        {"fixed_bytes", &facts.shape.fixed_bytes},
        {"multiply_adds", &facts.shape.multiply_adds},
        {"context_trained", &context},
    };
    TRY(json_parse(text, &limits, &object, err));
    if (json_member_str(object, "problem", &word))
        return error_set(err, E_UNSUPPORTED, "%.*s", STR_ARG(word));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const json_t *value = json_object_get(object, numbers[i].name);
        const json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || number > NUMBER_MAX)
            return error_set(err, E_FORMAT, "the process that read the model gave no usable %s",
                             numbers[i].name);
        *numbers[i].to = (uint64_t)number;
    }
    if (!json_member_str(object, "type", &word) || word.len >= sizeof(facts.type) ||
        context > UINT32_MAX)
        return error_set(err, E_FORMAT, "the process that read the model gave no usable type");
    memcpy(facts.type, word.ptr, word.len);
    facts.shape.context_trained = (uint32_t)context;
    *out = facts;
    return OK;
}

static int print_in_child(void *context)
{
    return fit_facts_print(*(const char *const *)context);
}

enum status fit_facts_of_file(const char *path, bool no_color, struct fit_facts *out,
                              struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = FIT_FACTS_BYTES_MAX};
    const struct locked_child child = {
        .model_path = path,
        .output = &text,
        .no_color = no_color,
        .run = print_in_child,
        .context = &path,
    };
    if (locked_child_run(&child) != EXIT_OK)
        return error_set(err, E_IO, "it could not be read");
    return fit_facts_parse(strbuf_view(&text), out, err);
}

/* ---------------------------------------------------------------- from the table */

/* Of one token in all layers; 0: heads of this size cannot be coded. */
static uint64_t coded_bytes(const struct fit_model *model)
{
    if (!kv_code_fits(model->key_size) || !kv_code_fits(model->value_size))
        return 0;
    const uint32_t heads = model->kv_heads;
    const struct kv_view_codes end =
        kv_view_codes_of(KV_KIND_T4, heads, heads, model->key_size, model->value_size, 0);
    return model->attention_count * (end.value_tails / KV_PAGE_TOKENS);
}

void fit_facts_of(const struct fit_model *model, const struct fit_models_size *size,
                  struct fit_facts *out)
{
    const uint64_t heads = (uint64_t)model->attention_count * model->kv_heads;
    struct fit_shape *shape = &out->shape;
    *out = (struct fit_facts){.parameter_count = model->parameter_count};
    snprintf(out->type, sizeof(out->type), "%s", size->type);
    shape->weight_bytes = size->file_bytes;
    shape->read_bytes = size->read_bytes;
    shape->token_bytes[KV_KIND_F16] = heads * F16_BYTES * (model->key_size + model->value_size);
    shape->token_bytes[KV_KIND_Q8] =
        heads * (kv_row_q8_bytes(model->key_size) + kv_row_q8_bytes(model->value_size));
    shape->token_bytes[KV_KIND_T4] = coded_bytes(model);
    shape->state_bytes = model->state_bytes;
    shape->fixed_bytes = MEMORY_PLAN_STATES_LEAST * model->state_bytes +
                         sizeof(float) * ((uint64_t)INFER_LOGITS_ROWS_DEFAULT * model->vocabulary +
                                          (uint64_t)INFER_BATCH_ROWS_DEFAULT *
                                              SCRATCH_ROWS_PER_WIDTH * model->width) +
                         (uint64_t)FORK_PAGES * KV_PAGE_TOKENS * shape->token_bytes[KV_KIND_F16];
    shape->multiply_adds = model->active_count - (uint64_t)model->vocabulary * model->width;
    shape->context_trained = model->context_trained;
}
