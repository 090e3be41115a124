#include "agent/agent_context.h"

#include "agent/agent_internal.h"
#include "engine/session.h"
#include "text/json.h"
#include "text/utf8.h"

#include <inttypes.h>

enum {
    ROOM_MIN = 160,       /* tokens that must be left for the model to answer or call */
    CUT_NOTE_TOKENS = 16, /* for the line that says what was cut */
};

/* ---------------------------------------------------------------- messages */

static enum status add_assistant(struct agent *agent, const json_t *message, struct str content,
                                 struct error *err)
{
    struct chat_request *request = &agent->request;
    struct chat_message *added = chat_request_add(request, CHAT_ROLE_ASSISTANT, content);
    struct str reasoning = {0};
    if (json_member_str(message, "reasoning", &reasoning))
        added->reasoning = chat_request_copy(request, reasoning);
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(json_object_get(message, "tool_calls"), index, call)
    {
        struct str id = {0};
        struct str name = {0};
        struct str text = {0};
        if (!json_member_str(call, "name", &name)) {
            if (json_member_str(call, "bad",
                                &text)) /* as it was written, so that it can be mended */
                added->content = chat_request_copy(request, text);
            continue;
        }
        (void)json_member_str(call, "id", &id);
        (void)json_member_str(call, "arguments", &text);
        CLEANUP(json_decrefp) json_t *arguments = NULL;
        TRY(json_parse(text, NULL, &arguments, err));
        chat_request_add_call(request, added, id, name, arguments);
    }
    return OK;
}

static void add_tool(struct agent *agent, const json_t *message, struct str content)
{
    struct chat_request *request = &agent->request;
    struct chat_message *added = chat_request_add(request, CHAT_ROLE_TOOL, content);
    struct str text = {0};
    if (json_member_str(message, "tool_call_id", &text))
        added->tool_call_id = chat_request_copy(request, text);
    if (json_member_str(message, "name", &text))
        added->tool_name = chat_request_copy(request, text);
}

enum status agent_context_add(struct agent *agent, const json_t *message, struct error *err)
{
    struct str role = {0};
    struct str content = {0};
    if (!json_member_str(message, "role", &role))
        return error_set(err, E_FORMAT, "a message without a role");
    (void)json_member_str(message, "content", &content);
    if (str_equal_c(role, "user"))
        chat_request_add(&agent->request, CHAT_ROLE_USER, content);
    else if (str_equal_c(role, "assistant"))
        return add_assistant(agent, message, content, err);
    else if (str_equal_c(role, "tool"))
        add_tool(agent, message, content);
    else
        return error_set(err, E_FORMAT, "a message of an unknown role");
    return OK;
}

/* ---------------------------------------------------------------- restoring */

/* The call that waits for its result at the end of a conversation that was cut off, or NULL. */
static const json_t *open_call(const json_t *messages, size_t *out_index)
{
    const size_t count = json_array_size(messages);
    size_t results = 0;
    for (size_t i = count; i-- > 0;) {
        const json_t *message = json_array_get(messages, i);
        const char *role = json_string_value(json_object_get(message, "role"));
        if (role && strcmp(role, "tool") == 0) {
            results++;
            continue;
        }
        const json_t *calls = json_object_get(message, "tool_calls");
        *out_index = results;
        return json_array_get(calls, results);
    }
    return NULL;
}

/* Gives every call of the last assistant message a result, so that the conversation can go on. */
static enum status close_open_calls(struct agent *agent, const json_t *messages, struct error *err)
{
    CLEANUP(json_decrefp) json_t *all = json_array();
    size_t position = 0;
    json_t *known = NULL;
    json_array_foreach(messages, position, known) json_array_append(all, known);
    const json_t *call = NULL;
    size_t index = 0;
    while ((call = open_call(all, &index)) != NULL) {
        const struct str id = json_str(json_object_get(call, "id"));
        const struct str name = json_str(json_object_get(call, "name"));
        CLEANUP(json_decrefp)
        json_t *message = json_pack(
            "{s:s, s:s%, s:s%, s:s, s:b}", "role", "tool", "tool_call_id", id.ptr ? id.ptr : "",
            id.len, "name", name.ptr ? name.ptr : "", name.len, "content",
            "error: interrupted; whether it was carried out is unknown", "is_error", 1);
        if (agent->config.record)
            TRY(agent->config.record(agent->config.context, message, err));
        TRY(agent_context_add(agent, message, err));
        json_array_append(all, message);
    }
    return OK;
}

enum status agent_restore(struct agent *agent, const json_t *messages, struct error *err)
{
    agent_reset(agent);
    size_t index = 0;
    json_t *message = NULL;
    json_array_foreach(messages, index, message) TRY(agent_context_add(agent, message, err));
    return close_open_calls(agent, messages, err);
}

/* ---------------------------------------------------------------- room */

static const char shortened_note[] = "\n[shortened: the context was full]";

/* Cuts the oldest tool result that is longer than its first line and not the last message. */
static bool shorten_oldest(struct agent *agent)
{
    struct chat_request *request = &agent->request;
    for (size_t i = 0; i + 1 < request->message_count; i++) {
        struct chat_message *message = &request->messages[i];
        if (message->role != CHAT_ROLE_TOOL)
            continue;
        const size_t end = str_find_char(message->content, '\n', 0);
        if (end == SIZE_MAX || str_ends_with(message->content, str_from_c(shortened_note)))
            continue;
        struct strbuf text = {0};
        strbuf_add_str(&text, str_slice(message->content, 0, end));
        strbuf_add_c(&text, shortened_note);
        if (text.len < message->content.len)
            message->content = chat_request_copy(request, strbuf_view(&text));
        const bool is_shorter = message->content.len == text.len;
        strbuf_done(&text);
        if (is_shorter)
            return true;
    }
    return false;
}

enum status agent_context_prepare(struct agent *agent, bool *out_has_room, struct error *err)
{
    bool has_shortened = false;
    for (;;) {
        TRY(engine_render(agent->config.engine, &agent->request, &agent->spans, err));
        struct error reason = {0};
        const enum status status = session_sync(agent->session, &agent->spans, NULL, &reason);
        if (status != OK && status != E_LIMIT)
            return error_set(err, status, "%s", reason.text);
        *out_has_room = status == OK && session_room(agent->session) >= ROOM_MIN;
        if (*out_has_room || !shorten_oldest(agent))
            break;
        has_shortened = true;
    }
    if (has_shortened)
        agent_notice(agent, STR("the context is full: the oldest tool results were shortened"));
    return OK;
}

/* ---------------------------------------------------------------- cutting */

static enum status tokens_of(const struct agent *agent, struct str text, uint32_t *out,
                             struct error *err)
{
    const struct session_segment segment = {.text = text, .origin = SEGMENT_TOOL};
    return session_measure(agent->session, segment, out, err);
}

/* The longest beginning of `text` that takes at most `budget` tokens, on a character boundary. */
static enum status longest_fit(const struct agent *agent, struct str text, uint32_t budget,
                               size_t *out_bytes, struct error *err)
{
    size_t low = 0;
    size_t high = text.len;
    while (low < high) { /* invariant: low bytes fit */
        const size_t middle = low + (high - low + 1) / 2;
        uint32_t tokens = 0;
        TRY(tokens_of(agent, str_slice(text, 0, middle), &tokens, err));
        if (tokens <= budget)
            low = middle;
        else
            high = middle - 1;
    }
    *out_bytes = low - utf8_incomplete_tail(str_slice(text, 0, low));
    return OK;
}

static size_t count_lines(struct str text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines + (text.len > 0 && text.ptr[text.len - 1] != '\n');
}

enum status agent_context_cut_result(struct agent *agent, struct str text, struct strbuf *out,
                                     struct error *err)
{
    const uint32_t budget = agent->config.result_tokens_max;
    uint32_t tokens = 0;
    TRY(tokens_of(agent, text, &tokens, err));
    if (tokens <= budget) {
        strbuf_add_str(out, text);
        return OK;
    }
    const uint32_t kept_tokens = budget > CUT_NOTE_TOKENS ? budget - CUT_NOTE_TOKENS : 0;
    size_t bytes = 0;
    TRY(longest_fit(agent, text, kept_tokens, &bytes, err));
    size_t line_end = bytes;
    while (line_end > 0 && text.ptr[line_end - 1] != '\n')
        line_end--;
    if (line_end > 1) {
        strbuf_add_str(out, str_slice(text, 0, line_end));
        const size_t lines = count_lines(str_slice(text, line_end, text.len));
        strbuf_addf(out, "[cut: %zu more line%s]", lines, lines == 1 ? "" : "s");
        return OK;
    }
    strbuf_add_str(out, str_slice(text, 0, bytes)); /* one endless line */
    strbuf_addf(out, "\n[cut: %zu more bytes]", text.len - bytes);
    return OK;
}
