#include "api/listings.h"

#include "api/field.h"
#include "api/model_settings.h"
#include "chat/chat_template.h"
#include "engine/engine.h"
#include "engine/scheduler.h"
#include "gguf/gguf.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Clients of Ollama compare this with the version that brought what they need. */
static const char OLLAMA_VERSION[] = "0.32.0";

enum { TIME_BYTES = 32, KEY_BYTES_MAX = 128 };

static void write_time(int64_t time_us, char out[TIME_BYTES])
{
    const time_t seconds = (time_t)(time_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static json_t *name_of(const struct api_model *model)
{
    return reply_text(model->name);
}

/* ---------------------------------------------------------------- /v1/models */

static json_t *anthropic_model(const struct model_list_row *row)
{
    char created[TIME_BYTES];
    write_time(row->modified_us, created);
    return json_pack("{s:s, s:s, s:s, s:s, s:I}", "type", "model", "id", row->name, "display_name",
                     row->name, "created_at", created, "max_input_tokens",
                     (json_int_t)row->context_tokens);
}

static json_t *openai_model(const struct model_list_row *row)
{
    const json_int_t tokens = (json_int_t)row->context_tokens;
    return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:b}", "id", row->name, "object", "model",
                     "created", (json_int_t)(row->modified_us / 1000000), "owned_by", "holt",
                     "context_length", tokens, "max_model_len", tokens, "loaded", row->is_loaded);
}

json_t *listings_v1_models(const struct api_context *context, const json_t *body,
                           struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    const struct model_list *models = context->models;
    json_t *data = json_array();
    for (size_t i = 0; i < models->count; i++)
        json_array_append_new(data, context->is_anthropic ? anthropic_model(&models->rows[i])
                                                          : openai_model(&models->rows[i]));
    if (!context->is_anthropic)
        return json_pack("{s:s, s:o}", "object", "list", "data", data);
    const bool is_empty = models->count == 0;
    return json_pack("{s:o, s:b, s:s?, s:s?}", "data", data, "has_more", 0, "first_id",
                     is_empty ? NULL : models->rows[0].name, "last_id",
                     is_empty ? NULL : models->rows[models->count - 1].name);
}

/* A name that requests may have, too: with ":latest", or of Anthropic's, which mean the first. */
json_t *listings_v1_model(const struct api_context *context, const json_t *body,
                          struct api_failure *out_failure)
{
    const struct model_list *models = context->models;
    const struct str id = json_str(json_object_get(body, "digest"));
    const struct str name = route_plain_name(id);
    const struct model_list_row *row = model_list_find(models, name);
    if (!row && id.len > 0 && name.len == 0 && models->count > 0)
        row = &models->rows[0];
    if (row) {
        json_t *object = context->is_anthropic ? anthropic_model(row) : openai_model(row);
        json_object_set_new(object, "id", reply_text(id));
        return object;
    }
    char text[200];
    snprintf(text, sizeof(text), "The model '%.*s' does not exist", STR_ARG(field_shown(id)));
    *out_failure = api_failure_make(404, text);
    out_failure->status = E_NOT_FOUND;
    out_failure->param = "model";
    out_failure->code = "model_not_found";
    return NULL;
}

/* ---------------------------------------------------------------- Ollama */

static json_t *details(const char *architecture, const char *quantization, uint64_t parameter_count,
                       uint32_t context_tokens)
{
    char size[32];
    const double millions = (double)parameter_count / 1e6;
    if (millions < 1000)
        snprintf(size, sizeof(size), "%.1fM", millions);
    else
        snprintf(size, sizeof(size), "%.1fB", millions / 1000);
    return json_pack("{s:s, s:s, s:s, s:[s], s:s, s:s, s:I}", "parent_model", "", "format", "gguf",
                     "family", architecture, "families", architecture, "parameter_size", size,
                     "quantization_level", quantization, "context_length",
                     (json_int_t)context_tokens);
}

static json_t *capabilities(bool embeds, bool calls_tools, bool thinks)
{
    json_t *list = json_pack("[s]", embeds ? "embedding" : "completion");
    if (calls_tools)
        json_array_append_new(list, json_string("tools"));
    if (thinks)
        json_array_append_new(list, json_string("thinking"));
    return list;
}

static json_t *model_row(const struct model_list_row *row)
{
    char modified[TIME_BYTES];
    write_time(row->modified_us, modified);
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:s, s:o, s:o}", "name", row->name, "model", row->name, "modified_at",
        modified, "size", (json_int_t)row->size_bytes, "digest", row->digest, "details",
        details(row->architecture, row->quantization, row->parameter_count, row->context_tokens),
        "capabilities", capabilities(row->embeds, row->calls_tools, row->thinks));
}

json_t *listings_tags(const struct api_context *context, const json_t *body,
                      struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    json_t *rows = json_array();
    for (size_t i = 0; i < context->models->count; i++)
        json_array_append_new(rows, model_row(&context->models->rows[i]));
    return json_pack("{s:o}", "models", rows);
}

json_t *listings_running(const struct api_context *context, const json_t *body,
                         struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    json_t *rows = json_array();
    for (size_t i = 0; i < context->models->count; i++) {
        const struct model_list_row *row = &context->models->rows[i];
        char expires[TIME_BYTES];
        if (!row->is_loaded)
            continue;
        write_time(row->expires_us, expires);
        json_t *object = model_row(row);
        json_object_set_new(object, "context_length",
                            json_integer((json_int_t)row->context_tokens));
        json_object_set_new(object, "size", json_integer((json_int_t)row->memory_bytes));
        json_object_set_new(object, "size_vram", json_integer(0));
        json_object_set_new(object, "expires_at",
                            json_string(row->expires_us ? expires : "9999-12-31T23:59:59Z"));
        json_object_set_new(object, "active_requests", json_integer(row->active_count));
        json_object_set_new(object, "waiting_requests", json_integer(row->waiting_count));
        json_array_append_new(rows, object);
    }
    return json_pack("{s:o}", "models", rows);
}

/* The file's single values; arrays are emptied, as clients expect. The context is the one in
 * force. */
static json_t *model_info(const struct api_model *model)
{
    const struct gguf *file = model->file;
    json_t *object = json_object();
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct str name = gguf_entry(file, i).key;
        char key[KEY_BYTES_MAX];
        snprintf(key, sizeof(key), "%.*s", STR_ARG(name));
        struct str text = {0};
        int64_t whole = 0;
        double real = 0;
        bool flag = false;
        if (!str_equal_c(name, key) || str_starts_with(name, STR("tokenizer.chat_template")))
            continue;
        if (gguf_get_str(file, key, &text, NULL) == OK)
            json_object_set_new(object, key, reply_text(text));
        else if (gguf_get_bool(file, key, &flag, NULL) == OK)
            json_object_set_new(object, key, json_boolean(flag));
        else if (gguf_get_i64(file, key, &whole, NULL) == OK)
            json_object_set_new(object, key, json_integer(whole));
        else if (gguf_get_f64(file, key, &real, NULL) == OK)
            json_object_set_new(object, key, json_real(real));
        else
            json_object_set_new(object, key, json_array());
    }
    CLEANUP(strbuf_done) struct strbuf context = {0};
    strbuf_add_str(&context, model->architecture);
    strbuf_add_c(&context, ".context_length");
    json_object_set_new(object, strbuf_c(&context),
                        json_integer((json_int_t)model->context_tokens));
    json_object_set_new(object, "general.parameter_count",
                        json_integer((json_int_t)model->parameter_count));
    return object;
}

/* The template that is in force: the model's own, or the file's. */
static struct str template_of(const struct api_context *context)
{
    struct str source = json_str(json_object_get(context->settings, "template"));
    if (source.len == 0)
        (void)!gguf_get_str_or(context->model->file, "tokenizer.chat_template", (struct str){0},
                               &source, NULL);
    return source;
}

json_t *listings_show(const struct api_context *context, const json_t *body,
                      struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    const struct api_model *model = context->model;
    const json_t *settings = context->settings;
    const struct str from = json_str(json_object_get(settings, "from"));
    CLEANUP(strbuf_done) struct strbuf family = {0};
    CLEANUP(strbuf_done) struct strbuf license = {0};
    CLEANUP(strbuf_done) struct strbuf parameters = {0};
    CLEANUP(strbuf_done) struct strbuf modelfile = {0};
    char modified[TIME_BYTES];
    strbuf_add_str(&family, model->architecture);
    write_time(model->modified_us, modified);
    model_settings_write_license(settings, &license);
    model_settings_write_parameters(settings, &parameters);
    model_settings_write_modelfile(settings, from.len > 0 ? from : model->name, &modelfile);
    json_t *facts = details(strbuf_c(&family), "", model->parameter_count, model->context_tokens);
    json_object_set_new(facts, "parent_model", reply_text(from));
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "license", reply_text(strbuf_view(&license)),
        "modelfile", reply_text(strbuf_view(&modelfile)), "parameters",
        reply_text(strbuf_view(&parameters)), "template", reply_text(template_of(context)),
        "details", facts, "model_info", model_info(model), "capabilities",
        capabilities(model->is_for_embeddings, model->caps && model->caps->tools,
                     model->caps && model->caps->reasoning),
        "modified_at", modified);
    if (json_object_get(settings, "system"))
        json_object_set(object, "system", json_object_get(settings, "system"));
    if (json_object_get(settings, "messages"))
        json_object_set(object, "messages", json_object_get(settings, "messages"));
    return object;
}

json_t *listings_version(const struct api_context *context, const json_t *body,
                         struct api_failure *out_failure)
{
    (void)context;
    (void)body;
    (void)out_failure;
    return json_pack("{s:s, s:s}", "version", OLLAMA_VERSION, "holt", HOLT_VERSION);
}

/* Clients of Ollama look for these words. */
void listings_greeting(const struct api_context *context, struct strbuf *out)
{
    (void)context;
    strbuf_add_c(out, "Ollama is running (holt " HOLT_VERSION ")\n");
}

/* ---------------------------------------------------------------- llama.cpp */

json_t *listings_health(const struct api_context *context, const json_t *body,
                        struct api_failure *out_failure)
{
    (void)context;
    (void)body;
    (void)out_failure;
    return json_pack("{s:s}", "status", "ok");
}

json_t *listings_props(const struct api_context *context, const json_t *body,
                       struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    const struct api_model *model = context->model;
    return json_pack("{s:{s:I}, s:I, s:o, s:o, s:s}", "default_generation_settings", "n_ctx",
                     (json_int_t)model->context_tokens, "total_slots",
                     (json_int_t)SCHEDULER_ACTIVE_DEFAULT, "model_alias", name_of(model),
                     "chat_template", reply_text(template_of(context)), "build_info",
                     "holt " HOLT_VERSION);
}

/* One row for each answer that can be made at a time. */
json_t *listings_slots(const struct api_context *context, const json_t *body,
                       struct api_failure *out_failure)
{
    (void)body;
    (void)out_failure;
    json_t *rows = json_array();
    for (uint32_t i = 0; i < SCHEDULER_ACTIVE_DEFAULT || i < context->facts->active_count; i++)
        json_array_append_new(rows, json_pack("{s:I, s:I, s:b}", "id", (json_int_t)i, "n_ctx",
                                              (json_int_t)context->model->context_tokens,
                                              "is_processing", i < context->facts->active_count));
    return rows;
}

void listings_metrics(const struct api_context *context, struct strbuf *out)
{
    const struct scheduler_facts *f = context->facts;
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"prompt_tokens_total", "counter", "Prompt tokens computed.", (double)f->prompt_tokens},
        {"cached_tokens_total", "counter", "Prompt tokens that were there already.",
         (double)f->cached_tokens},
        {"stored_tokens_total", "counter", "Of these, prompt tokens that came from the disk.",
         (double)f->stored_tokens},
        {"stored_bytes", "gauge", "Size of the stored prompts.", (double)f->stored_bytes},
        {"generated_tokens_total", "counter", "Tokens generated.", (double)f->generated_tokens},
        {"drafted_tokens_total", "counter", "Tokens guessed and computed on trial.",
         (double)f->drafted_tokens},
        {"accepted_tokens_total", "counter", "Guessed tokens that were right.",
         (double)f->accepted_tokens},
        {"steps_total", "counter", "Batches computed.", (double)f->step_count},
        {"step_seconds_total", "counter", "Seconds spent in the model.", f->step_seconds},
        {"preempted_total", "counter", "Times an answer gave its pages back.",
         (double)f->preempted_count},
        {"requests_active", "gauge", "Answers being made.", f->active_count},
        {"requests_waiting", "gauge", "Requests that wait.", f->waiting_count},
        {"requests_held", "gauge", "Answers that pause, as their clients read too slowly.",
         f->held_count},
        {"sessions_idle", "gauge", "Conversations remembered.", f->idle_session_count},
        {"uptime_seconds", "gauge", "Seconds since the start.", context->uptime_seconds},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        strbuf_addf(out, "# HELP holt_%s %s\n# TYPE holt_%s %s\nholt_%s %.17g\n", rows[i].name,
                    rows[i].help, rows[i].name, rows[i].type, rows[i].name, rows[i].value);
}
