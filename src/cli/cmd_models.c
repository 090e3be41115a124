/* holt models - the models at hand, wherever they are. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/locked_child.h"
#include "cli/model_catalog.h"
#include "cli/model_file.h"
#include "cli/state.h"
#include "gguf/gguf.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>

struct models_args {
    bool is_json;
};

static const struct models_args defaults = {0};

static const struct option_spec options[] = {
    OPTION_FLAG(struct models_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

/* What a row says of a file; read in a locked child. */
struct facts {
    char family[40];
    const char *type; /* the element type most bytes are of */
    int64_t context;
    uint64_t size_bytes; /* of all parts */
};

struct work {
    const struct catalog_entry *entry;
    int name_width;
    bool is_json;
};

static const char *main_type(const struct gguf *file)
{
    uint64_t bytes[DTYPE_ID_MAX + 1] = {0};
    uint32_t most = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        if ((uint32_t)tensor->dtype > DTYPE_ID_MAX)
            continue;
        bytes[tensor->dtype] += tensor->byte_count;
        if (bytes[tensor->dtype] > bytes[most])
            most = tensor->dtype;
    }
    return dtype_name(most);
}

static enum status read_facts(const char *path, struct facts *out, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    struct str family = {0};
    char key[64];
    TRY(model_file_open(path, &file, err));
    TRY(gguf_get_str_or(file, "general.architecture", STR("?"), &family, err));
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(str_slice(family, 0, sizeof(out->family) - 1), &clean);
    snprintf(out->family, sizeof(out->family), "%s", strbuf_c(&clean));
    snprintf(key, sizeof(key), "%s.context_length", out->family);
    if (gguf_get_i64(file, key, &out->context, NULL) != OK)
        out->context = 0;
    out->type = main_type(file);
    out->size_bytes = gguf_byte_count(file);
    return OK;
}

static void print_size(uint64_t bytes)
{
    const double mib = (double)bytes / (1 << 20);
    if (mib < 1000)
        printf("%7.1f MiB", mib);
    else
        printf("%7.1f GiB", mib / 1024);
}

static int print_entry(void *context)
{
    const struct work *work = context;
    const struct catalog_entry *entry = work->entry;
    struct facts facts = {.type = "?", .size_bytes = entry->size_bytes};
    struct error err = {0};
    const bool is_readable = read_facts(entry->path, &facts, &err) == OK;
    if (work->is_json) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        CLEANUP(json_decrefp)
        json_t *row = json_pack(
            "{s:s, s:s?, s:s, s:I, s:I, s:s, s:s, s:I, s:o}", "name", entry->name, "path",
            entry->path, "store", catalog_store_name(entry->store), "size_bytes",
            (json_int_t)facts.size_bytes, "modified_us", (json_int_t)entry->modified_us, "family",
            facts.family, "type", facts.type, "context_length", (json_int_t)facts.context, "error",
            is_readable ? json_null() : json_string(err.text));
        json_write_python(row, &text);
        fwrite(text.ptr, 1, text.len, stdout);
        return EXIT_OK;
    }
    printf("%-*s  ", work->name_width, entry->name);
    print_size(facts.size_bytes);
    if (is_readable)
        printf("  %-12s  %-7s  %8" PRId64 "  %s\n", facts.family, facts.type, facts.context,
               catalog_store_name(entry->store));
    else
        printf("  %s\n", err.text);
    return EXIT_OK;
}

static int name_width(const struct catalog *catalog)
{
    size_t width = strlen("NAME");
    for (size_t i = 0; i < catalog->count; i++) {
        const size_t len = strlen(catalog->entries[i].name);
        width = len > width ? len : width;
    }
    return width < 60 ? (int)width : 60;
}

static int print_all(const struct catalog *catalog, const struct command_call *call)
{
    const struct models_args *args = call->options;
    const int width = name_width(catalog);
    if (args->is_json)
        printf("[");
    else if (catalog->count > 0)
        printf("%-*s  %11s  %-12s  %-7s  %8s  WHERE\n", width, "NAME", "SIZE", "FAMILY", "TYPE",
               "CONTEXT");
    for (size_t i = 0; i < catalog->count; i++) {
        struct work work = {&catalog->entries[i], width, args->is_json};
        const struct locked_child child = {
            .model_path = work.entry->path,
            .no_color = call->common->no_color,
            .run = print_entry,
            .context = &work,
        };
        if (args->is_json && i > 0)
            printf(", ");
        fflush(stdout);
        const int code = locked_child_run(&child);
        if (code != EXIT_OK)
            return code;
    }
    if (args->is_json)
        printf("]\n");
    return EXIT_OK;
}

static int run(const struct command_call *call)
{
    const struct models_args *args = call->options;
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(catalog_done) struct catalog catalog = {0};
    struct error err = {0};
    if (agent_setup_config(call->common, &config, &err) != OK ||
        state_find_paths(call->common, &state, &err) != OK)
        return command_fail(&err);
    model_catalog_read(&state, config.model_folders, &catalog);
    const int code = print_all(&catalog, call);
    if (code == EXIT_OK && catalog.count == 0 && !args->is_json)
        fprintf(stderr,
                "There is no model file yet but the built-in one: put a .gguf file into %s, "
                "or: holt import FILE\n",
                state.models);
    return code;
}

const struct command cmd_models = {
    .name = "models",
    .summary = "list the models at hand",
    .operands = "",
    .description =
        "Model files are found where they are and used in place: in holt's own folder, in the "
        "folders that model_folders names in the configuration, in Ollama's store and in Hugging "
        "Face's cache. Every command takes their names: -m qwen3:4b, -m org/repo:Q4_K_M, -m NAME. "
        "TYPE is the element type most of the weights have.",
    .examples = "holt models\nholt models --json",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct models_args),
    .run = run,
};
