#include "api/openai_read.h"

#include "api/client_tools.h"
#include "api/field.h"
#include "api/llama_read.h"
#include "text/json.h"

/* ---------------------------------------------------------------- messages */

static enum status add_part(const json_t *part, struct strbuf *out, struct error *err)
{
    struct str type = {0};
    struct str text = {0};
    if (!json_member_str(part, "type", &type))
        return error_set(err, E_INVALID, "a part of a message has no type");
    if (!str_equal_c(type, "text") && !str_equal_c(type, "input_text") &&
        !str_equal_c(type, "output_text") && !str_equal_c(type, "refusal"))
        return error_set(err, E_UNSUPPORTED,
                         "a message has a part of type \"%.*s\"; this model reads only text",
                         STR_ARG(field_shown(type)));
    if (!json_member_str(part, str_equal_c(type, "refusal") ? "refusal" : "text", &text))
        return error_set(err, E_INVALID, "a part of type \"%.*s\" has no text",
                         STR_ARG(field_shown(type)));
    strbuf_add_str(out, text);
    return OK;
}

enum status openai_read_content(const json_t *content, struct strbuf *out, struct error *err)
{
    if (!content || json_is_null(content))
        return OK;
    if (json_is_string(content)) {
        strbuf_add_str(out, json_str(content));
        return OK;
    }
    if (!json_is_array(content))
        return error_set(err, E_INVALID, "the content of a message is neither a text nor a list");
    size_t index = 0;
    json_t *part = NULL;
    json_array_foreach(content, index, part) TRY(add_part(part, out, err));
    return OK;
}

static enum status read_role(const json_t *message, enum chat_role *out, struct error *err)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"system", CHAT_ROLE_SYSTEM}, {"developer", CHAT_ROLE_DEVELOPER},
        {"user", CHAT_ROLE_USER},     {"assistant", CHAT_ROLE_ASSISTANT},
        {"tool", CHAT_ROLE_TOOL},     {"function", CHAT_ROLE_TOOL},
    };
    struct str name = {0};
    if (!json_member_str(message, "role", &name))
        return error_set(err, E_INVALID, "a message has no role");
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_equal_c(name, roles[i].name)) {
            *out = roles[i].role;
            return OK;
        }
    }
    return error_set(err, E_INVALID, "a message has the role \"%.*s\"", STR_ARG(field_shown(name)));
}

/* OpenAI writes the arguments of a call as JSON in a text; clients that pass them through from
 * elsewhere send the object. What is no JSON stays a text: the template decides. */
static json_t *read_arguments(const json_t *arguments)
{
    json_t *parsed = NULL;
    struct error ignored = {0};
    if (!json_is_string(arguments))
        return json_is_object(arguments) ? json_deep_copy(arguments) : json_object();
    if (json_string_length(arguments) == 0)
        return json_object();
    if (json_parse(json_str(arguments), NULL, &parsed, &ignored) == OK)
        return parsed;
    return json_copy((json_t *)(uintptr_t)arguments);
}

static enum status add_calls(struct chat_request *chat, struct chat_message *message,
                             const json_t *calls, struct error *err)
{
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(calls, index, call)
    {
        const json_t *custom = json_object_get(call, "custom");
        const json_t *function = json_object_get(call, "function");
        const bool is_custom = json_is_object(custom);
        struct str name = {0};
        struct str id = {0};
        if (!json_member_str(is_custom ? custom : function, "name", &name))
            return error_set(err, E_INVALID, "a tool call has no function name");
        json_member_str(call, "id", &id);
        CLEANUP(json_decrefp)
        json_t *arguments = is_custom ? client_tools_arguments(json_object_get(custom, "input"))
                                      : read_arguments(json_object_get(function, "arguments"));
        chat_request_add_call(chat, message, id, name, arguments);
    }
    return OK;
}

static enum status add_message(struct chat_request *chat, const json_t *item, struct error *err)
{
    enum chat_role role = CHAT_ROLE_USER;
    CLEANUP(strbuf_done) struct strbuf content = {0};
    TRY(read_role(item, &role, err));
    TRY(openai_read_content(json_object_get(item, "content"), &content, err));
    struct chat_message *message = chat_request_add(chat, role, strbuf_view(&content));
    struct str text = {0};
    if (json_member_str(item, "reasoning_content", &text) ||
        json_member_str(item, "reasoning", &text))
        message->reasoning = arena_copy_str(&chat->arena, text);
    if (json_member_str(item, "tool_call_id", &text))
        message->tool_call_id = arena_copy_str(&chat->arena, text);
    if (role == CHAT_ROLE_TOOL && json_member_str(item, "name", &text))
        message->tool_name = arena_copy_str(&chat->arena, text);
    return add_calls(chat, message, json_object_get(item, "tool_calls"), err);
}

/* ---------------------------------------------------------------- tools */

static enum status read_tools(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *tools = NULL;
    TRY(field_array(body, "tools", API_TOOLS_MAX, &tools, err));
    if (json_array_size(tools) == 0)
        return OK;
    out->chat.tools = json_array();
    size_t index = 0;
    json_t *tool = NULL;
    json_array_foreach(tools, index, tool)
    {
        struct str type = STR("function");
        struct str name = {0};
        TRY(field_str(tool, "type", &type, err));
        const bool is_custom = str_equal_c(type, "custom");
        if (!is_custom && !str_equal_c(type, "function"))
            return error_set(err, E_UNSUPPORTED,
                             "tools[%zu] is of type \"%.*s\", not function or custom", index,
                             STR_ARG(field_shown(type)));
        const json_t *inner = json_object_get(tool, is_custom ? "custom" : "function");
        if (!json_member_str(inner, "name", &name) || name.len == 0)
            return error_set(err, E_INVALID, "tools[%zu] has no %s name", index,
                             is_custom ? "custom" : "function");
        if (is_custom) {
            TRY(client_tools_add_custom(out, inner, err));
        } else {
            TRY(client_tools_check_function(out, name, err));
            json_array_append(out->chat.tools, tool);
        }
    }
    return OK;
}

static enum status read_tool_choice(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    const json_t *allowed = NULL;
    const struct str name = json_str(choice);
    bool parallel = true;
    TRY(field_bool(body, "parallel_tool_calls", &parallel, err));
    out->one_call_only = !parallel;
    if (!choice || json_is_null(choice) || str_equal_c(name, "auto"))
        return OK;
    if (str_equal_c(name, "none"))
        out->tool_choice = API_TOOLS_NONE;
    else if (str_equal_c(name, "required"))
        out->tool_choice = API_TOOLS_REQUIRED;
    else if (client_tools_is_allowance(choice, &allowed))
        return client_tools_allow(out, allowed, err);
    else if (json_is_object(choice)) {
        struct str tool = {0};
        if (!json_member_str(json_object_get(choice, "function"), "name", &tool) &&
            !json_member_str(json_object_get(choice, "custom"), "name", &tool) &&
            !json_member_str(choice, "name", &tool))
            return error_set(err, E_INVALID, "tool_choice names no tool");
        return api_request_require_tool(out, tool, err);
    } else
        return error_set(err, E_INVALID, "tool_choice is not auto, none, required or a named tool");
    return OK;
}

/* ---------------------------------------------------------------- the rest */

/* Any object; with "schema", as llama.cpp's clients send it, one value of that. */
static enum status read_json_object(const json_t *format, struct api_request *out,
                                    struct error *err)
{
    const json_t *schema = json_object_get(format, "schema");
    if (schema && !json_is_null(schema) && !json_is_object(schema))
        return error_set(err, E_INVALID, "response_format.schema is not an object");
    out->schema = json_object_size(schema) > 0 ? json_deep_copy(schema)
                                               : json_pack("{s:s}", "type", "object");
    return OK;
}

static enum status read_format(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *format = json_object_get(body, "response_format");
    struct str type = STR("text");
    if (!format || json_is_null(format))
        return OK;
    TRY(field_str(format, "type", &type, err));
    if (str_equal_c(type, "text"))
        return OK;
    if (str_equal_c(type, "json_object"))
        return read_json_object(format, out, err);
    const json_t *schema = json_object_get(json_object_get(format, "json_schema"), "schema");
    if (!str_equal_c(type, "json_schema") || !json_is_object(schema))
        return error_set(err, E_INVALID,
                         "response_format is not text, json_object, or json_schema with a schema");
    out->schema = json_deep_copy(schema);
    return OK;
}

static enum status read_sampling(const json_t *body, struct api_request *request, struct error *err)
{
    struct sampler_options *out = &request->sampler;
    TRY(field_float(body, "temperature", 0, 2, &out->temperature, err));
    TRY(field_float(body, "top_p", 0, 1, &out->top_p, err));
    TRY(field_float(body, "min_p", 0, 1, &out->min_p, err));
    int64_t top_k = out->top_k;
    TRY(field_int(body, "top_k", 0, INT32_MAX, &top_k, err));
    out->top_k = (uint32_t)top_k;
    TRY(api_request_read_penalties(request, body, err));
    TRY(api_request_read_biases(request, body, err));
    return api_request_read_seed(request, body, err);
}

static enum status read_common(const json_t *body, struct api_request *out, struct error *err)
{
    struct str model = {0};
    int64_t choices = 1;
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(field_str(body, "model", &model, err));
    if (model.len > API_MODEL_NAME_MAX)
        return error_set(err, E_LIMIT, "the model's name is longer than %d bytes",
                         API_MODEL_NAME_MAX);
    strbuf_add_str(&out->model, model);
    out->sampler.temperature = 1.0f;
    TRY(api_request_take_defaults(out, err));
    int64_t tokens = out->token_count_max;
    TRY(field_int(body, "max_tokens", 1, API_TOKENS_MAX, &tokens, err));
    TRY(field_int(body, "max_completion_tokens", 1, API_TOKENS_MAX, &tokens, err));
    out->token_count_max = (uint32_t)tokens;
    TRY(field_int(body, "n", 1, API_CHOICES_MAX, &choices, err));
    out->choice_count = (uint32_t)choices;
    TRY(field_bool(body, "stream", &out->streams, err));
    TRY(field_bool(body, "ignore_eos", &out->ignores_end, err));
    TRY(field_bool(body, "return_progress", &out->wants_progress, err));
    TRY(field_bool(body, "timings_per_token", &out->wants_timings, err));
    TRY(field_bool(json_object_get(body, "stream_options"), "include_usage", &out->wants_usage,
                   err));
    TRY(read_sampling(body, out, err));
    return api_request_add_stops(out, json_object_get(body, "stop"), err);
}

static enum status read_thinking(const json_t *body, struct chat_request *chat, struct error *err)
{
    struct str effort = {0};
    TRY(field_str(body, "reasoning_effort", &effort, err));
    if (str_equal_c(effort, "none"))
        chat->thinking = CHAT_THINKING_OFF;
    else if (effort.len > 0)
        chat->thinking = CHAT_THINKING_ON;
    const json_t *variables = json_object_get(body, "chat_template_kwargs");
    if (json_is_object(variables))
        chat->variables = json_deep_copy(variables);
    return OK;
}

/* As vLLM and llama.cpp have it: whether an answer is opened, or the last one goes on. */
static enum status read_opening(const json_t *body, struct api_request *out, struct error *err)
{
    bool continues = false;
    out->chat.add_generation_prompt = true;
    TRY(field_bool(body, "add_generation_prompt", &out->chat.add_generation_prompt, err));
    TRY(field_bool(body, "continue_final_message", &continues, err));
    if (!continues)
        return OK;
    if (json_is_true(json_object_get(body, "add_generation_prompt")))
        return error_set(err, E_INVALID,
                         "add_generation_prompt and continue_final_message exclude each other");
    out->chat.add_generation_prompt = true;
    api_request_continue(out);
    return OK;
}

enum status openai_read_chat(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *messages = NULL;
    TRY(read_common(body, out, err));
    TRY(api_request_read_logprobs(out, body, err));
    TRY(field_array(body, "messages", API_MESSAGES_MAX, &messages, err));
    if (json_array_size(messages) == 0)
        return error_set(err, E_INVALID, "messages is missing or empty");
    size_t index = 0;
    json_t *message = NULL;
    json_array_foreach(messages, index, message) TRY(add_message(&out->chat, message, err));
    TRY(read_tools(body, out, err));
    TRY(read_tool_choice(body, out, err));
    TRY(read_format(body, out, err));
    TRY(api_request_read_grammar(out, body, err));
    TRY(read_thinking(body, &out->chat, err));
    return read_opening(body, out, err);
}

/* What is asked for needs the text of every prompt. */
static enum status check_texts(const struct api_request *request, const char *what,
                               struct error *err)
{
    for (size_t i = 0; i < request->prompt_count; i++)
        if (request->prompts[i].part_count != 1 || request->prompts[i].parts[0].id_count > 0)
            return error_set(err, E_UNSUPPORTED, "%s is not supported here", what);
    return OK;
}

enum status openai_read_completion(const json_t *body, struct api_request *out, struct error *err)
{
    int64_t best_of = 1;
    int64_t top = -1;
    TRY(read_common(body, out, err));
    TRY(field_bool(body, "echo", &out->echoes, err));
    TRY(field_int(body, "best_of", 1, 128, &best_of, err));
    TRY(field_int(body, "logprobs", 0, TOKEN_RANKING_TOP_MAX, &top, err));
    if (best_of != 1 && best_of != out->choice_count)
        return error_set(err, E_UNSUPPORTED, "best_of above n is not supported here");
    if (top >= 0 && out->echoes)
        return error_set(err, E_UNSUPPORTED,
                         "logprobs with echo: those of the prompt are not computed here");
    out->wants_tokens = top >= 0;
    out->top_count = top > 0 ? (uint32_t)top : 0;
    TRY(api_request_read_prompt(out, json_object_get(body, "prompt"), err));
    if (out->echoes)
        TRY(check_texts(out, "echo of a prompt that is given as tokens", err));
    const struct str suffix = json_str(json_object_get(body, "suffix"));
    if (suffix.len == 0)
        return OK;
    if (out->prompt_count > 1)
        return error_set(err, E_UNSUPPORTED, "a suffix of several prompts");
    TRY(check_texts(out, "a suffix of a prompt that is given as tokens", err));
    llama_read_set_middle(out, api_request_text(out, 0), suffix);
    return OK;
}
