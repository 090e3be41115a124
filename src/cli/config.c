#include "cli/config.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/allow.h"
#include "cli/prompt_store.h"
#include "cli/style.h"
#include "os/file.h"
#include "os/path.h"
#include "text/edit_distance.h"

#include <inttypes.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *path;
    config_warn_fn *warn;
    void *warn_context;
    struct config *config;
};

typedef enum status(key_fn)(const struct reader *in, size_t line, struct str value,
                            struct error *err);

static char *copy_value(struct str value)
{
    struct strbuf copy = {0};
    strbuf_add_str(&copy, value);
    strbuf_add(&copy, "", 0);
    return strbuf_take(&copy);
}

static enum status read_model(const struct reader *in, size_t line, struct str value,
                              struct error *err)
{
    if (value.len == 0)
        return error_set(err, E_INVALID, "%s line %zu: model is empty", in->path, line);
    mem_free(in->config->model);
    in->config->model = copy_value(value);
    return OK;
}

static enum status read_model_folders(const struct reader *in, size_t line, struct str value,
                                      struct error *err)
{
    if (value.len == 0 || value.ptr[0] != '/')
        return error_set(err, E_INVALID,
                         "%s line %zu: model_folders is a list of folders from / on, with \":\" "
                         "between them",
                         in->path, line);
    mem_free(in->config->model_folders);
    in->config->model_folders = copy_value(value);
    return OK;
}

static enum status read_allow(const struct reader *in, size_t line, struct str value,
                              struct error *err)
{
    CLEANUP(mem_freep) char *text = copy_value(value);
    unsigned bits = 0;
    struct error why = {0};
    if (allow_parse(text, &bits, &why) != OK)
        return error_set(err, E_INVALID, "%s line %zu: %.200s", in->path, line, why.text);
    mem_free(in->config->allow);
    in->config->allow = text;
    text = NULL;
    return OK;
}

static enum status read_theme(const struct reader *in, size_t line, struct str value,
                              struct error *err)
{
    CLEANUP(mem_freep) char *text = copy_value(value);
    if (!style_find(text))
        return error_set(err, E_INVALID, "%s line %zu: theme is dark, light or none", in->path,
                         line);
    mem_free(in->config->theme);
    in->config->theme = text;
    text = NULL;
    return OK;
}

static enum status read_threads(const struct reader *in, size_t line, struct str value,
                                struct error *err)
{
    int64_t count = 0;
    if (!str_to_int(value, &count) || count < 1 || count > CONFIG_THREADS_MAX)
        return error_set(err, E_INVALID, "%s line %zu: threads is a number from 1 to %d", in->path,
                         line, CONFIG_THREADS_MAX);
    in->config->threads = count;
    return OK;
}

static enum status read_prompt_store(const struct reader *in, size_t line, struct str value,
                                     struct error *err)
{
    CLEANUP(mem_freep) char *text = copy_value(value);
    uint64_t bytes = 0;
    struct error why = {0};
    if (prompt_store_parse(text, &bytes, &why) != OK)
        return error_set(err, E_INVALID, "%s line %zu: %.200s", in->path, line, why.text);
    mem_free(in->config->prompt_store);
    in->config->prompt_store = text;
    text = NULL;
    return OK;
}

static const struct {
    const char *name;
    key_fn *read;
} keys[] = {
    {"model", read_model},     {"model_folders", read_model_folders},
    {"threads", read_threads}, {"allow", read_allow},
    {"theme", read_theme},     {"prompt_store", read_prompt_store},
};

static void warn_unknown(const struct reader *in, size_t line, struct str name)
{
    if (!in->warn)
        return;
    const char *meant = NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !meant; i++) {
        if (edit_distance(name, str_from_c(keys[i].name), 2) <= 2)
            meant = keys[i].name;
    }
    char text[ERROR_TEXT_MAX];
    const struct str shown = str_slice(name, 0, 64);
    if (meant)
        snprintf(text, sizeof(text), "%s line %zu: there is no setting \"%.*s\"; did you mean %s?",
                 in->path, line, STR_ARG(shown), meant);
    else
        snprintf(text, sizeof(text), "%s line %zu: there is no setting \"%.*s\"", in->path, line,
                 STR_ARG(shown));
    in->warn(in->warn_context, text);
}

static enum status take_pair(const struct reader *in, size_t line, struct str name,
                             struct str value, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_equal_c(name, keys[i].name))
            return keys[i].read(in, line, value, err);
    }
    warn_unknown(in, line, name);
    return OK;
}

/* The next event; the caller releases it with yaml_event_delete(). */
static enum status next_event(struct reader *in, yaml_event_t *event, struct error *err)
{
    if (yaml_parser_parse(&in->parser, event))
        return OK;
    const char *problem = in->parser.problem ? in->parser.problem : "it is no YAML";
    return error_set(err, E_FORMAT, "%s line %zu: %.200s", in->path,
                     in->parser.problem_mark.line + 1, problem);
}

static enum status skip_stream_start(struct reader *in, yaml_event_type_t *out_type,
                                     struct error *err)
{
    do {
        yaml_event_t event;
        TRY(next_event(in, &event, err));
        *out_type = event.type;
        yaml_event_delete(&event);
    } while (*out_type == YAML_STREAM_START_EVENT || *out_type == YAML_DOCUMENT_START_EVENT);
    return OK;
}

/* Reads one scalar into `out`; *out_ended instead at the end of the mapping. */
static enum status read_scalar(struct reader *in, struct strbuf *out, size_t *out_line,
                               bool *out_ended, struct error *err)
{
    yaml_event_t event;
    TRY(next_event(in, &event, err));
    const yaml_event_type_t type = event.type;
    *out_line = event.start_mark.line + 1;
    strbuf_clear(out);
    if (type == YAML_SCALAR_EVENT)
        strbuf_add(out, event.data.scalar.value, event.data.scalar.length);
    yaml_event_delete(&event);

    *out_ended = type == YAML_MAPPING_END_EVENT;
    if (type != YAML_SCALAR_EVENT && !*out_ended)
        return error_set(err, E_FORMAT,
                         "%s line %zu: settings are single values, as in \"model: "
                         "NAME\"",
                         in->path, *out_line);
    if (out->len > CONFIG_VALUE_MAX)
        return error_set(err, E_LIMIT, "%s line %zu: the value is longer than %d bytes", in->path,
                         *out_line, CONFIG_VALUE_MAX);
    return OK;
}

static enum status read_mapping(struct reader *in, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    CLEANUP(strbuf_done) struct strbuf value = {0};
    for (int count = 0;; count++) {
        size_t line = 0;
        bool ended = false;
        TRY(read_scalar(in, &name, &line, &ended, err));
        if (ended)
            return OK;
        if (count == CONFIG_KEYS_MAX)
            return error_set(err, E_LIMIT, "%s has more than %d settings", in->path,
                             CONFIG_KEYS_MAX);
        TRY(read_scalar(in, &value, &line, &ended, err));
        TRY(take_pair(in, line, strbuf_view(&name), strbuf_view(&value), err));
    }
}

static enum status read_document(struct reader *in, struct error *err)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    TRY(skip_stream_start(in, &type, err));
    if (type == YAML_STREAM_END_EVENT)
        return OK; /* empty, or comments only */
    if (type != YAML_MAPPING_START_EVENT)
        return error_set(err, E_FORMAT, "%s: it is no list of settings, as in \"model: NAME\"",
                         in->path);
    return read_mapping(in, err);
}

enum status config_parse(struct str text, const char *path, config_warn_fn *warn, void *context,
                         struct config *out, struct error *err)
{
    struct config config = {0};
    struct reader in = {.path = path, .warn = warn, .warn_context = context, .config = &config};
    if (!yaml_parser_initialize(&in.parser))
        return error_set(err, E_NO_MEMORY, "cannot read %s: out of memory", path);
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    const enum status status = read_document(&in, err);
    yaml_parser_delete(&in.parser);
    if (status != OK) {
        config_done(&config);
        return status;
    }
    *out = config;
    return OK;
}

enum status config_load(const char *path, config_warn_fn *warn, void *context, struct config *out,
                        struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (path_kind(path) == PATH_MISSING) {
        *out = (struct config){0};
        return OK;
    }
    TRY(file_read(path, CONFIG_FILE_MAX, &text, err));
    return config_parse(strbuf_view(&text), path, warn, context, out, err);
}

void config_done(struct config *config)
{
    mem_free(config->model);
    mem_free(config->model_folders);
    mem_free(config->allow);
    mem_free(config->theme);
    mem_free(config->prompt_store);
    *config = (struct config){0};
}
