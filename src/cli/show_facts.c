#include "cli/show_facts.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "chat/tool_format.h"
#include "engine/engine.h"
#include "engine/memory_plan.h"
#include "gguf/gguf.h"
#include "model/model.h"
#include "os/cpu.h"
#include "os/memory.h"
#include "text/clean_text.h"
#include "text/json.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

/* ---------------------------------------------------------------- metadata */

static json_t *clean_json(struct str text)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_whole(text, &clean);
    return json_stringn(strbuf_c(&clean), clean.len);
}

static json_t *key_value(const struct gguf *file, const struct gguf_entry *entry)
{
    CLEANUP(strbuf_done) struct strbuf key = {0};
    strbuf_add_str(&key, entry->key);
    struct str text = {0};
    int64_t integer = 0;
    uint64_t large = 0;
    double real = 0;
    bool flag = false;
    switch (entry->type) {
    case GGUF_TYPE_STR:
        return gguf_get_str(file, strbuf_c(&key), &text, NULL) == OK ? clean_json(text)
                                                                     : json_null();
    case GGUF_TYPE_BOOL:
        return gguf_get_bool(file, strbuf_c(&key), &flag, NULL) == OK ? json_boolean(flag)
                                                                      : json_null();
    case GGUF_TYPE_F32:
    case GGUF_TYPE_F64:
        return gguf_get_f64(file, strbuf_c(&key), &real, NULL) == OK ? json_real(real)
                                                                     : json_null();
    case GGUF_TYPE_ARRAY:
        return json_sprintf("[%zu x %s]", entry->count, gguf_type_name(entry->element_type));
    case GGUF_TYPE_U8:
    case GGUF_TYPE_I8:
    case GGUF_TYPE_U16:
    case GGUF_TYPE_I16:
    case GGUF_TYPE_U32:
    case GGUF_TYPE_I32:
    case GGUF_TYPE_U64:
    case GGUF_TYPE_I64: break;
    }
    if (gguf_get_i64(file, strbuf_c(&key), &integer, NULL) == OK)
        return json_integer(integer);
    if (gguf_get_u64(file, strbuf_c(&key), &large, NULL) == OK)
        return json_sprintf("%" PRIu64, large);
    return json_null();
}

/* A number for each layer, as a list; anything else as key_value(). */
static json_t *layer_values(const struct gguf *file, const struct gguf_entry *entry)
{
    CLEANUP(strbuf_done) struct strbuf key = {0};
    struct gguf_array array = {0};
    strbuf_add_str(&key, entry->key);
    if (entry->type != GGUF_TYPE_ARRAY || entry->count > MODEL_LAYERS_MAX ||
        gguf_get_array(file, strbuf_c(&key), GGUF_ARRAY_INT, &array, NULL) != OK)
        return key_value(file, entry);
    json_t *list = json_array();
    for (size_t i = 0; i < array.count; i++)
        json_array_append_new(list, json_integer(gguf_array_i64(&array, i)));
    return list;
}

static void set_key(json_t *object, const char *name, const struct gguf *file, const char *key)
{
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct gguf_entry entry = gguf_entry(file, i);
        if (str_equal_c(entry.key, key)) {
            json_object_set_new(object, name, layer_values(file, &entry));
            return;
        }
    }
    json_object_set_new(object, name, json_null());
}

/* As set_key(), with the architecture's name and a dot in front of the key. */
static void set_arch_key(json_t *object, const char *name, const struct gguf *file,
                         const char *suffix)
{
    struct str architecture = {0};
    CLEANUP(strbuf_done) struct strbuf key = {0};
    if (gguf_get_str(file, "general.architecture", &architecture, NULL) != OK)
        return;
    strbuf_add_str(&key, architecture);
    strbuf_add_c(&key, suffix);
    set_key(object, name, file, strbuf_c(&key));
}

/* ---------------------------------------------------------------- tensors */

/* What a tensor is for, by its name: the first pattern that is in it. */
static const char *group_of(const struct tensor *tensor)
{
    static const struct {
        const char *pattern;
        const char *group;
    } rows[] = {
        {"nextn.", "draft head"},
        {"_norm", "norms"},
        {"norm.", "norms"},
        {".bias", "biases"},
        {"attn_", "attention"},
        {"token_embd", "embedding"},
        {"position_embd", "embedding"},
        {"token_types", "embedding"},
        {"output.weight", "output"},
        {"_exps", "experts"},
        {"ffn_gate_inp", "router"},
        {"exp_probs", "router"},
        {"_shexp", "shared expert"},
        {"ffn_", "feed-forward"},
        {"ssm_", "recurrent"},
        {"shortconv", "recurrent"},
        {"rope_f", "rope factors"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_find(tensor->name, str_from_c(rows[i].pattern), 0) != SIZE_MAX)
            return rows[i].group;
    }
    return "other";
}

static const char *type_name(const struct tensor *tensor)
{
    const struct dtype_info *info = dtype_find((uint32_t)tensor->dtype);
    return info ? info->name : "?";
}

/* Adds a tensor to {"Q8_0": {"tensors": 12, "bytes": 345}}. */
static void count_type(json_t *types, const struct tensor *tensor)
{
    const char *name = type_name(tensor);
    const json_t *row = json_object_get(types, name);
    const json_int_t count = json_integer_value(json_object_get(row, "tensors"));
    const json_int_t bytes = json_integer_value(json_object_get(row, "bytes"));
    json_object_set_new(types, name,
                        json_pack("{s:I, s:I}", "tensors", count + 1, "bytes",
                                  bytes + (json_int_t)tensor->byte_count));
}

/* Types of all tensors, and of each group, in the order of the file. */
static void add_types(json_t *object, const struct gguf *file)
{
    json_t *types = json_object();
    json_t *groups = json_object();
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        const char *name = group_of(tensor);
        if (!json_object_get(groups, name))
            json_object_set_new(groups, name, json_object());
        count_type(types, tensor);
        count_type(json_object_get(groups, name), tensor);
    }
    json_object_set_new(object, "types", types);
    json_object_set_new(object, "groups", groups);
}

static void add_all(json_t *object, const struct gguf *file)
{
    json_t *keys = json_object();
    json_t *tensors = json_array();
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct gguf_entry entry = gguf_entry(file, i);
        CLEANUP(strbuf_done) struct strbuf key = {0};
        clean_text_line(entry.key, &key);
        json_object_set_new(keys, strbuf_c(&key), key_value(file, &entry));
    }
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        const struct dtype_info *info = dtype_find((uint32_t)tensor->dtype);
        json_t *dims = json_array();
        for (uint32_t d = 0; d < tensor->dim_count; d++)
            json_array_append_new(dims, json_integer((json_int_t)tensor->dims[d]));
        json_array_append_new(tensors,
                              json_pack("{s:o, s:s, s:o}", "name", clean_json(tensor->name), "type",
                                        info ? info->name : "?", "dims", dims));
    }
    json_object_set_new(object, "metadata", keys);
    json_object_set_new(object, "tensors", tensors);
}

/* ---------------------------------------------------------------- tokenizer and template */

static json_t *token_json(const struct tokenizer *tokenizer, int32_t id)
{
    if (id < 0)
        return json_null();
    CLEANUP(strbuf_done) struct strbuf text = {0};
    clean_text_line(tokenizer_piece(tokenizer, id), &text);
    return json_pack("{s:I, s:s%}", "id", (json_int_t)id, "text", strbuf_c(&text), text.len);
}

static json_t *problem_json(const struct error *err)
{
    return clean_json(str_from_c(err->text));
}

static json_t *tokenizer_json(const struct gguf *file, const struct tokenizer *tokenizer,
                              const struct error *err)
{
    json_t *object = json_object();
    set_key(object, "model", file, "tokenizer.ggml.model");
    set_key(object, "pre", file, "tokenizer.ggml.pre");
    if (!tokenizer) {
        json_object_set_new(object, "problem", problem_json(err));
        return object;
    }
    json_object_set_new(object, "tokens",
                        json_integer((json_int_t)tokenizer_vocab_size(tokenizer)));
    json_object_set_new(object, "bos", token_json(tokenizer, tokenizer_bos(tokenizer)));
    json_object_set_new(object, "eos", token_json(tokenizer, tokenizer_eos(tokenizer)));
    json_object_set_new(object, "adds_bos", json_boolean(tokenizer_adds_bos(tokenizer)));
    json_object_set_new(object, "adds_eos", json_boolean(tokenizer_adds_eos(tokenizer)));
    return object;
}

static const char *reasoning_text(enum chat_reasoning_key key)
{
    switch (key) {
    case CHAT_REASONING_NONE: break;
    case CHAT_REASONING_CONTENT: return "reasoning_content";
    case CHAT_REASONING_THINKING: return "thinking";
    case CHAT_REASONING_PLAIN: return "reasoning";
    case CHAT_REASONING_PART: return "content part";
    }
    return NULL;
}

static json_t *caps_json(const struct chat_template *chat_template)
{
    const struct chat_template_caps *caps = chat_template_get_caps(chat_template);
    const struct {
        const char *name;
        bool value;
    } flags[] = {
        {"system", caps->system_role},
        {"late_system", caps->late_system},
        {"repeated_roles", caps->repeated_roles},
        {"tools", caps->tools},
        {"tool_calls", caps->tool_calls},
        {"parallel_calls", caps->parallel_calls},
        {"tool_results", caps->tool_results},
        {"content_parts", caps->parts_content},
        {"arguments_as_text", caps->arguments_as_text},
        {"generation_prompt", caps->generation_prompt},
    };
    bool is_known = false;
    const struct tool_format *format = tool_format_detect(chat_template, &is_known);
    const char *reasoning = reasoning_text(caps->reasoning);
    json_t *object = json_object();
    json_object_set_new(object, "bytes",
                        json_integer((json_int_t)chat_template_source(chat_template).len));
    json_object_set_new(object, "tool_format", json_string(format->name));
    json_object_set_new(object, "tool_format_found", json_boolean(is_known));
    json_object_set_new(object, "reasoning", reasoning ? json_string(reasoning) : json_null());
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        json_object_set_new(object, flags[i].name, json_boolean(flags[i].value));
    return object;
}

static json_t *template_json(const struct gguf *file, const struct tokenizer *tokenizer)
{
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    struct error err = {0};
    if (!tokenizer)
        return json_null();
    if (engine_open_template(file, tokenizer, (struct str){0}, &chat_template, &err) != OK)
        return json_pack("{s:o}", "problem", problem_json(&err));
    return chat_template ? caps_json(chat_template) : json_null();
}

/* ---------------------------------------------------------------- memory */

/* In the order they are shown in. */
static const enum kv_kind kv_kinds[] = {KV_KIND_F16, KV_KIND_Q8, KV_KIND_T4, KV_KIND_T3,
                                        KV_KIND_F32};

static json_t *bytes_json(uint64_t bytes)
{
    return json_integer(bytes > INT64_MAX ? INT64_MAX : (json_int_t)bytes);
}

/* What a context costs and which fits, at one way of keeping keys and values. */
static json_t *kv_json(const struct model *model, enum kv_kind kind, json_t *object)
{
    struct infer_config infer = {.cpu_features = cpu_features(), .kv_kind = kind};
    struct memory_plan plan;
    struct error err = {0};
    struct error fault = {0};
    struct memory_own own;
    uint64_t used = 0;
    CLEANUP(strbuf_done) struct strbuf why = {0};
    const enum status status = memory_plan_make(model, &infer, 0, 0, &plan, &err);
    if (status != OK && status != E_LIMIT)
        return json_pack("{s:o}", "problem", problem_json(&err));
    memory_own_read(&own);
    if (kind == KV_KIND_F16) { /* what holt uses */
        json_object_set_new(object, "weights", bytes_json(plan.weight_bytes));
        json_object_set_new(object, "program", bytes_json(own.anonymous_bytes + own.file_bytes));
        json_object_set_new(object, "working", bytes_json(plan.fixed_bytes - plan.states_bytes));
        json_object_set_new(object, "states", bytes_json(plan.states_bytes));
        json_object_set_new(object, "state", bytes_json(plan.state_bytes));
        json_object_set_new(object, "available", bytes_json(plan.total_bytes));
        json_object_set_new(object, "reserve", bytes_json(plan.reserve_bytes));
        if (memory_plan_used(model, &infer, SHOW_FACTS_PROMPT_TOKENS,
                             own.anonymous_bytes + own.file_bytes, &used, &fault) == OK)
            json_object_set_new(object, "used_with_512_tokens", bytes_json(used));
    }
    if (status != OK)
        return json_pack("{s:o}", "problem", problem_json(&err));
    memory_plan_explain(&plan, &why);
    return json_pack("{s:I, s:I, s:I, s:s}", "token_bytes", (json_int_t)plan.token_bytes, "context",
                     (json_int_t)plan.context_tokens, "context_fits", (json_int_t)plan.context_fits,
                     "why", strbuf_c(&why));
}

static json_t *memory_json(const struct model *model)
{
    json_t *object = json_object();
    json_t *kinds = json_object();
    for (size_t i = 0; i < ARRAY_LEN(kv_kinds); i++)
        json_object_set_new(kinds, kv_kind_name(kv_kinds[i]), kv_json(model, kv_kinds[i], object));
    json_object_set_new(object, "kv", kinds);
    return object;
}

static void add_engine_facts(json_t *object, const struct gguf *file)
{
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    CLEANUP(model_closep) struct model *model = NULL;
    struct error err = {0};
    (void)!tokenizer_new(file, &tokenizer, &err);
    json_object_set_new(object, "tokenizer", tokenizer_json(file, tokenizer, &err));
    json_object_set_new(object, "template", template_json(file, tokenizer));
    if (model_open(file, &model, &err) == OK) {
        json_object_set_new(object, "memory", memory_json(model));
        return;
    }
    json_object_set_new(object, "memory", json_null());
    json_object_set_new(object, "problem", problem_json(&err));
}

json_t *show_facts_collect(const struct gguf *file, bool shows_all)
{
    json_t *object = json_object();
    uint64_t parameters = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        parameters += tensor_element_count(gguf_tensor(file, i));
    set_key(object, "name", file, "general.name");
    set_key(object, "architecture", file, "general.architecture");
    set_key(object, "license", file, "general.license");
    json_object_set_new(object, "parameters", json_integer((json_int_t)parameters));
    json_object_set_new(object, "bytes", json_integer((json_int_t)gguf_byte_count(file)));
    add_types(object, file);
    set_arch_key(object, "context_trained", file, ".context_length");
    set_arch_key(object, "layers", file, ".block_count");
    set_arch_key(object, "width", file, ".embedding_length");
    set_arch_key(object, "heads", file, ".attention.head_count");
    set_arch_key(object, "kv_heads", file, ".attention.head_count_kv");
    set_arch_key(object, "experts", file, ".expert_count");
    set_arch_key(object, "experts_used", file, ".expert_used_count");
    add_engine_facts(object, file);
    if (shows_all)
        add_all(object, file);
    return object;
}
