#include "api/ollama_read.h"

#include "api/field.h"
#include "api/llama_read.h"
#include "text/json.h"

/* Ollama's own defaults, then the model's, then the client's. */
static enum status read_options(const json_t *options, struct api_request *out, struct error *err)
{
    struct sampler_options *sampler = &out->sampler;
    sampler->temperature = 0.8f;
    sampler->top_p = 0.9f;
    sampler->top_k = 40;
    sampler->repeat_last_count = 64;
    TRY(api_request_take_defaults(out, err));
    return api_request_read_options(out, options, err);
}

static enum status read_format(const json_t *format, struct api_request *out, struct error *err)
{
    if (!format || json_is_null(format) ||
        (json_is_string(format) && json_string_length(format) == 0))
        return OK;
    if (str_equal_c(json_str(format), "json"))
        out->schema = json_pack("{s:s}", "type", "object");
    else if (json_is_object(format))
        out->schema = json_deep_copy(format);
    else
        return error_set(err, E_INVALID, "format is neither \"json\" nor a JSON schema");
    return OK;
}

/* true, false, or a level: any level is on. */
static enum status read_think(const json_t *think, struct chat_request *chat, struct error *err)
{
    if (!think || json_is_null(think))
        return OK;
    if (!json_is_boolean(think) && !json_is_string(think))
        return error_set(err, E_INVALID, "think is neither true, false nor a level");
    chat->thinking = json_is_false(think) ? CHAT_THINKING_OFF : CHAT_THINKING_ON;
    return OK;
}

static enum status read_common(const json_t *body, struct api_request *out, struct error *err)
{
    struct str model = {0};
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(field_str(body, "model", &model, err));
    if (model.len == 0 || model.len > API_MODEL_NAME_MAX)
        return error_set(err, E_INVALID, "model is missing or longer than %d bytes",
                         API_MODEL_NAME_MAX);
    strbuf_add_str(&out->model, model);
    out->streams = true;
    TRY(field_bool(body, "stream", &out->streams, err));
    TRY(read_options(json_object_get(body, "options"), out, err));
    TRY(read_format(json_object_get(body, "format"), out, err));
    TRY(api_request_read_logprobs(out, body, err));
    out->chat.add_generation_prompt = true;
    return read_think(json_object_get(body, "think"), &out->chat, err);
}

static enum status check_images(const json_t *object, struct error *err)
{
    if (json_array_size(json_object_get(object, "images")) > 0)
        return error_set(err, E_UNSUPPORTED, "images: this model reads only text");
    return OK;
}

static enum status read_role(struct str name, enum chat_role *out, struct error *err)
{
    if (str_equal_c(name, "system"))
        *out = CHAT_ROLE_SYSTEM;
    else if (str_equal_c(name, "user"))
        *out = CHAT_ROLE_USER;
    else if (str_equal_c(name, "assistant"))
        *out = CHAT_ROLE_ASSISTANT;
    else if (str_equal_c(name, "tool"))
        *out = CHAT_ROLE_TOOL;
    else
        return error_set(err, E_INVALID, "a message has the role \"%.*s\"",
                         STR_ARG(field_shown(name)));
    return OK;
}

static enum status add_message(struct chat_request *chat, const json_t *item, struct error *err)
{
    enum chat_role role = CHAT_ROLE_USER;
    struct str text = {0};
    TRY(read_role(json_str(json_object_get(item, "role")), &role, err));
    TRY(check_images(item, err));
    TRY(field_str(item, "content", &text, err));
    struct chat_message *message = chat_request_add(chat, role, text);
    if (json_member_str(item, "thinking", &text))
        message->reasoning = arena_copy_str(&chat->arena, text);
    if (json_member_str(item, "tool_name", &text))
        message->tool_name = arena_copy_str(&chat->arena, text);
    if (json_member_str(item, "tool_call_id", &text))
        message->tool_call_id = arena_copy_str(&chat->arena, text);
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(json_object_get(item, "tool_calls"), index, call)
    {
        const json_t *function = json_object_get(call, "function");
        struct str name = {0};
        if (!json_member_str(function, "name", &name))
            return error_set(err, E_INVALID, "a tool call has no function name");
        chat_request_add_call(chat, message, json_str(json_object_get(call, "id")), name,
                              json_object_get(function, "arguments"));
    }
    return OK;
}

enum status ollama_read_chat(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *messages = NULL;
    const json_t *tools = NULL;
    TRY(read_common(body, out, err));
    TRY(field_array(body, "messages", API_MESSAGES_MAX, &messages, err));
    TRY(field_array(body, "tools", API_TOOLS_MAX, &tools, err));
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(messages, index, item) TRY(add_message(&out->chat, item, err));
    json_array_foreach(tools, index, item)
    {
        struct str name = {0};
        if (!json_member_str(json_object_get(item, "function"), "name", &name) || name.len == 0)
            return error_set(err, E_INVALID, "tools[%zu] has no function name", index);
    }
    if (json_array_size(tools) > 0)
        out->chat.tools = json_deep_copy(tools);
    out->only_loads = out->chat.message_count == 0;
    return OK;
}

enum status ollama_read_generate(const json_t *body, struct api_request *out, struct error *err)
{
    struct str prompt = {0};
    struct str system = {0};
    struct str suffix = {0};
    TRY(read_common(body, out, err));
    TRY(check_images(body, err));
    TRY(field_str(body, "prompt", &prompt, err));
    TRY(field_str(body, "system", &system, err));
    TRY(field_str(body, "suffix", &suffix, err));
    TRY(field_bool(body, "raw", &out->is_raw, err));
    out->only_loads = prompt.len == 0;
    if (suffix.len > 0) {
        llama_read_set_middle(out, prompt, suffix);
        return OK;
    }
    if (out->is_raw) {
        api_request_set_text(out, prompt);
        return OK;
    }
    if (system.len > 0)
        chat_request_add(&out->chat, CHAT_ROLE_SYSTEM, system);
    chat_request_add(&out->chat, CHAT_ROLE_USER, prompt);
    return OK;
}
