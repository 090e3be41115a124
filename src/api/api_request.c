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
    int64_t seed = request->has_seed ? (int64_t)request->sampler.seed : -1;
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

/* ---------------------------------------------------------------- what to go on with */

static enum status read_ids(struct api_request *request, const json_t *list, struct error *err)
{
    const size_t count = json_array_size(list);
    if (count > API_PROMPT_IDS_MAX)
        return error_set(err, E_LIMIT, "prompt has %zu tokens (limit %d)", count,
                         API_PROMPT_IDS_MAX);
    int32_t *ids = arena_alloc_array(&request->chat.arena, count, sizeof(*ids));
    size_t index = 0;
    json_t *id = NULL;
    json_array_foreach(list, index, id)
    {
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > TOKEN_ID_MAX)
            return error_set(err, E_INVALID,
                             "prompt mixes tokens with other things, or is not one "
                             "text");
        ids[index] = (int32_t)value;
    }
    request->prompt_ids = ids;
    request->prompt_id_count = count;
    return OK;
}

enum status api_request_read_prompt(struct api_request *request, const json_t *prompt,
                                    struct error *err)
{
    struct str text = {0};
    if (json_is_array(prompt) && json_array_size(prompt) == 1 &&
        !json_is_integer(json_array_get(prompt, 0)))
        prompt = json_array_get(prompt, 0);
    request->is_raw = true;
    if (json_is_integer(json_array_get(prompt, 0)))
        return read_ids(request, prompt, err);
    if (json_is_object(prompt) && json_array_size(json_object_get(prompt, "multimodal_data")) > 0)
        return error_set(err, E_UNSUPPORTED, "multimodal_data: this model reads only text");
    if (json_is_string(prompt))
        text = json_str(prompt);
    else if (!json_member_str(prompt, "prompt_string", &text) ||
             json_object_get(prompt, "multimodal_data"))
        return error_set(err, E_INVALID, "prompt is not one text");
    strbuf_add_str(&request->raw, text);
    return OK;
}

void api_request_continue(struct api_request *request)
{
    const struct chat_request *chat = &request->chat;
    if (chat->message_count == 0)
        return;
    const struct chat_message *last = &chat->messages[chat->message_count - 1];
    request->continues =
        last->role == CHAT_ROLE_ASSISTANT && last->tool_call_count == 0 && last->content.len > 0;
}

/* ---------------------------------------------------------------- what a model's settings say */

enum status api_request_read_options(struct api_request *request, const json_t *options,
                                     struct error *err)
{
    struct sampler_options *sampler = &request->sampler;
    int64_t top_k = sampler->top_k;
    int64_t last = sampler->repeat_last_count;
    int64_t tokens = request->token_count_max;
    int64_t context = request->context_tokens;
    TRY(field_float(options, "temperature", 0, 100, &sampler->temperature, err));
    TRY(field_float(options, "top_p", 0, 1, &sampler->top_p, err));
    TRY(field_float(options, "min_p", 0, 1, &sampler->min_p, err));
    TRY(field_float(options, "repeat_penalty", 0, 100, &sampler->repeat_penalty, err));
    TRY(field_int(options, "top_k", 0, INT32_MAX, &top_k, err));
    TRY(field_int(options, "repeat_last_n", -1, SAMPLER_REPEAT_LAST_MAX, &last, err));
    TRY(field_int(options, "num_predict", -2, API_TOKENS_MAX, &tokens, err));
    TRY(field_int(options, "num_ctx", 0, INT32_MAX, &context, err));
    TRY(api_request_read_penalties(request, options, err));
    TRY(api_request_read_seed(request, options, err));
    sampler->top_k = (uint32_t)top_k;
    sampler->repeat_last_count = last < 0 ? SAMPLER_REPEAT_LAST_MAX : (uint32_t)last;
    request->token_count_max = tokens > 0 ? (uint32_t)tokens : 0;
    request->context_tokens = (uint32_t)context;
    return api_request_add_stops(request, json_object_get(options, "stop"), err);
}

enum status api_request_take_defaults(struct api_request *request, struct error *err)
{
    const json_t *parameters = json_object_get(request->settings, "parameters");
    if (!parameters)
        return OK;
    TRY(api_request_read_options(request, parameters, err));
    stop_texts_done(&request->stops); /* these come last, unless the client has others */
    request->stops = (struct stop_texts){0};
    return OK;
}

static enum chat_role role_of(struct str name)
{
    if (str_equal_c(name, "system"))
        return CHAT_ROLE_SYSTEM;
    return str_equal_c(name, "assistant") ? CHAT_ROLE_ASSISTANT : CHAT_ROLE_USER;
}

/* Moves the last `count` messages to the place `to`. */
static void move_last(struct chat_request *chat, size_t count, size_t to)
{
    for (size_t i = 0; i < count; i++) {
        const size_t from = chat->message_count - count + i;
        const struct chat_message message = chat->messages[from];
        for (size_t k = from; k > to + i; k--)
            chat->messages[k] = chat->messages[k - 1];
        chat->messages[to + i] = message;
    }
}

static void add_messages(struct api_request *request)
{
    struct chat_request *chat = &request->chat;
    const struct str system = json_str(json_object_get(request->settings, "system"));
    const json_t *messages = json_object_get(request->settings, "messages");
    size_t own = 0; /* system texts of the client, which stay in front */
    while (own < chat->message_count && (chat->messages[own].role == CHAT_ROLE_SYSTEM ||
                                         chat->messages[own].role == CHAT_ROLE_DEVELOPER))
        own++;
    size_t index = 0;
    json_t *message = NULL;
    const size_t before = chat->message_count;
    if (own == 0 && system.len > 0)
        chat_request_add(chat, CHAT_ROLE_SYSTEM, system);
    json_array_foreach(messages, index, message)
        chat_request_add(chat, role_of(json_str(json_object_get(message, "role"))),
                         json_str(json_object_get(message, "content")));
    move_last(chat, chat->message_count - before, own);
}

enum status api_request_settle(struct api_request *request, struct error *err)
{
    const json_t *stop = json_object_get(json_object_get(request->settings, "parameters"), "stop");
    if (!request->settings || request->only_loads)
        return OK;
    if (!request->is_raw)
        add_messages(request);
    return request->stops.count > 0 ? OK : api_request_add_stops(request, stop, err);
}

/* ---------------------------------------------------------------- what the answer is held to */

enum status api_request_read_grammar(struct api_request *request, const json_t *body,
                                     struct error *err)
{
    struct str grammar = {0};
    const json_t *schema = json_object_get(body, "json_schema");
    TRY(field_str(body, "grammar", &grammar, err));
    if (schema && !json_is_null(schema) && !json_is_object(schema))
        return error_set(err, E_INVALID, "json_schema is not an object");
    if (json_is_object(schema) && json_object_size(schema) > 0) {
        json_decref(request->schema);
        request->schema = json_deep_copy(schema);
    }
    if (grammar.len == 0)
        return OK;
    if (request->schema)
        return error_set(err, E_INVALID,
                         "an answer is held to a grammar or to a JSON schema, not "
                         "to both");
    if (json_array_size(request->chat.tools) > 0)
        return error_set(err, E_INVALID,
                         "an answer is held to a grammar, or calls tools, not both");
    request->grammar = arena_copy_str(&request->chat.arena, grammar);
    return OK;
}
