#include "chat/chat_request_json.h"

#include "text/json.h"

/* One message being read, and how its place is called. */
struct reader {
    struct chat_request *request;
    size_t index;
    struct error *err;
};

static enum status fail(const struct reader *reader, const char *field, const char *reason)
{
    return error_set(reader->err, E_INVALID, "messages[%zu].%s %s", reader->index, field, reason);
}

static enum status read_role(const struct reader *reader, const json_t *message,
                             enum chat_role *out)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {{"system", CHAT_ROLE_SYSTEM}, {"developer", CHAT_ROLE_DEVELOPER},
                 {"user", CHAT_ROLE_USER},     {"assistant", CHAT_ROLE_ASSISTANT},
                 {"tool", CHAT_ROLE_TOOL},     {"function", CHAT_ROLE_TOOL}};
    struct str name;
    if (!json_member_str(message, "role", &name))
        return fail(reader, "role", "must be a text");
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_equal_c(name, roles[i].name)) {
            *out = roles[i].role;
            return OK;
        }
    }
    return error_set(reader->err, E_INVALID,
                     "messages[%zu].role is \"%.*s\" (system, developer, user, assistant or tool)",
                     reader->index, STR_ARG(str_slice(name, 0, 40)));
}

/* A text that may be absent or null. */
static enum status read_text(const struct reader *reader, const json_t *message, const char *field,
                             struct str *out)
{
    const json_t *value = json_object_get(message, field);
    if (!value || json_is_null(value))
        return OK;
    if (!json_is_string(value))
        return fail(reader, field, "must be a text");
    *out = chat_request_copy(reader->request, json_str(value));
    return OK;
}

static enum status read_content(const struct reader *reader, const json_t *message,
                                struct chat_message *out)
{
    json_t *value = json_object_get(message, "content");
    if (!value || json_is_null(value))
        return OK;
    if (json_is_string(value)) {
        out->content = chat_request_copy(reader->request, json_str(value));
        return OK;
    }
    if (!json_is_array(value))
        return fail(reader, "content", "must be a text, a list of parts or null");
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct str type;
        if (!json_member_str(json_array_get(value, i), "type", &type))
            return error_set(reader->err, E_INVALID,
                             "messages[%zu].content[%zu] must be an object with a \"type\"",
                             reader->index, i);
    }
    out->content_parts = json_incref(value);
    return OK;
}

/* Arguments as an object, or as the text of one. */
static enum status read_arguments(const struct reader *reader, json_t *value, json_t **out)
{
    if (!value || json_is_null(value)) {
        *out = json_object();
        return OK;
    }
    if (json_is_object(value)) {
        *out = json_incref(value);
        return OK;
    }
    struct error reason = {0};
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    if (!json_is_string(value) || json_parse(json_str(value), NULL, &parsed, &reason) != OK ||
        !json_is_object(parsed))
        return fail(reader, "tool_calls", "have arguments that are no JSON object");
    *out = parsed;
    parsed = NULL;
    return OK;
}

static enum status read_calls(const struct reader *reader, const json_t *message,
                              struct chat_message *out)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    if (!calls || json_is_null(calls))
        return OK;
    if (!json_is_array(calls) || out->role != CHAT_ROLE_ASSISTANT)
        return fail(reader, "tool_calls", "must be a list, in an assistant message");
    if (json_array_size(calls) > CHAT_REQUEST_JSON_CALLS_MAX)
        return error_set(reader->err, E_LIMIT, "messages[%zu].tool_calls are %zu (limit %d)",
                         reader->index, json_array_size(calls), CHAT_REQUEST_JSON_CALLS_MAX);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        const json_t *function = json_object_get(call, "function");
        CLEANUP(json_decrefp) json_t *arguments = NULL;
        struct str id = {0};
        struct str name;
        (void)!json_member_str(call, "id", &id);
        if (!json_is_object(function))
            function = call;
        if (!json_member_str(function, "name", &name))
            return fail(reader, "tool_calls", "lack the name of a function");
        TRY(read_arguments(reader, json_object_get(function, "arguments"), &arguments));
        chat_request_add_call(reader->request, out, id, name, arguments);
    }
    return OK;
}

static enum status read_message(const struct reader *reader, const json_t *message)
{
    static const char *const reasoning[] = {"reasoning_content", "reasoning", "thinking"};
    enum chat_role role = CHAT_ROLE_USER;
    if (!json_is_object(message))
        return error_set(reader->err, E_INVALID, "messages[%zu] must be an object", reader->index);
    TRY(read_role(reader, message, &role));
    struct chat_message *out = chat_request_add(reader->request, role, (struct str){0});
    TRY(read_content(reader, message, out));
    for (size_t i = 0; !out->reasoning.len && i < ARRAY_LEN(reasoning); i++)
        TRY(read_text(reader, message, reasoning[i], &out->reasoning));
    TRY(read_calls(reader, message, out));
    TRY(read_text(reader, message, "tool_call_id", &out->tool_call_id));
    return read_text(reader, message, "name", &out->tool_name);
}

/* In OpenAI's form, or as bare functions; tools of other types are the template's own. */
static enum status check_tools(const json_t *tools, struct error *err)
{
    if (json_array_size(tools) > CHAT_REQUEST_JSON_TOOLS_MAX)
        return error_set(err, E_LIMIT, "%zu tools (limit %d)", json_array_size(tools),
                         CHAT_REQUEST_JSON_TOOLS_MAX);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *inner = json_object_get(tool, "function");
        struct str name;
        struct str type;
        if (!inner && json_member_str(tool, "type", &type) && !str_equal_c(type, "function"))
            continue;
        if (!json_member_str(inner ? inner : tool, "name", &name) || !name.len)
            return error_set(err, E_INVALID, "tools[%zu] lacks the name of a function", i);
    }
    return OK;
}

/* What stands beside the messages. */
static enum status read_rest(json_t *conversation, struct chat_request *request, struct error *err)
{
    static const char *const known[] = {"messages", "tools", "add_generation_prompt", "bos_token",
                                        "eos_token"};
    json_t *tools = json_object_get(conversation, "tools");
    const json_t *opens = json_object_get(conversation, "add_generation_prompt");
    if (tools && !json_is_null(tools) && !json_is_array(tools))
        return error_set(err, E_INVALID, "tools must be a list");
    TRY(check_tools(tools, err));
    if (opens && !json_is_boolean(opens))
        return error_set(err, E_INVALID, "add_generation_prompt must be true or false");
    chat_request_set_tools(request, json_is_array(tools) ? tools : NULL);
    request->add_generation_prompt = json_is_true(opens);
    CLEANUP(json_decrefp) json_t *variables = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(conversation, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= strcmp(name, known[i]) == 0;
        if (!is_known)
            json_object_set(variables, name, value);
    }
    chat_request_set_variables(request, variables);
    return OK;
}

enum status chat_request_json_read(const json_t *conversation, struct chat_request *request,
                                   struct error *err)
{
    const bool is_object = json_is_object(conversation);
    const json_t *messages = is_object ? json_object_get(conversation, "messages") : conversation;
    if (!json_is_array(messages))
        return error_set(err, E_INVALID,
                         "a conversation is a list of messages, or an object with \"messages\"");
    if (json_array_size(messages) > CHAT_REQUEST_JSON_MESSAGES_MAX)
        return error_set(err, E_LIMIT, "%zu messages (limit %d)", json_array_size(messages),
                         CHAT_REQUEST_JSON_MESSAGES_MAX);
    struct reader reader = {.request = request, .err = err};
    for (; reader.index < json_array_size(messages); reader.index++)
        TRY(read_message(&reader, json_array_get(messages, reader.index)));
    union {
        const json_t *borrowed;
        json_t *iterated; /* jansson iterates over a mutable object, and changes nothing */
    } object = {conversation};
    return is_object ? read_rest(object.iterated, request, err) : OK;
}
