/* holt show - what a model file holds. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "gguf/gguf.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <inttypes.h>

struct show_args {
    const char *model;
    bool is_json;
    bool shows_all;
};

static const struct option_spec options[] = {
    OPTION_PATH(struct show_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_FLAG(struct show_args, shows_all, 'a', "all", "every metadata key and every tensor"),
    OPTION_FLAG(struct show_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

enum { VALUE_BYTES_MAX = 200 };

struct work {
    const struct show_args *args;
    const char *model_path;
};

/* ---------------------------------------------------------------- facts */

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

/* {"Q8_0": {"tensors": 12, "bytes": 345}}, in the order of the file. */
static json_t *types_json(const struct gguf *file)
{
    json_t *types = json_object();
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        const struct dtype_info *info = dtype_find((uint32_t)tensor->dtype);
        const char *name = info ? info->name : "?";
        json_t *row = json_object_get(types, name);
        const json_int_t count = json_integer_value(json_object_get(row, "tensors"));
        const json_int_t bytes = json_integer_value(json_object_get(row, "bytes"));
        json_object_set_new(types, name,
                            json_pack("{s:I, s:I}", "tensors", count + 1, "bytes",
                                      bytes + (json_int_t)tensor->byte_count));
    }
    return types;
}

static void set_key(json_t *object, const char *name, const struct gguf *file, const char *key)
{
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct gguf_entry entry = gguf_entry(file, i);
        if (str_equal_c(entry.key, key)) {
            json_object_set_new(object, name, key_value(file, &entry));
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

static json_t *summary_json(const struct gguf *file)
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
    set_arch_key(object, "context", file, ".context_length");
    set_arch_key(object, "layers", file, ".block_count");
    set_arch_key(object, "width", file, ".embedding_length");
    set_arch_key(object, "heads", file, ".attention.head_count");
    set_arch_key(object, "kv_heads", file, ".attention.head_count_kv");
    set_key(object, "tokenizer", file, "tokenizer.ggml.model");
    set_key(object, "pre_tokenizer", file, "tokenizer.ggml.pre");
    struct gguf_array tokens = {0};
    const bool has_tokens =
        gguf_get_array(file, "tokenizer.ggml.tokens", GGUF_ARRAY_STR, &tokens, NULL) == OK;
    json_object_set_new(object, "vocabulary",
                        has_tokens ? json_integer((json_int_t)tokens.count) : json_null());
    json_object_set_new(object, "has_template",
                        json_boolean(gguf_has(file, "tokenizer.chat_template")));
    json_object_set_new(object, "types", types_json(file));
    return object;
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

/* ---------------------------------------------------------------- lines */

static void add_count(struct strbuf *out, double value)
{
    static const char *const units[] = {"", " thousand", " million", " billion"};
    unsigned unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    strbuf_addf(out, unit ? "%.3g%s" : "%.0f%s", value, units[unit]);
}

static void add_bytes(struct strbuf *out, double value)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    strbuf_addf(out, unit ? "%.3g %s" : "%.0f %s", value, units[unit]);
}

/* One value on one line, cut to a length people read. */
static void add_value(struct strbuf *out, const json_t *value)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    if (json_is_string(value)) {
        clean_text_line(json_str(value), &line);
    } else if (json_is_null(value)) {
        strbuf_add_c(&line, "-");
    } else {
        json_write_python(value, &line);
    }
    const struct str shown = str_slice(strbuf_view(&line), 0, VALUE_BYTES_MAX);
    clean_text_line(shown, out);
    strbuf_add_c(out, shown.len < line.len ? "..." : "");
}

static void add_line(struct strbuf *out, const char *label, const json_t *object, const char *name)
{
    strbuf_addf(out, "%-14s ", label);
    add_value(out, json_object_get(object, name));
    strbuf_add_char(out, '\n');
}

static void add_types(struct strbuf *out, const json_t *types)
{
    const char *name = NULL;
    json_t *row = NULL;
    strbuf_addf(out, "%-14s ", "types");
    bool is_first = true;
    json_object_foreach((json_t *)(uintptr_t)types, name, row)
    {
        strbuf_addf(out, "%s%s: %" JSON_INTEGER_FORMAT " (", is_first ? "" : ", ", name,
                    json_integer_value(json_object_get(row, "tensors")));
        add_bytes(out, (double)json_integer_value(json_object_get(row, "bytes")));
        strbuf_add_char(out, ')');
        is_first = false;
    }
    strbuf_add_char(out, '\n');
}

static void add_lists(struct strbuf *out, const json_t *object)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t index = 0;
    strbuf_add_c(out, "\nmetadata\n");
    json_object_foreach(json_object_get(object, "metadata"), name, value)
    {
        strbuf_addf(out, "  %s = ", name);
        add_value(out, value);
        strbuf_add_char(out, '\n');
    }
    strbuf_add_c(out, "\ntensors\n");
    json_array_foreach(json_object_get(object, "tensors"), index, value)
    {
        CLEANUP(strbuf_done) struct strbuf dims = {0};
        json_write_python(json_object_get(value, "dims"), &dims);
        strbuf_addf(out, "  %-40s %-6s %s\n", json_string_value(json_object_get(value, "name")),
                    json_string_value(json_object_get(value, "type")), strbuf_c(&dims));
    }
}

static void print_lines(const json_t *object, bool shows_all)
{
    CLEANUP(strbuf_done) struct strbuf out = {0};
    add_line(&out, "name", object, "name");
    add_line(&out, "architecture", object, "architecture");
    add_line(&out, "license", object, "license");
    strbuf_addf(&out, "%-14s ", "parameters");
    add_count(&out, (double)json_integer_value(json_object_get(object, "parameters")));
    strbuf_addf(&out, "\n%-14s ", "size");
    add_bytes(&out, (double)json_integer_value(json_object_get(object, "bytes")));
    strbuf_add_char(&out, '\n');
    add_types(&out, json_object_get(object, "types"));
    add_line(&out, "context", object, "context");
    add_line(&out, "layers", object, "layers");
    add_line(&out, "width", object, "width");
    add_line(&out, "heads", object, "heads");
    add_line(&out, "KV heads", object, "kv_heads");
    add_line(&out, "tokenizer", object, "tokenizer");
    add_line(&out, "pre-tokenizer", object, "pre_tokenizer");
    add_line(&out, "vocabulary", object, "vocabulary");
    const bool has_template = json_is_true(json_object_get(object, "has_template"));
    strbuf_addf(&out, "%-14s %s\n", "chat template", has_template ? "yes" : "no");
    if (shows_all)
        add_lists(&out, object);
    fwrite(out.ptr, 1, out.len, stdout);
}

static int run_work(void *context)
{
    const struct work *work = context;
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct error err = {0};
    if (model_file_open(work->model_path, &file, &err) != OK) {
        model_file_blame(work->model_path, &err);
        return command_fail(&err);
    }
    CLEANUP(json_decrefp) json_t *object = summary_json(file);
    if (work->args->shows_all)
        add_all(object, file);
    if (work->args->is_json)
        json_print(object);
    else
        print_lines(object, work->args->shows_all);
    return EXIT_OK;
}

static int run(const struct command_call *call)
{
    const struct show_args *args = call->options;
    const char *name = call->operand_count > 0 ? call->operands[0] : args->model;
    struct work work = {.args = args};
    return model_command_run(call, name, &work.model_path, NULL, run_work, &work);
}

const struct command cmd_show = {
    .name = "show",
    .summary = "show what a model file holds",
    .operands = "[MODEL]",
    .group = COMMAND_GROUP_MODEL,
    .operand_value = OPTION_VALUE_MODEL,
    .options = options,
    .args_size = sizeof(struct show_args),
    .operand_count_max = 1,
    .run = run,
};
