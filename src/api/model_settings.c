#include "api/model_settings.h"

#include "api/api_request.h"
#include "api/field.h"
#include "chat/chat_template.h"
#include "text/json.h"

/* ---------------------------------------------------------------- parameters */

/* What has no meaning here and is kept for other programs that read it. */
static const char *const other_parameters[] = {
    "num_keep",          "typical_p", "num_batch",    "num_gpu",      "main_gpu",
    "use_mmap",          "use_mlock", "low_vram",     "num_thread",   "numa",
    "penalize_newline",  "mirostat",  "mirostat_tau", "mirostat_eta", "tfs_z",
    "draft_num_predict", "f16_kv",    "vocab_only",
};

static const char *const known_parameters[] = {
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "num_predict",
    "num_ctx",
    "stop",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal_c(str_from_c(name), names[i]))
            return true;
    return false;
}

static enum status read_parameters(const json_t *body, json_t *out, struct error *err)
{
    json_t *parameters = json_object_get(body, "parameters");
    CLEANUP(api_request_done) struct api_request probe = {0};
    const char *name = NULL;
    json_t *value = NULL;
    if (!parameters || json_is_null(parameters))
        return OK;
    if (!json_is_object(parameters))
        return error_set(err, E_INVALID, "parameters is not an object");
    TRY(api_request_read_options(&probe, parameters, err));
    json_t *own = json_object();
    json_object_set_new(out, "parameters", own);
    json_object_foreach(parameters, name, value)
    {
        const bool is_known = is_among(name, known_parameters, ARRAY_LEN(known_parameters));
        if (!is_known && !is_among(name, other_parameters, ARRAY_LEN(other_parameters)))
            return error_set(err, E_INVALID, "there is no parameter \"%.*s\"",
                             STR_ARG(field_shown(str_from_c(name))));
        if (json_is_null(value))
            continue;
        if (!json_is_number(value) && !json_is_boolean(value) &&
            !str_equal_c(str_from_c(name), "stop"))
            return error_set(err, E_INVALID, "%s is neither a number nor true or false", name);
        json_object_set(own, name, value);
    }
    return OK;
}

/* ---------------------------------------------------------------- templates */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands behind "{{", without the dash and white space. */
static bool is_go_action(struct str rest)
{
    static const char *const words[] = {"if",    "else",   "end",      "range", "with",
                                        "block", "define", "template", "break", "continue"};
    if (str_starts_with(rest, STR("-")))
        rest = str_slice(rest, 1, rest.len);
    rest = str_trim_front(rest);
    if (str_starts_with(rest, STR(".")) || str_starts_with(rest, STR("$")) ||
        str_starts_with(rest, STR("/*")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct str word = str_from_c(words[i]);
        if (str_starts_with(rest, word) && (rest.len == word.len || !is_word(rest.ptr[word.len])))
            return true;
    }
    return false;
}

bool model_settings_is_go_template(struct str text)
{
    if (str_find(text, STR("{%"), 0) != SIZE_MAX) /* statements, which Go writes in {{ }} */
        return false;
    for (size_t at = str_find(text, STR("{{"), 0); at != SIZE_MAX;
         at = str_find(text, STR("{{"), at + 2))
        if (is_go_action(str_slice(text, at + 2, text.len)))
            return true;
    return false;
}

static enum status read_template(const json_t *body, json_t *out, struct error *err)
{
    struct str text = {0};
    TRY(field_str(body, "template", &text, err));
    if (text.len == 0)
        return OK;
    if (text.len > MODEL_SETTINGS_TEMPLATE_BYTES_MAX)
        return error_set(err, E_LIMIT, "the template has %zu bytes (limit %d)", text.len,
                         MODEL_SETTINGS_TEMPLATE_BYTES_MAX);
    if (model_settings_is_go_template(text)) {
        json_object_set_new(out, "ignored_template", json_true());
        return OK;
    }
    if (str_find(text, STR("{%"), 0) == SIZE_MAX && str_find(text, STR("{{"), 0) == SIZE_MAX)
        return error_set(err, E_INVALID,
                         "the template has neither {%% %%} nor {{ }}: a template "
                         "is written in Jinja");
    json_object_set_new(out, "template", json_stringn(text.ptr, text.len));
    return OK;
}

/* ---------------------------------------------------------------- the rest */

static enum status read_message(const json_t *item, size_t index, json_t *out, struct error *err)
{
    struct str role = {0};
    struct str content = {0};
    TRY(field_str(item, "role", &role, err));
    TRY(field_str(item, "content", &content, err));
    if (!str_equal_c(role, "system") && !str_equal_c(role, "user") &&
        !str_equal_c(role, "assistant"))
        return error_set(err, E_INVALID,
                         "messages[%zu] has the role \"%.*s\", not system, user or "
                         "assistant",
                         index, STR_ARG(field_shown(role)));
    if (json_array_size(json_object_get(item, "images")) > 0 ||
        json_array_size(json_object_get(item, "tool_calls")) > 0)
        return error_set(err, E_UNSUPPORTED, "messages[%zu] has more than a text", index);
    json_array_append_new(out, json_pack("{s:s%, s:s%}", "role", role.ptr, role.len, "content",
                                         content.ptr ? content.ptr : "", content.len));
    return OK;
}

static enum status read_messages(const json_t *body, json_t *out, struct error *err)
{
    const json_t *messages = NULL;
    size_t index = 0;
    json_t *item = NULL;
    TRY(field_array(body, "messages", MODEL_SETTINGS_MESSAGES_MAX, &messages, err));
    if (json_array_size(messages) == 0)
        return OK;
    json_t *own = json_array();
    json_object_set_new(out, "messages", own);
    json_array_foreach(messages, index, item) TRY(read_message(item, index, own, err));
    return OK;
}

static enum status read_license(const json_t *body, json_t *out, struct error *err)
{
    const json_t *license = json_object_get(body, "license");
    size_t index = 0;
    json_t *text = NULL;
    if (!license || json_is_null(license) ||
        (json_is_string(license) && !json_string_length(license)))
        return OK;
    if (json_is_string(license)) {
        json_object_set_new(out, "license", json_pack("[O]", license));
        return OK;
    }
    TRY(field_array(body, "license", MODEL_SETTINGS_LICENSES_MAX, &license, err));
    json_array_foreach(license, index, text) if (!json_is_string(text)) return error_set(
        err, E_INVALID, "license[%zu] is not a text", index);
    if (index > 0)
        json_object_set_new(out, "license", json_copy((json_t *)(uintptr_t)license));
    return OK;
}

/* Asked for with a text, a list or an object that says something. */
static bool is_asked(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);
    return json_string_length(value) > 0 || json_object_size(value) > 0 ||
           json_array_size(value) > 0;
}

static enum status check_undone(const json_t *body, struct error *err)
{
    if (is_asked(body, "adapters") || is_asked(body, "adapter"))
        return error_set(err, E_UNSUPPORTED,
                         "adapters: none can be used here; merge them into the model's file");
    if (is_asked(body, "quantize") || is_asked(body, "quantization"))
        return error_set(err, E_UNSUPPORTED,
                         "quantize: nothing is quantized here; take a file "
                         "that is");
    if (is_asked(body, "draft_files") || is_asked(body, "draft_quantize"))
        return error_set(err, E_UNSUPPORTED, "a model that guesses is given with --draft");
    if (is_asked(body, "remote_host"))
        return error_set(err, E_UNSUPPORTED, "remote_host: models run on this machine only");
    return OK;
}

static enum status read_all(const json_t *body, json_t *out, struct error *err)
{
    struct str system = {0};
    TRY(check_undone(body, err));
    TRY(field_str(body, "system", &system, err));
    if (system.len > 0)
        json_object_set_new(out, "system", json_stringn(system.ptr, system.len));
    TRY(read_template(body, out, err));
    TRY(read_parameters(body, out, err));
    TRY(read_messages(body, out, err));
    TRY(read_license(body, out, err));
    if (json_dumpb(out, NULL, 0, JSON_COMPACT) > MODEL_SETTINGS_BYTES_MAX)
        return error_set(err, E_LIMIT, "system, messages and all else have more than %d bytes",
                         MODEL_SETTINGS_BYTES_MAX);
    return OK;
}

enum status model_settings_read(const json_t *body, json_t **out, struct error *err)
{
    json_t *settings = json_object();
    const enum status status = read_all(body, settings, err);
    if (status == OK)
        *out = settings;
    else
        json_decref(settings);
    return status;
}

enum status model_settings_check(const json_t *body, struct error *err)
{
    CLEANUP(json_decrefp) json_t *settings = NULL;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(model_settings_read(body, &settings, err));
    const struct str text = json_str(json_object_get(settings, "template"));
    return text.len > 0 ? chat_template_new(text, STR(""), STR(""), &chat_template, err) : OK;
}

json_t *model_settings_merge(const json_t *base, const json_t *own)
{
    json_t *out = base ? json_deep_copy(base) : json_object();
    json_t *parameters = json_incref(json_object_get(out, "parameters"));
    json_t *license = json_incref(json_object_get(out, "license"));
    json_object_del(out, "from");
    if (json_object_get(own, "template") || json_object_get(own, "ignored_template")) {
        json_object_del(out, "template");
        json_object_del(out, "ignored_template");
    }
    json_t *copy = json_deep_copy(own);
    if (parameters && json_object_get(copy, "parameters")) {
        json_object_update(parameters, json_object_get(copy, "parameters"));
        json_object_set(copy, "parameters", parameters);
    }
    if (license && json_object_get(copy, "license")) {
        json_array_extend(license, json_object_get(copy, "license"));
        json_object_set(copy, "license", license);
    }
    json_object_update(out, copy);
    json_decref(copy);
    json_decref(parameters);
    json_decref(license);
    return out;
}

/* ---------------------------------------------------------------- writing */

/* As a Modelfile has it: nothing is escaped between quotes. */
static void write_text(struct str text, struct strbuf *out)
{
    const bool has_quote = text.len > 0 && memchr(text.ptr, '"', text.len);
    const bool has_lines = text.len > 0 && memchr(text.ptr, '\n', text.len);
    const char *quote = has_quote || has_lines ? "\"\"\"" : "\"";
    strbuf_addf(out, "%s%.*s%s", quote, STR_ARG(text), quote);
}

static void write_value(const char *before, const char *name, const json_t *value,
                        struct strbuf *out)
{
    strbuf_addf(out, "%s%s ", before, name);
    if (json_is_string(value))
        write_text(json_str(value), out);
    else
        json_write_python(value, out);
    strbuf_add_char(out, '\n');
}

static void write_parameters(const json_t *settings, const char *before, struct strbuf *out)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(settings, "parameters"), name, value)
    {
        size_t index = 0;
        json_t *item = NULL;
        if (!json_is_array(value))
            write_value(before, name, value, out);
        json_array_foreach(value, index, item) write_value(before, name, item, out);
    }
}

void model_settings_write_parameters(const json_t *settings, struct strbuf *out)
{
    write_parameters(settings, "", out);
}

static void write_member(const json_t *settings, const char *name, const char *command,
                         struct strbuf *out)
{
    const struct str text = json_str(json_object_get(settings, name));
    if (text.len == 0)
        return;
    strbuf_addf(out, "%s ", command);
    write_text(text, out);
    strbuf_add_char(out, '\n');
}

void model_settings_write_modelfile(const json_t *settings, struct str from, struct strbuf *out)
{
    size_t index = 0;
    json_t *item = NULL;
    strbuf_addf(out, "FROM %.*s\n", STR_ARG(from));
    if (json_is_true(json_object_get(settings, "ignored_template")))
        strbuf_add_c(out, "# The TEMPLATE was in Go's language: the file's own is used.\n");
    write_member(settings, "template", "TEMPLATE", out);
    write_member(settings, "system", "SYSTEM", out);
    write_parameters(settings, "PARAMETER ", out);
    json_array_foreach(json_object_get(settings, "messages"), index, item)
    {
        strbuf_addf(out, "MESSAGE %s ", json_string_value(json_object_get(item, "role")));
        write_text(json_str(json_object_get(item, "content")), out);
        strbuf_add_char(out, '\n');
    }
    json_array_foreach(json_object_get(settings, "license"), index, item)
    {
        strbuf_add_c(out, "LICENSE ");
        write_text(json_str(item), out);
        strbuf_add_char(out, '\n');
    }
}

void model_settings_write_license(const json_t *settings, struct strbuf *out)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(settings, "license"), index, item)
    {
        strbuf_add_c(out, index > 0 ? "\n" : "");
        strbuf_add_str(out, json_str(item));
    }
}
