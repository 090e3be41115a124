#include "api/api_request.h"

#include "api/field.h"
#include "text/json.h"

enum { BIAS_MAX = 100, TOKEN_ID_MAX = INT32_MAX };

void api_request_done(struct api_request *request)
{
    chat_request_done(&request->chat);
    strbuf_done(&request->raw);
    strbuf_done(&request->model);
    json_decref(request->schema);
    json_decref(request->tool_names);
    json_decref(request->tool_grammars);
    json_decref(request->repeated);
    stop_texts_done(&request->stops);
    *request = (struct api_request){0};
}

enum status api_request_require_tool(struct api_request *request, struct str name,
                                     struct error *err)
{
    size_t index = 0;
    json_t *tool = NULL;
    json_array_foreach(request->chat.tools, index, tool)
    {
        struct str own = {0};
        if (!json_member_str(json_object_get(tool, "function"), "name", &own) ||
            !str_equal(own, name))
            continue;
        request->tool_name = arena_copy_str(&request->chat.arena, name);
        request->tool_choice = API_TOOLS_REQUIRED;
        return OK;
    }
    return error_set(err, E_INVALID, "tool_choice names \"%.*s\", which is not among the tools",
                     STR_ARG(field_shown(name)));
}

enum status api_request_add_stop(struct api_request *request, const json_t *text, struct error *err)
{
    if (!json_is_string(text))
        return error_set(err, E_INVALID, "a stop text is not a string");
    if (!stop_texts_add(&request->stops, json_str(text)))
        return error_set(err, E_LIMIT, "stop: at most %d texts of 1 to %d bytes each",
                         STOP_TEXTS_MAX, STOP_TEXTS_BYTES_MAX);
    return OK;
}

enum status api_request_add_stops(struct api_request *request, const json_t *stop,
                                  struct error *err)
{
    if (!stop || json_is_null(stop))
        return OK;
    if (!json_is_array(stop))
        return api_request_add_stop(request, stop, err);
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(stop, index, text) TRY(api_request_add_stop(request, text, err));
    return OK;
}

enum status api_request_read_seed(struct api_request *request, const json_t *object,
                                  struct error *err)
{
    int64_t seed = -1;
    TRY(field_int(object, "seed", INT64_MIN / 2, INT64_MAX / 2, &seed, err));
    request->has_seed = seed >= 0;
    request->sampler.seed = (uint64_t)seed;
    return OK;
}

static enum status read_bias(const json_t *id, const json_t *add, struct sampler_bias *out,
                             struct error *err)
{
    int64_t number = -1;
    const double value = json_number_value(add);
    if (json_is_integer(id))
        number = json_integer_value(id);
    else if (!str_to_int(json_str(id), &number))
        number = -1;
    if (number < 0 || number > TOKEN_ID_MAX)
        return error_set(err, E_INVALID, "logit_bias: a token is not named by its number");
    if (!json_is_number(add) || !(value >= -BIAS_MAX && value <= BIAS_MAX))
        return error_set(err, E_INVALID, "logit_bias: %d has no number from -%d to %d", (int)number,
                         BIAS_MAX, BIAS_MAX);
    *out = (struct sampler_bias){.id = (int32_t)number, .add = (float)value};
    return OK;
}

enum status api_request_read_biases(struct api_request *request, const json_t *body,
                                    struct error *err)
{
    json_t *field = json_object_get(body, "logit_bias");
    const bool is_object = json_is_object(field);
    const size_t count = is_object ? json_object_size(field) : json_array_size(field);
    if (!field || json_is_null(field))
        return OK;
    if (!is_object && !json_is_array(field))
        return error_set(err, E_INVALID, "logit_bias is neither an object nor a list of pairs");
    if (count > SAMPLER_BIASES_MAX)
        return error_set(err, E_LIMIT, "logit_bias has %zu tokens (limit %d)", count,
                         SAMPLER_BIASES_MAX);
    if (count == 0)
        return OK;
    struct sampler_bias *biases =
        arena_alloc_array(&request->chat.arena, count, sizeof(struct sampler_bias));
    const char *key = NULL;
    json_t *value = NULL;
    size_t index = 0;
    if (is_object) {
        json_object_foreach(field, key, value)
        {
            CLEANUP(json_decrefp) json_t *id = json_string(key);
            TRY(read_bias(id, value, &biases[index++], err));
        }
    } else {
        json_array_foreach(field, index, value)
            TRY(read_bias(json_array_get(value, 0), json_array_get(value, 1), &biases[index], err));
    }
    request->biases = biases;
    request->bias_count = count;
    return OK;
}

enum status api_request_read_penalties(struct api_request *request, const json_t *object,
                                       struct error *err)
{
    struct sampler_options *out = &request->sampler;
    TRY(field_float(object, "presence_penalty", -2, 2, &out->presence_penalty, err));
    return field_float(object, "frequency_penalty", -2, 2, &out->frequency_penalty, err);
}

enum status api_request_read_logprobs(struct api_request *request, const json_t *body,
                                      struct error *err)
{
    int64_t top = 0;
    TRY(field_bool(body, "logprobs", &request->wants_tokens, err));
    TRY(field_int(body, "top_logprobs", 0, TOKEN_RANKING_TOP_MAX, &top, err));
    if (top > 0 && !request->wants_tokens)
        return error_set(err, E_INVALID, "top_logprobs needs logprobs to be true");
    request->top_count = (uint32_t)top;
    return OK;
}
