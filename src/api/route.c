#include "api/route.h"

#include "api/anthropic_read.h"
#include "api/embeddings.h"
#include "api/field.h"
#include "api/listings.h"
#include "api/llama_read.h"
#include "api/model_settings.h"
#include "api/ollama_read.h"
#include "api/openai_read.h"
#include "api/responses_read.h"
#include "api/text_tools.h"

#include "text/json.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES_MAX = 18 };

static const struct route routes[] = {
    /* OpenAI */
    {.method = "POST",
     .path = "/v1/chat/completions",
     .protocol = API_OPENAI,
     .read = openai_read_chat,
     .format = &reply_openai_chat},
    {.method = "POST",
     .path = "/v1/completions",
     .protocol = API_OPENAI,
     .read = openai_read_completion,
     .format = &reply_openai_completion},
    {.method = "POST",
     .path = "/v1/responses",
     .protocol = API_OPENAI,
     .read = responses_read,
     .keeps = true,
     .format = &reply_responses},
    {.method = "GET",
     .path = "/v1/responses/*",
     .protocol = API_OPENAI,
     .kept = ROUTE_KEPT_RESPONSE},
    {.method = "DELETE",
     .path = "/v1/responses/*",
     .protocol = API_OPENAI,
     .kept = ROUTE_KEPT_DELETE},
    {.method = "GET",
     .path = "/v1/responses/*/input_items",
     .protocol = API_OPENAI,
     .kept = ROUTE_KEPT_ITEMS},
    {.method = "POST", .path = "/v1/embeddings", .protocol = API_OPENAI, .work = embeddings_openai},
    {.method = "GET",
     .path = "/v1/models",
     .protocol = API_OPENAI,
     .answer = listings_v1_models,
     .about = ROUTE_ABOUT_LIST},
    {.method = "GET",
     .path = "/v1/models/",
     .has_name = true,
     .protocol = API_OPENAI,
     .answer = listings_v1_model,
     .about = ROUTE_ABOUT_LIST},
    {.method = "POST",
     .path = "/v1/responses/input_tokens",
     .protocol = API_OPENAI,
     .answer = text_tools_count_responses,
     .about = ROUTE_ABOUT_MODEL},
    /* Anthropic */
    {.method = "POST",
     .path = "/v1/messages",
     .protocol = API_ANTHROPIC,
     .read = anthropic_read_messages,
     .format = &reply_anthropic},
    {.method = "POST",
     .path = "/v1/messages/count_tokens",
     .protocol = API_ANTHROPIC,
     .answer = text_tools_count_tokens,
     .about = ROUTE_ABOUT_MODEL},
    /* Ollama */
    {.method = "POST",
     .path = "/api/chat",
     .protocol = API_OLLAMA,
     .read = ollama_read_chat,
     .format = &reply_ollama_chat},
    {.method = "POST",
     .path = "/api/generate",
     .protocol = API_OLLAMA,
     .read = ollama_read_generate,
     .format = &reply_ollama_generate},
    {.method = "POST", .path = "/api/embed", .protocol = API_OLLAMA, .work = embeddings_ollama},
    {.method = "POST",
     .path = "/api/embeddings",
     .protocol = API_OLLAMA,
     .work = embeddings_ollama_prompt},
    {.method = "POST",
     .path = "/api/pull",
     .protocol = API_OLLAMA,
     .admin = "pull",
     .says_success = true,
     .format = &reply_ollama_lines},
    {.method = "POST",
     .path = "/api/copy",
     .protocol = API_OLLAMA,
     .admin = "copy",
     .format = &reply_ollama_lines},
    {.method = "DELETE",
     .path = "/api/delete",
     .protocol = API_OLLAMA,
     .admin = "delete",
     .format = &reply_ollama_lines},
    {.method = "POST",
     .path = "/api/create",
     .protocol = API_OLLAMA,
     .admin = "create",
     .says_success = true,
     .check = model_settings_check,
     .format = &reply_ollama_lines},
    {.method = "HEAD",
     .path = "/api/blobs/",
     .has_name = true,
     .protocol = API_OLLAMA,
     .admin = "blob",
     .format = &reply_ollama_lines},
    {.method = "POST",
     .path = "/api/blobs/",
     .has_name = true,
     .protocol = API_OLLAMA,
     .admin = "upload",
     .takes_file = true,
     .format = &reply_ollama_lines},
    {.method = "GET",
     .path = "/api/tags",
     .protocol = API_OLLAMA,
     .answer = listings_tags,
     .about = ROUTE_ABOUT_LIST},
    {.method = "GET",
     .path = "/api/ps",
     .protocol = API_OLLAMA,
     .answer = listings_running,
     .about = ROUTE_ABOUT_LIST},
    {.method = "POST",
     .path = "/api/show",
     .protocol = API_OLLAMA,
     .answer = listings_show,
     .about = ROUTE_ABOUT_DESCRIPTION},
    {.method = "GET", .path = "/api/version", .protocol = API_OLLAMA, .answer = listings_version},
    {.method = "GET", .path = "/", .protocol = API_OLLAMA, .print = listings_greeting},
    /* llama.cpp's extras, and its names without /v1 */
    {.method = "POST",
     .path = "/chat/completions",
     .protocol = API_OPENAI,
     .read = openai_read_chat,
     .format = &reply_openai_chat},
    {.method = "POST",
     .path = "/responses",
     .protocol = API_OPENAI,
     .read = responses_read,
     .keeps = true,
     .format = &reply_responses},
    {.method = "GET",
     .path = "/models",
     .protocol = API_OPENAI,
     .answer = listings_v1_models,
     .about = ROUTE_ABOUT_LIST},
    {.method = "GET",
     .path = "/models/",
     .has_name = true,
     .protocol = API_OPENAI,
     .answer = listings_v1_model,
     .about = ROUTE_ABOUT_LIST},
    {.method = "POST",
     .path = "/chat/completions/input_tokens",
     .protocol = API_OPENAI,
     .answer = text_tools_count_chat,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "POST",
     .path = "/v1/chat/completions/input_tokens",
     .protocol = API_OPENAI,
     .answer = text_tools_count_chat,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "GET", .path = "/health", .protocol = API_OPENAI, .answer = listings_health},
    {.method = "GET", .path = "/v1/health", .protocol = API_OPENAI, .answer = listings_health},
    {.method = "GET",
     .path = "/props",
     .protocol = API_OPENAI,
     .answer = listings_props,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "POST",
     .path = "/completion",
     .protocol = API_OPENAI,
     .read = llama_read_completion,
     .repeat = llama_read_settings,
     .format = &reply_llama_completion},
    {.method = "POST",
     .path = "/completions",
     .protocol = API_OPENAI,
     .read = llama_read_completion,
     .repeat = llama_read_settings,
     .format = &reply_llama_completion},
    {.method = "POST",
     .path = "/infill",
     .protocol = API_OPENAI,
     .read = llama_read_infill,
     .repeat = llama_read_settings,
     .format = &reply_llama_completion},
    {.method = "GET",
     .path = "/slots",
     .protocol = API_OPENAI,
     .answer = listings_slots,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "GET", .path = "/metrics", .protocol = API_OPENAI, .print = listings_metrics},
    {.method = "POST", .path = "/v1/rerank", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/v1/reranking", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/rerank", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST", .path = "/reranking", .protocol = API_OPENAI, .work = embeddings_rerank},
    {.method = "POST",
     .path = "/tokenize",
     .protocol = API_OPENAI,
     .answer = text_tools_tokenize,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "POST",
     .path = "/detokenize",
     .protocol = API_OPENAI,
     .answer = text_tools_detokenize,
     .about = ROUTE_ABOUT_MODEL},
    {.method = "POST",
     .path = "/apply-template",
     .protocol = API_OPENAI,
     .answer = text_tools_apply_template,
     .about = ROUTE_ABOUT_MODEL},
};

/* What `*` in a row's path stands for; false: the path is another one. */
static bool match_path(const char *pattern, struct str path, struct str *out_id)
{
    const struct str wanted = str_from_c(pattern);
    const size_t star = str_find_char(wanted, '*', 0);
    *out_id = (struct str){0};
    if (star == SIZE_MAX)
        return str_equal(path, wanted);
    const struct str behind = str_slice(wanted, star + 1, wanted.len);
    if (path.len <= star + behind.len || !str_starts_with(path, str_slice(wanted, 0, star)) ||
        !str_ends_with(path, behind))
        return false;
    *out_id = str_slice(path, star, path.len - behind.len);
    return str_find_char(*out_id, '/', 0) == SIZE_MAX;
}

struct str route_id(const struct route *route, struct str path)
{
    struct str id;
    return match_path(route->path, path, &id) ? id : (struct str){0};
}

const struct route *route_find(struct str method, struct str path, bool *out_path_is_known)
{
    const bool is_head = str_equal_c(method, "HEAD");
    *out_path_is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const struct route *route = &routes[i];
        const struct str own = str_from_c(route->path);
        struct str id;
        if (route->has_name ? !str_starts_with(path, own) : !match_path(route->path, path, &id))
            continue;
        *out_path_is_known = true;
        if (str_equal_c(method, route->method) ||
            (is_head && str_equal_c(STR("GET"), route->method)))
            return route;
    }
    return NULL;
}

enum status route_read(const struct route *route, const json_t *settings, const json_t *body,
                       struct api_request *out, struct error *err)
{
    out->settings = settings;
    TRY(route->read(body, out, err));
    out->may_wait = route->protocol == API_OPENAI &&
                    str_equal_c(json_str(json_object_get(body, "service_tier")), "flex");
    const enum status status = api_request_settle(out, err);
    out->settings = NULL;
    if (status == OK && out->tool_choice == API_TOOLS_REQUIRED &&
        json_array_size(out->chat.tools) == 0)
        return error_set(err, E_INVALID,
                         "tool_choice asks for a call, and there is no tool that could be called");
    if (status == OK && route->repeat)
        out->repeated = route->repeat(out);
    return status;
}

struct str route_plain_name(struct str name)
{
    const struct str latest = STR(":latest");
    if (str_ends_with(name, latest))
        name = str_slice(name, 0, name.len - latest.len);
    return str_starts_with(name, STR("claude-")) ? (struct str){0} : name;
}

enum status route_model_name(const json_t *body, struct str *out, struct error *err)
{
    struct str name = {0};
    if (json_is_object(body)) {
        TRY(field_str(body, "model", &name, err));
        if (name.len == 0)
            TRY(field_str(body, "name", &name, err));
    }
    if (name.len > API_MODEL_NAME_MAX)
        return error_set(err, E_LIMIT, "the model's name is longer than %d bytes",
                         API_MODEL_NAME_MAX);
    *out = route_plain_name(name);
    return OK;
}

/* Takes a number like 12 or 1.5 from the front; false when there is none. */
static bool take_number(struct str *text, double *out)
{
    size_t digits = 0;
    double place = 0; /* of the next digit behind the point */
    *out = 0;
    for (; digits < text->len && digits < NUMBER_BYTES_MAX; digits++) {
        const char c = text->ptr[digits];
        if (c == '.' && place == 0) {
            place = 0.1;
        } else if (c < '0' || c > '9') {
            break;
        } else if (place > 0) {
            *out += (c - '0') * place;
            place /= 10;
        } else {
            *out = *out * 10 + (c - '0');
        }
    }
    *text = str_slice(*text, digits, text->len);
    return digits > 0;
}

/* Takes a unit from the front; 0 when there is none. */
static double take_unit(struct str *text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"h", 3600}, {"m", 60}, {"s", 1}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_starts_with(*text, str_from_c(units[i].name))) {
            *text = str_slice(*text, strlen(units[i].name), text->len);
            return units[i].seconds;
        }
    }
    return 0;
}

/* Go's form of durations: numbers with units, one behind the other; a number alone is seconds. */
enum status route_parse_duration(struct str text, double *out, struct error *err)
{
    const bool is_negative = str_starts_with(text, STR("-"));
    struct str rest = str_slice(text, is_negative, text.len);
    double total = 0;
    bool is_first = true;
    bool is_good = rest.len > 0;
    while (is_good && rest.len > 0) {
        double number = 0;
        is_good = take_number(&rest, &number);
        const bool is_alone = is_first && rest.len == 0;
        const double unit = is_alone ? 1 : take_unit(&rest);
        is_good &= unit > 0;
        total += number * unit;
        is_first = false;
    }
    if (!is_good)
        return error_set(err, E_INVALID, "\"%.*s\" is not a duration like 5m, 90s or -1",
                         STR_ARG(field_shown(text)));
    *out = is_negative ? -total : total;
    return OK;
}

enum status route_keep_alive(const json_t *body, double *out, struct error *err)
{
    const json_t *field = json_object_get(body, "keep_alive");
    if (!field || json_is_null(field))
        return OK;
    if (json_is_number(field)) {
        *out = json_number_value(field);
        return OK;
    }
    if (!json_is_string(field))
        return error_set(err, E_INVALID, "keep_alive is neither a number nor a duration");
    return route_parse_duration(json_str(field), out, err);
}

struct api_failure route_no_context(const struct api_model *model, uint32_t wanted_tokens)
{
    char text[240];
    snprintf(
        text, sizeof(text),
        "num_ctx is %u and \"%.*s\" is served with a context of %u tokens: ask for no more, or "
        "start holt serve with --context %u",
        wanted_tokens, STR_ARG(field_shown(model->name)), model->context_tokens, wanted_tokens);
    return api_failure_make(400, text);
}

struct api_failure route_no_chat(const struct api_model *model)
{
    char text[200];
    snprintf(text, sizeof(text), "\"%.*s\" is served for embeddings and does not support chat",
             STR_ARG(field_shown(model->name)));
    return api_failure_make(400, text);
}

struct api_failure route_no_embeddings(const struct api_model *model)
{
    char text[200];
    snprintf(
        text, sizeof(text),
        "\"%.*s\" is served for text and does not support embeddings: start holt serve with an "
        "embedding model, or with --pooling",
        STR_ARG(field_shown(model->name)));
    return api_failure_make(501, text);
}
