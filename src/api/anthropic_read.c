#include "api/anthropic_read.h"

#include "api/field.h"
#include "text/json.h"

/* ---------------------------------------------------------------- system */

/* What is left of a text without the header line it may begin with, whose value is another one in
 * every request. */
static struct str without_header(struct str text)
{
    if (!str_starts_with(text, STR("x-anthropic-billing-header:")))
        return text;
    const size_t end = str_find_char(text, '\n', 0);
    return end == SIZE_MAX ? (struct str){0} : str_slice(text, end + 1, text.len);
}

static enum status add_system_text(struct str text, struct strbuf *out)
{
    text = without_header(text);
    if (text.len == 0)
        return OK;
    if (out->len > 0)
        strbuf_add_c(out, "\n\n");
    strbuf_add_str(out, text);
    return OK;
}

static enum status read_system(const json_t *system, struct strbuf *out, struct error *err)
{
    if (!system || json_is_null(system))
        return OK;
    if (json_is_string(system))
        return add_system_text(json_str(system), out);
    if (!json_is_array(system))
        return error_set(err, E_INVALID, "system is neither a text nor a list of blocks");
    size_t index = 0;
    json_t *block = NULL;
    json_array_foreach(system, index, block)
    {
        struct str text = {0};
        if (json_member_str(block, "text", &text))
            TRY(add_system_text(text, out));
    }
    return OK;
}

/* ---------------------------------------------------------------- messages */

/* What the blocks of one message come to. */
struct turn {
    struct chat_request *chat;
    enum chat_role role;
    struct strbuf text;
    struct strbuf thinking;
    json_t *calls; /* tool_use blocks; borrowed members */
};

static void turn_done(struct turn *turn)
{
    strbuf_done(&turn->text);
    strbuf_done(&turn->thinking);
    json_decref(turn->calls);
}

static enum status read_result_content(const json_t *content, struct strbuf *out, struct error *err)
{
    if (json_is_string(content)) {
        strbuf_add_str(out, json_str(content));
        return OK;
    }
    size_t index = 0;
    json_t *block = NULL;
    json_array_foreach(content, index, block)
    {
        struct str type = {0};
        struct str text = {0};
        json_member_str(block, "type", &type);
        if (str_equal_c(type, "image"))
            return error_set(err, E_UNSUPPORTED,
                             "a tool result has an image; this model reads only text");
        if (json_member_str(block, "text", &text))
            strbuf_add_str(out, text);
    }
    return OK;
}

/* Results come before the text of the same message: they answer the turn before. */
static enum status add_result(struct turn *turn, const json_t *block, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf content = {0};
    struct str id = {0};
    if (json_is_true(json_object_get(block, "is_error")))
        strbuf_add_c(&content, "error: ");
    TRY(read_result_content(json_object_get(block, "content"), &content, err));
    struct chat_message *message =
        chat_request_add(turn->chat, CHAT_ROLE_TOOL, strbuf_view(&content));
    if (json_member_str(block, "tool_use_id", &id))
        message->tool_call_id = arena_copy_str(&turn->chat->arena, id);
    return OK;
}

static enum status read_block(struct turn *turn, const json_t *block, struct error *err)
{
    struct str type = {0};
    struct str text = {0};
    if (!json_member_str(block, "type", &type))
        return error_set(err, E_INVALID, "a block of a message has no type");
    if (str_equal_c(type, "text") && json_member_str(block, "text", &text)) {
        strbuf_add_str(&turn->text, text);
    } else if (str_equal_c(type, "thinking") && json_member_str(block, "thinking", &text)) {
        strbuf_add_str(&turn->thinking, text);
    } else if (str_equal_c(type, "tool_use")) {
        if (!json_member_str(block, "name", &text))
            return error_set(err, E_INVALID, "a tool_use block has no name");
        json_array_append(turn->calls, (json_t *)(uintptr_t)block);
    } else if (str_equal_c(type, "tool_result")) {
        return add_result(turn, block, err);
    } else if (str_equal_c(type, "image") || str_equal_c(type, "document")) {
        return error_set(err, E_UNSUPPORTED,
                         "a message has a block of type \"%.*s\"; this model "
                         "reads only text",
                         STR_ARG(field_shown(type)));
    }
    return OK;
}

static enum status read_content(struct turn *turn, const json_t *content, struct error *err)
{
    if (json_is_string(content)) {
        strbuf_add_str(&turn->text, json_str(content));
        return OK;
    }
    if (!json_is_array(content))
        return error_set(err, E_INVALID, "the content of a message is neither a text nor a list");
    size_t index = 0;
    json_t *block = NULL;
    json_array_foreach(content, index, block) TRY(read_block(turn, block, err));
    return OK;
}

static void add_turn(struct turn *turn)
{
    struct chat_request *chat = turn->chat;
    const size_t call_count = json_array_size(turn->calls);
    if (turn->text.len == 0 && turn->thinking.len == 0 && call_count == 0)
        return; /* only results */
    struct chat_message *message = chat_request_add(chat, turn->role, strbuf_view(&turn->text));
    if (turn->thinking.len > 0)
        message->reasoning = arena_copy_str(&chat->arena, strbuf_view(&turn->thinking));
    for (size_t i = 0; i < call_count; i++) {
        const json_t *block = json_array_get(turn->calls, i);
        const struct str id = json_str(json_object_get(block, "id"));
        chat_request_add_call(chat, message, id, json_str(json_object_get(block, "name")),
                              json_object_get(block, "input"));
    }
}

static enum status add_message(struct chat_request *chat, const json_t *item, struct error *err)
{
    CLEANUP(turn_done) struct turn turn = {.chat = chat, .calls = json_array()};
    struct str role = {0};
    json_member_str(item, "role", &role);
    const bool is_system = str_equal_c(role, "system");
    if (str_equal_c(role, "assistant"))
        turn.role = CHAT_ROLE_ASSISTANT;
    else if (str_equal_c(role, "user") || is_system)
        turn.role = CHAT_ROLE_USER;
    else
        return error_set(err, E_INVALID, "a message has the role \"%.*s\"",
                         STR_ARG(field_shown(role)));
    if (is_system)
        strbuf_add_c(&turn.text, "<system-reminder>\n");
    TRY(read_content(&turn, json_object_get(item, "content"), err));
    if (is_system)
        strbuf_add_c(&turn.text, "\n</system-reminder>");
    add_turn(&turn);
    return OK;
}

/* ---------------------------------------------------------------- tools */

/* {"name", "description", "input_schema"} to OpenAI's form. Tools that the provider would carry out
 * itself (web search and the like have a type and no schema) cannot be offered. */
static enum status read_tools(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *tools = NULL;
    TRY(field_array(body, "tools", API_TOOLS_MAX, &tools, err));
    if (json_array_size(tools) > 0)
        out->chat.tools = json_array();
    size_t index = 0;
    json_t *tool = NULL;
    json_array_foreach(tools, index, tool)
    {
        struct str name = {0};
        json_t *schema = json_object_get(tool, "input_schema");
        json_t *description = json_object_get(tool, "description");
        if (!json_member_str(tool, "name", &name) || name.len == 0)
            return error_set(err, E_INVALID, "tools[%zu] has no name", index);
        if (!schema)
            continue;
        json_t *function = json_pack("{s:s%}", "name", name.ptr, name.len);
        if (description)
            json_object_set(function, "description", description);
        json_object_set(function, "parameters", schema);
        json_array_append_new(out->chat.tools,
                              json_pack("{s:s, s:o}", "type", "function", "function", function));
    }
    return OK;
}

static enum status read_tool_choice(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    struct str type = {0};
    bool one_only = false;
    if (!choice || json_is_null(choice))
        return OK;
    TRY(field_bool(choice, "disable_parallel_tool_use", &one_only, err));
    out->one_call_only = one_only;
    TRY(field_str(choice, "type", &type, err));
    if (str_equal_c(type, "none")) {
        out->tool_choice = API_TOOLS_NONE;
    } else if (str_equal_c(type, "any")) {
        out->tool_choice = API_TOOLS_REQUIRED;
    } else if (str_equal_c(type, "tool")) {
        return api_request_require_tool(out, json_str(json_object_get(choice, "name")), err);
    } else if (!str_equal_c(type, "auto")) {
        return error_set(err, E_INVALID, "tool_choice.type is not auto, any, tool or none");
    }
    return OK;
}

/* ---------------------------------------------------------------- the rest */

static enum status read_limits(const json_t *body, struct api_request *out, struct error *err)
{
    struct str model = {0};
    const json_t *thinking = json_object_get(body, "thinking");
    struct str type = {0};
    TRY(field_str(body, "model", &model, err));
    if (model.len > API_MODEL_NAME_MAX)
        return error_set(err, E_LIMIT, "the model's name is longer than %d bytes",
                         API_MODEL_NAME_MAX);
    strbuf_add_str(&out->model, model);
    out->sampler.temperature = 1.0f;
    TRY(api_request_take_defaults(out, err));
    int64_t tokens = out->token_count_max;
    int64_t top_k = out->sampler.top_k;
    TRY(field_int(body, "max_tokens", 1, API_TOKENS_MAX, &tokens, err));
    out->token_count_max = (uint32_t)tokens;
    TRY(field_float(body, "temperature", 0, 1, &out->sampler.temperature, err));
    TRY(field_float(body, "top_p", 0, 1, &out->sampler.top_p, err));
    TRY(field_int(body, "top_k", 0, INT32_MAX, &top_k, err));
    out->sampler.top_k = (uint32_t)top_k;
    TRY(field_bool(body, "stream", &out->streams, err));
    TRY(field_str(thinking, "type", &type, err));
    if (str_equal_c(type, "disabled"))
        out->chat.thinking = CHAT_THINKING_OFF;
    else if (type.len > 0)
        out->chat.thinking = CHAT_THINKING_ON;
    const json_t *format = json_object_get(json_object_get(body, "output_config"), "format");
    if (json_is_object(json_object_get(format, "schema")))
        out->schema = json_deep_copy(json_object_get(format, "schema"));
    return api_request_add_stops(out, json_object_get(body, "stop_sequences"), err);
}

enum status anthropic_read_messages(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *messages = NULL;
    CLEANUP(strbuf_done) struct strbuf system = {0};
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(read_limits(body, out, err));
    TRY(read_system(json_object_get(body, "system"), &system, err));
    if (system.len > 0)
        chat_request_add(&out->chat, CHAT_ROLE_SYSTEM, strbuf_view(&system));
    TRY(field_array(body, "messages", API_MESSAGES_MAX, &messages, err));
    if (json_array_size(messages) == 0)
        return error_set(err, E_INVALID, "messages is missing or empty");
    size_t index = 0;
    json_t *message = NULL;
    json_array_foreach(messages, index, message) TRY(add_message(&out->chat, message, err));
    TRY(read_tools(body, out, err));
    TRY(read_tool_choice(body, out, err));
    out->chat.add_generation_prompt = true;
    api_request_continue(out);
    return OK;
}
