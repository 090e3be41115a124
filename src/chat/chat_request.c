#include "chat/chat_request.h"

#include "base/check.h"
#include "base/mem.h"

enum { MESSAGES_MIN = 8, CALLS_MIN = 2 };

static void release_json(struct chat_request *request)
{
    for (size_t i = 0; i < request->message_count; i++) {
        struct chat_message *message = &request->messages[i];
        json_decref(message->content_parts);
        for (size_t k = 0; k < message->tool_call_count; k++)
            json_decref(message->tool_calls[k].arguments);
    }
    json_decref(request->tools);
    json_decref(request->variables);
    request->tools = NULL;
    request->variables = NULL;
    request->message_count = 0;
}

void chat_request_done(struct chat_request *request)
{
    release_json(request);
    mem_free(request->messages);
    arena_done(&request->arena);
    *request = (struct chat_request){0};
}

void chat_request_clear(struct chat_request *request)
{
    release_json(request);
    arena_reset(&request->arena);
}

struct str chat_request_copy(struct chat_request *request, struct str text)
{
    return arena_copy_str(&request->arena, text); /* no bound: never fails */
}

static enum segment_origin origin_of(enum chat_role role)
{
    switch (role) {
    case CHAT_ROLE_SYSTEM:
    case CHAT_ROLE_DEVELOPER: return SEGMENT_SYSTEM;
    case CHAT_ROLE_USER: return SEGMENT_USER;
    case CHAT_ROLE_ASSISTANT: return SEGMENT_MODEL;
    case CHAT_ROLE_TOOL: return SEGMENT_TOOL;
    }
    return SEGMENT_WEB;
}

struct chat_message *chat_request_add(struct chat_request *request, enum chat_role role,
                                      struct str content)
{
    if (request->message_count == request->message_capacity) {
        const size_t capacity =
            request->message_capacity ? request->message_capacity * 2 : MESSAGES_MIN;
        request->messages = mem_realloc(request->messages, capacity * sizeof(*request->messages));
        request->message_capacity = capacity;
    }
    struct chat_message *message = &request->messages[request->message_count++];
    *message = (struct chat_message){
        .role = role, .origin = origin_of(role), .content = chat_request_copy(request, content)};
    return message;
}

void chat_request_add_call(struct chat_request *request, struct chat_message *message,
                           struct str id, struct str name, json_t *arguments)
{
    const size_t count = message->tool_call_count;
    const bool is_full = count == 0 || (count >= CALLS_MIN && (count & (count - 1)) == 0);
    if (is_full) { /* capacities are powers of two */
        const size_t capacity = count ? count * 2 : CALLS_MIN;
        struct chat_tool_call *grown = arena_alloc_array(&request->arena, capacity, sizeof(*grown));
        CHECK(grown);
        if (count)
            memcpy(grown, message->tool_calls, count * sizeof(*grown));
        message->tool_calls = grown;
    }
    message->tool_calls[message->tool_call_count++] = (struct chat_tool_call){
        .id = chat_request_copy(request, id),
        .name = chat_request_copy(request, name),
        .arguments = arguments ? json_incref(arguments) : json_object(),
    };
}

void chat_request_set_tools(struct chat_request *request, json_t *tools)
{
    json_incref(tools);
    json_decref(request->tools);
    request->tools = tools;
}

void chat_request_set_variables(struct chat_request *request, json_t *variables)
{
    json_incref(variables);
    json_decref(request->variables);
    request->variables = variables;
}

const char *chat_request_role_name(enum chat_role role)
{
    switch (role) {
    case CHAT_ROLE_SYSTEM: return "system";
    case CHAT_ROLE_DEVELOPER: return "developer";
    case CHAT_ROLE_USER: return "user";
    case CHAT_ROLE_ASSISTANT: return "assistant";
    case CHAT_ROLE_TOOL: return "tool";
    }
    return "user";
}
