#include "api/api_request.h"

#include "api/field.h"
#include "text/json.h"

enum { BIAS_MAX = 100, TOKEN_ID_MAX = INT32_MAX };

static const double BIAS_NEVER = -1e9; /* far below every logit */

void api_request_done(struct api_request *request)
{
    chat_request_done(&request->chat);
    strbuf_done(&request->model);
    json_decref(request->schema);
    json_decref(request->told_tools);
    json_decref(request->tool_names);
    json_decref(request->tool_grammars);
    json_decref(request->repeated);
    json_decref(request->fields);
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

/* A bias of one token is added to `ids`, one of a text to `texts`. */
static enum status read_bias(struct api_request *request, const json_t *token, const json_t *add,
                             struct sampler_bias *ids, struct api_bias_text *texts,
                             struct error *err)
{
    int64_t id = -1;
    const struct str text = json_str(token);
    const double value = json_is_false(add) ? BIAS_NEVER : json_number_value(add);
    const bool is_id = json_is_integer(token) || str_to_int(text, &id);
    if (json_is_integer(token))
        id = json_integer_value(token);
    if (is_id ? id < 0 || id > TOKEN_ID_MAX : text.len == 0)
        return error_set(err, E_INVALID,
                         "logit_bias: a token is named neither by its number nor by a text");
    if (!json_is_false(add) && (!json_is_number(add) || !(value >= -BIAS_MAX && value <= BIAS_MAX)))
        return error_set(err, E_INVALID, "logit_bias: \"%.*s\" has no number from -%d to %d",
                         STR_ARG(field_shown(text)), BIAS_MAX, BIAS_MAX);
    if (is_id)
        ids[request->bias_count++] = (struct sampler_bias){.id = (int32_t)id, .add = (float)value};
    else
        texts[request->bias_text_count++] = (struct api_bias_text){
            .text = arena_copy_str(&request->chat.arena, text), .add = (float)value};
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
    struct sampler_bias *ids = arena_alloc_array(&request->chat.arena, count, sizeof(*ids));
    struct api_bias_text *texts = arena_alloc_array(&request->chat.arena, count, sizeof(*texts));
    const char *key = NULL;
    json_t *value = NULL;
    size_t index = 0;
    request->biases = ids;
    request->bias_texts = texts;
    json_object_foreach(field, key, value)
    {
        CLEANUP(json_decrefp) json_t *token = json_string(key);
        TRY(read_bias(request, token, value, ids, texts, err));
    }
    json_array_foreach(field, index, value) TRY(
        read_bias(request, json_array_get(value, 0), json_array_get(value, 1), ids, texts, err));
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

static enum status read_id(const json_t *id, int32_t *out, struct error *err)
{
    const json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || value > TOKEN_ID_MAX)
        return error_set(err, E_INVALID, "prompt has a number that is no token");
    *out = (int32_t)value;
    return OK;
}

/* Where the run of tokens, or the one text, that begins at `from` ends. */
static size_t part_end(const json_t *list, size_t from)
{
    size_t end = from;
    while (json_is_number(json_array_get(list, end)))
        end++;
    return end > from ? end : from + 1;
}

static enum status read_part(struct arena *arena, const json_t *list, size_t from, size_t to,
                             struct api_prompt_part *out, struct error *err)
{
    const json_t *first = json_array_get(list, from);
    if (json_is_string(first)) {
        *out = (struct api_prompt_part){.text = arena_copy_str(arena, json_str(first))};
        return OK;
    }
    if (!json_is_number(first))
        return error_set(err, E_INVALID, "prompt mixes tokens with other things than texts");
    int32_t *ids = arena_alloc_array(arena, to - from, sizeof(*ids));
    for (size_t i = from; i < to; i++)
        TRY(read_id(json_array_get(list, i), &ids[i - from], err));
    *out = (struct api_prompt_part){.ids = ids, .id_count = to - from};
    return OK;
}

/* Tokens and texts, one behind the other. */
static enum status read_sequence(struct arena *arena, const json_t *list, struct api_prompt *out,
                                 struct error *err)
{
    const size_t count = json_array_size(list);
    if (count == 0)
        return error_set(err, E_INVALID, "prompt is an empty list");
    if (count > API_PROMPT_IDS_MAX)
        return error_set(err, E_LIMIT, "prompt has %zu tokens (limit %d)", count,
                         API_PROMPT_IDS_MAX);
    size_t parts = 0;
    for (size_t at = 0; at < count; at = part_end(list, at))
        parts++;
    struct api_prompt_part *part = arena_alloc_array(arena, parts, sizeof(*part));
    *out = (struct api_prompt){.parts = part, .part_count = parts};
    for (size_t at = 0; at < count; at = part_end(list, at))
        TRY(read_part(arena, list, at, part_end(list, at), part++, err));
    return OK;
}

static void set_text(struct arena *arena, struct str text, struct api_prompt *out)
{
    struct api_prompt_part *part = arena_alloc_array(arena, 1, sizeof(*part));
    *part = (struct api_prompt_part){.text = arena_copy_str(arena, text)};
    *out = (struct api_prompt){.parts = part, .part_count = 1};
}

static enum status read_one(struct arena *arena, const json_t *prompt, struct api_prompt *out,
                            struct error *err)
{
    struct str text = json_str(prompt);
    if (json_is_array(prompt))
        return read_sequence(arena, prompt, out, err);
    if (json_array_size(json_object_get(prompt, "multimodal_data")) > 0)
        return error_set(err, E_UNSUPPORTED, "multimodal_data: this model reads only text");
    if (!json_is_string(prompt) && (!json_member_str(prompt, "prompt_string", &text) ||
                                    json_object_get(prompt, "multimodal_data")))
        return error_set(err, E_INVALID, "prompt is neither a text nor a list of tokens");
    set_text(arena, text, out);
    return OK;
}

/* A list of prompts, not one prompt that is a list? */
static bool has_several(const json_t *prompt)
{
    size_t index = 0;
    json_t *item = NULL;
    bool has_numbers = false;
    bool has_lists = false;
    json_array_foreach(prompt, index, item)
    {
        has_numbers |= json_is_number(item);
        has_lists |= json_is_array(item) || json_is_object(item);
    }
    return index > 0 && (has_lists || !has_numbers);
}

enum status api_request_read_prompt(struct api_request *request, const json_t *prompt,
                                    struct error *err)
{
    struct arena *arena = &request->chat.arena;
    const bool is_list = has_several(prompt);
    const size_t count = is_list ? json_array_size(prompt) : 1;
    if (count > API_PROMPTS_MAX)
        return error_set(err, E_LIMIT, "%zu prompts (limit %d)", count, API_PROMPTS_MAX);
    struct api_prompt *prompts = arena_alloc_array(arena, count, sizeof(*prompts));
    for (size_t i = 0; i < count; i++)
        TRY(read_one(arena, is_list ? json_array_get(prompt, i) : prompt, &prompts[i], err));
    request->is_raw = true;
    request->prompts = prompts;
    request->prompt_count = count;
    if (api_request_answer_count(request) > API_ANSWERS_MAX)
        return error_set(err, E_LIMIT, "%u answers to %zu prompts (limit %d)",
                         api_request_answer_count(request), count, API_ANSWERS_MAX);
    return OK;
}

void api_request_set_text(struct api_request *request, struct str text)
{
    struct api_prompt *prompt = arena_alloc_array(&request->chat.arena, 1, sizeof(*prompt));
    set_text(&request->chat.arena, text, prompt);
    request->is_raw = true;
    request->prompts = prompt;
    request->prompt_count = 1;
}

struct str api_request_text(const struct api_request *request, size_t index)
{
    if (index >= request->prompt_count || request->prompts[index].part_count != 1)
        return (struct str){0};
    return request->prompts[index].parts[0].text;
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
