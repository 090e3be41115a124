#include "api/responses_read.h"

#include "api/client_tools.h"
#include "api/field.h"
#include "api/openai_read.h"
#include "api/responses_kept.h"
#include "api/sealed_text.h"
#include "text/json.h"

/* ---------------------------------------------------------------- tools */

/* The functions of a namespace, under joined names. */
static enum status add_namespace(struct api_request *out, const json_t *tool, struct str name_space,
                                 struct error *err)
{
    const json_t *tools = NULL;
    TRY(field_array(tool, "tools", API_TOOLS_MAX, &tools, err));
    size_t index = 0;
    json_t *inner = NULL;
    json_array_foreach(tools, index, inner)
    {
        struct str name = {0};
        if (!json_member_str(inner, "name", &name))
            continue;
        CLEANUP(strbuf_done) struct strbuf joined = {0};
        client_tools_join_name(name_space, name, &joined);
        client_tools_note_name(out, strbuf_c(&joined), name_space, name, false);
        client_tools_add_function(out, strbuf_c(&joined), json_object_get(inner, "description"),
                                  json_object_get(inner, "parameters"));
    }
    return OK;
}

static enum status add_function(struct api_request *out, const json_t *tool, struct str name,
                                struct error *err)
{
    TRY(client_tools_check_function(out, name, err));
    client_tools_add_function(out, json_string_value(json_object_get(tool, "name")),
                              json_object_get(tool, "description"),
                              json_object_get(tool, "parameters"));
    return OK;
}

static enum status read_tools(const json_t *tools, struct api_request *out, struct error *err)
{
    size_t index = 0;
    json_t *tool = NULL;
    if (json_array_size(tools) > 0 && !out->chat.tools)
        out->chat.tools = json_array();
    json_array_foreach(tools, index, tool)
    {
        struct str type = {0};
        struct str name = {0};
        TRY(field_str(tool, "type", &type, err));
        json_member_str(tool, "name", &name);
        if (str_equal_c(type, "function") && name.len > 0)
            TRY(add_function(out, tool, name, err));
        else if (str_equal_c(type, "custom") && name.len > 0)
            TRY(client_tools_add_custom(out, tool, err));
        else if (str_equal_c(type, "namespace") && name.len > 0)
            TRY(add_namespace(out, tool, name, err));
        else if (str_equal_c(type, "function") || str_equal_c(type, "custom"))
            return error_set(err, E_INVALID, "tools[%zu] has no name", index);
    }
    return OK;
}

static enum status read_tool_choice(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    const json_t *allowed = NULL;
    const struct str word = json_str(choice);
    bool parallel = true;
    TRY(field_bool(body, "parallel_tool_calls", &parallel, err));
    out->one_call_only = !parallel;
    if (str_equal_c(word, "none"))
        out->tool_choice = API_TOOLS_NONE;
    else if (str_equal_c(word, "required"))
        out->tool_choice = API_TOOLS_REQUIRED;
    else if (client_tools_is_allowance(choice, &allowed))
        return client_tools_allow(out, allowed, err);
    else if (json_is_object(choice))
        return api_request_require_tool(out, json_str(json_object_get(choice, "name")), err);
    else if (word.len > 0 && !str_equal_c(word, "auto"))
        return error_set(err, E_INVALID, "tool_choice is not auto, none, required or a tool");
    return OK;
}

/* ---------------------------------------------------------------- input */

/* The turn that has only been thought in so far, or NULL. */
static struct chat_message *thoughtful_turn(struct chat_request *chat)
{
    struct chat_message *last =
        chat->message_count > 0 ? &chat->messages[chat->message_count - 1] : NULL;
    const bool is_open = last && last->role == CHAT_ROLE_ASSISTANT && last->reasoning.len > 0 &&
                         last->content.len == 0 && last->tool_call_count == 0;
    return is_open ? last : NULL;
}

static void add_said(struct chat_request *chat, enum chat_role role, struct str content)
{
    struct chat_message *turn = role == CHAT_ROLE_ASSISTANT ? thoughtful_turn(chat) : NULL;
    if (turn)
        turn->content = arena_copy_str(&chat->arena, content);
    else
        chat_request_add(chat, role, content);
}

static enum status add_message(struct api_request *out, const json_t *item, struct error *err)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"user", CHAT_ROLE_USER},
        {"assistant", CHAT_ROLE_ASSISTANT},
        {"system", CHAT_ROLE_SYSTEM},
        {"developer", CHAT_ROLE_DEVELOPER},
    };
    struct str name = {0};
    CLEANUP(strbuf_done) struct strbuf content = {0};
    json_member_str(item, "role", &name);
    TRY(openai_read_content(json_object_get(item, "content"), &content, err));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!str_equal_c(name, roles[i].name))
            continue;
        const bool is_late = out->chat.message_count > 1 && roles[i].role != CHAT_ROLE_USER &&
                             roles[i].role != CHAT_ROLE_ASSISTANT;
        if (!is_late) {
            add_said(&out->chat, roles[i].role, strbuf_view(&content));
            return OK;
        }
        /* Most templates allow these roles only at the beginning. */
        CLEANUP(strbuf_done) struct strbuf folded = {0};
        strbuf_add_c(&folded, "<system-reminder>\n");
        strbuf_add_str(&folded, strbuf_view(&content));
        strbuf_add_c(&folded, "\n</system-reminder>");
        chat_request_add(&out->chat, CHAT_ROLE_USER, strbuf_view(&folded));
        return OK;
    }
    return error_set(err, E_INVALID, "a message has the role \"%.*s\"", STR_ARG(field_shown(name)));
}

/* The assistant's message that calls and reasoning belong to: the last one, or a new one. */
static struct chat_message *assistant_turn(struct chat_request *chat)
{
    if (chat->message_count > 0 &&
        chat->messages[chat->message_count - 1].role == CHAT_ROLE_ASSISTANT)
        return &chat->messages[chat->message_count - 1];
    return chat_request_add(chat, CHAT_ROLE_ASSISTANT, (struct str){0});
}

/* What was thought, in the clear or as we sealed it. */
static void add_reasoning(struct chat_request *chat, const json_t *item)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    size_t index = 0;
    json_t *part = NULL;
    struct str piece = {0};
    json_array_foreach(json_object_get(item, "content"), index, part)
    {
        if (json_member_str(part, "text", &piece))
            strbuf_add_str(&text, piece);
    }
    if (text.len == 0)
        (void)sealed_text_open(&text, json_str(json_object_get(item, "encrypted_content")));
    if (text.len > 0)
        assistant_turn(chat)->reasoning = arena_copy_str(&chat->arena, strbuf_view(&text));
}

/* Under the name the function has for the model. */
static void add_call(struct chat_request *chat, const json_t *item, bool is_custom)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    CLEANUP(json_decrefp) json_t *arguments = NULL;
    struct error ignored = {0};
    const struct str name_space = json_str(json_object_get(item, "namespace"));
    const json_t *text = json_object_get(item, is_custom ? "input" : "arguments");
    client_tools_join_name(name_space, json_str(json_object_get(item, "name")), &name);
    if (is_custom)
        arguments = client_tools_arguments(text);
    else if (json_parse(json_str(text), NULL, &arguments, &ignored) != OK)
        arguments = json_object();
    chat_request_add_call(chat, assistant_turn(chat), json_str(json_object_get(item, "call_id")),
                          strbuf_view(&name), arguments);
}

static enum status add_output(struct chat_request *chat, const json_t *item, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf content = {0};
    TRY(openai_read_content(json_object_get(item, "output"), &content, err));
    struct chat_message *message = chat_request_add(chat, CHAT_ROLE_TOOL, strbuf_view(&content));
    message->tool_call_id =
        arena_copy_str(&chat->arena, json_str(json_object_get(item, "call_id")));
    return OK;
}

static enum status add_item(struct api_request *out, const json_t *item, struct error *err)
{
    struct str type = STR("message");
    TRY(field_str(item, "type", &type, err));
    if (str_equal_c(type, "message"))
        return add_message(out, item, err);
    if (str_equal_c(type, "function_call_output") || str_equal_c(type, "custom_tool_call_output") ||
        str_equal_c(type, "local_shell_call_output"))
        return add_output(&out->chat, item, err);
    if (str_equal_c(type, "tool_search_output"))
        return read_tools(json_object_get(item, "tools"), out, err);
    if (str_equal_c(type, "function_call"))
        add_call(&out->chat, item, false);
    else if (str_equal_c(type, "custom_tool_call"))
        add_call(&out->chat, item, true);
    else if (str_equal_c(type, "reasoning"))
        add_reasoning(&out->chat, item);
    return OK; /* what is left says nothing to a model */
}

static enum status read_input(const json_t *body, struct api_request *out, struct error *err)
{
    struct str instructions = {0};
    const json_t *input = json_object_get(body, "input");
    TRY(field_str(body, "instructions", &instructions, err));
    if (instructions.len > 0)
        chat_request_add(&out->chat, CHAT_ROLE_SYSTEM, instructions);
    if (json_is_string(input)) {
        chat_request_add(&out->chat, CHAT_ROLE_USER, json_str(input));
        return OK;
    }
    const json_t *items = NULL;
    TRY(field_array(body, "input", API_MESSAGES_MAX, &items, err));
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(items, index, item) TRY(add_item(out, item, err));
    if (out->chat.message_count == 0)
        return error_set(err, E_INVALID, "input is missing or empty");
    return OK;
}

/* ---------------------------------------------------------------- the rest */

static enum status read_settings(const json_t *body, struct api_request *out, struct error *err)
{
    struct str model = {0};
    struct str effort = {0};
    int64_t top = 0;
    TRY(field_str(body, "model", &model, err));
    if (model.len > API_MODEL_NAME_MAX)
        return error_set(err, E_LIMIT, "the model's name is longer than %d bytes",
                         API_MODEL_NAME_MAX);
    strbuf_add_str(&out->model, model);
    out->sampler.temperature = 1.0f;
    TRY(api_request_take_defaults(out, err));
    int64_t tokens = out->token_count_max;
    TRY(field_int(body, "max_output_tokens", 1, API_TOKENS_MAX, &tokens, err));
    out->token_count_max = (uint32_t)tokens;
    TRY(field_float(body, "temperature", 0, 2, &out->sampler.temperature, err));
    TRY(field_float(body, "top_p", 0, 1, &out->sampler.top_p, err));
    TRY(field_bool(body, "stream", &out->streams, err));
    TRY(field_bool(body, "return_progress", &out->wants_progress, err));
    TRY(field_bool(body, "timings_per_token", &out->wants_timings, err));
    TRY(field_int(body, "top_logprobs", 0, TOKEN_RANKING_TOP_MAX, &top, err));
    out->top_count = (uint32_t)top;
    out->wants_tokens = top > 0 || responses_kept_includes(body, "message.output_text.logprobs");
    const json_t *conversation = json_object_get(body, "conversation");
    if (conversation && !json_is_null(conversation))
        return error_set(err, E_UNSUPPORTED,
                         "conversation is not supported here; previous_response_id is");
    bool keeps = true;
    TRY(field_bool(body, "store", &keeps, err));
    TRY(field_str(json_object_get(body, "reasoning"), "effort", &effort, err));
    if (str_equal_c(effort, "none"))
        out->chat.thinking = CHAT_THINKING_OFF;
    else if (effort.len > 0)
        out->chat.thinking = CHAT_THINKING_ON;
    const json_t *format = json_object_get(json_object_get(body, "text"), "format");
    const struct str type = json_str(json_object_get(format, "type"));
    if (json_is_object(json_object_get(format, "schema")))
        out->schema = json_deep_copy(json_object_get(format, "schema"));
    else if (str_equal_c(type, "json_object"))
        out->schema = json_pack("{s:s}", "type", "object");
    return OK;
}

enum status responses_read(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *tools = NULL;
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(read_settings(body, out, err));
    TRY(field_array(body, "tools", API_TOOLS_MAX, &tools, err));
    TRY(read_tools(tools, out, err));
    TRY(read_input(body, out, err));
    TRY(read_tool_choice(body, out, err));
    out->repeated = responses_kept_fields(body);
    out->chat.add_generation_prompt = true;
    return OK;
}
