/*
 * openai_write - answers in the form of OpenAI's /v1/chat/completions and /v1/completions.
 *
 * Streams: a chunk with the role, deltas, a chunk with finish_reason, one with the counts if asked
 * for, "[DONE]". Thinking is `reasoning_content`, as the clients of open models read it. A call's
 * first delta has id and name, the others only pieces of its arguments. Calls of custom tools have
 * a text in place of arguments.
 */
#include "api/client_tools.h"
#include "api/reply.h"

#include "text/json.h"

static const char *finish_reason(enum reply_end why)
{
    switch (why) {
    case REPLY_END_STOP:
    case REPLY_END_STOP_TEXT: return "stop";
    case REPLY_END_LENGTH:
    case REPLY_END_CONTEXT: return "length";
    case REPLY_END_CALLS: return "tool_calls";
    }
    return "stop";
}

static json_t *usage(const struct reply *reply)
{
    const struct session_result *r = &reply->result;
    const struct reply_counts *others = &reply->others;
    const json_int_t prompt = (json_int_t)r->prompt_tokens + others->prompt_tokens;
    const json_int_t made = (json_int_t)r->generated_tokens + others->generated_tokens;
    const json_int_t cached = (json_int_t)r->cached_tokens + others->cached_tokens;
    const json_int_t thought = (json_int_t)r->reasoning_tokens + others->reasoning_tokens;
    return json_pack("{s:I, s:I, s:I, s:{s:I}, s:{s:I}}", "prompt_tokens", prompt,
                     "completion_tokens", made, "total_tokens", prompt + made,
                     "prompt_tokens_details", "cached_tokens", cached, "completion_tokens_details",
                     "reasoning_tokens", thought);
}

/* Everything but the choices. */
static json_t *envelope(const struct reply *reply, const char *prefix, const char *object)
{
    char id[64];
    snprintf(id, sizeof(id), "%s%s", prefix, reply->id);
    return json_pack("{s:s, s:s, s:I, s:o, s:s}", "id", id, "object", object, "created",
                     (json_int_t)(reply->created_us / 1000000), "model",
                     reply_text(strbuf_view(&reply->model)), "system_fingerprint",
                     "holt-" HOLT_VERSION);
}

/* ---------------------------------------------------------------- chat */

/* The probabilities of the text so far that were not told yet; NULL: none are asked for. */
static json_t *chat_logprobs(struct reply *reply)
{
    if (!reply->wants_tokens)
        return NULL;
    json_t *entries = token_log_take(&reply->tokens, reply->text.len, NULL);
    return json_pack("{s:o, s:n}", "content", entries ? entries : json_array(), "refusal");
}

static json_t *chunk_object(struct reply *reply, json_t *delta, const char *finish)
{
    json_t *object = envelope(reply, "chatcmpl-", "chat.completion.chunk");
    json_t *choice = json_pack("{s:i, s:o, s:s?}", "index", (int)reply->index, "delta", delta,
                               "finish_reason", finish);
    json_t *logprobs = chat_logprobs(reply);
    if (logprobs)
        json_object_set_new(choice, "logprobs", logprobs);
    json_object_set_new(object, "choices", json_pack("[o]", choice));
    if (reply->wants_timings)
        json_object_set_new(object, "timings", reply_timings_json(&reply->result));
    return object;
}

static void chunk(struct reply *reply, json_t *delta, const char *finish)
{
    reply_add_sse(reply, NULL, chunk_object(reply, delta, finish));
}

static void chat_progress(struct reply *reply, const struct reply_progress *progress)
{
    json_t *object = chunk_object(reply, json_object(), NULL);
    json_object_set_new(object, "prompt_progress", reply_progress_json(progress));
    reply_add_sse(reply, NULL, object);
}

static void chat_begin(struct reply *reply)
{
    chunk(reply, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL);
}

static void chat_text(struct reply *reply, struct str text)
{
    chunk(reply, json_pack("{s:o}", "content", reply_text(text)), NULL);
}

static void chat_reasoning(struct reply *reply, struct str text)
{
    chunk(reply, json_pack("{s:o}", "reasoning_content", reply_text(text)), NULL);
}

static bool is_custom_call(const struct reply *reply, const json_t *call)
{
    const struct str name = json_str(json_object_get(call, "name"));
    return client_tools_is_custom(client_tools_entry(reply->tool_names, name));
}

static const json_t *open_call(const struct reply *reply)
{
    return json_array_get(reply->calls, json_array_size(reply->calls) - 1);
}

/* A piece of the open call. Takes `call` over, to which it adds the place, and `inner`. A place is
 * never given twice: clients join what has the same. */
static void call_chunk(struct reply *reply, json_t *call, const char *kind, json_t *inner)
{
    json_object_set_new(call, "index", json_integer((json_int_t)reply->call_count - 1));
    json_object_set_new(call, kind, inner);
    chunk(reply, json_pack("{s:[o]}", "tool_calls", call), NULL);
}

static void chat_call_begin(struct reply *reply, struct str id, struct str name)
{
    const bool custom = is_custom_call(reply, open_call(reply));
    const char *kind = custom ? "custom" : "function";
    call_chunk(
        reply, json_pack("{s:n, s:o, s:s}", "index", "id", reply_text(id), "type", kind), kind,
        json_pack("{s:o, s:s}", "name", reply_text(name), custom ? "input" : "arguments", ""));
}

static void add_input(struct reply *reply, struct str text)
{
    if (text.len > 0)
        call_chunk(reply, json_object(), "custom", json_pack("{s:o}", "input", reply_text(text)));
}

static void chat_call_arguments(struct reply *reply, struct str piece)
{
    if (is_custom_call(reply, open_call(reply))) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        custom_input_feed(&reply->custom, piece, &text);
        add_input(reply, strbuf_view(&text));
        return;
    }
    call_chunk(reply, json_object(), "function",
               json_pack("{s:o}", "arguments", reply_text(piece)));
}

static void chat_call_end(struct reply *reply, const json_t *call)
{
    if (!is_custom_call(reply, call))
        return;
    CLEANUP(json_decrefp)
    json_t *input = client_tools_input(json_str(json_object_get(call, "arguments")));
    add_input(reply, custom_input_rest(&reply->custom, json_str(input)));
}

static void add_done(struct reply *reply, json_t *last)
{
    if (reply->others_follow) {
        json_decref(last);
        return;
    }
    if (reply->wants_usage) {
        json_object_set_new(last, "choices", json_array());
        json_object_set_new(last, "usage", usage(reply));
        reply_add_sse(reply, NULL, last);
    } else {
        json_decref(last);
    }
    strbuf_add_c(&reply->out, "data: [DONE]\n\n");
}

static void chat_end(struct reply *reply, enum reply_end why)
{
    chunk(reply, json_object(), finish_reason(why));
    add_done(reply, envelope(reply, "chatcmpl-", "chat.completion.chunk"));
}

/* Server-sent events ignore lines that begin with a colon. */
static void ping(struct reply *reply)
{
    strbuf_add_c(&reply->out, ": working\n\n");
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    reply_add_sse(reply, NULL, api_failure_json(failure, API_OPENAI));
    strbuf_add_c(&reply->out, "data: [DONE]\n\n");
}

static json_t *whole_call(const struct reply *reply, const json_t *call)
{
    json_t *name = json_object_get(call, "name");
    json_t *arguments = json_object_get(call, "arguments");
    json_t *id = json_object_get(call, "id");
    if (is_custom_call(reply, call))
        return json_pack("{s:O, s:s, s:{s:O, s:o}}", "id", id, "type", "custom", "custom", "name",
                         name, "input", client_tools_input(json_str(arguments)));
    return json_pack("{s:O, s:s, s:{s:O, s:O}}", "id", id, "type", "function", "function", "name",
                     name, "arguments", arguments);
}

static json_t *whole_calls(const struct reply *reply)
{
    json_t *calls = json_array();
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(reply->calls, index, call)
        json_array_append_new(calls, whole_call(reply, call));
    return calls;
}

static json_t *chat_whole(struct reply *reply, enum reply_end why)
{
    const bool has_calls = json_array_size(reply->calls) > 0;
    json_t *message = json_pack("{s:s}", "role", "assistant");
    json_object_set_new(message, "content",
                        has_calls && reply->text.len == 0 ? json_null()
                                                          : reply_text(strbuf_view(&reply->text)));
    if (reply->reasoning.len > 0)
        json_object_set_new(message, "reasoning_content",
                            reply_text(strbuf_view(&reply->reasoning)));
    if (has_calls)
        json_object_set_new(message, "tool_calls", whole_calls(reply));
    json_t *object = envelope(reply, "chatcmpl-", "chat.completion");
    json_t *logprobs = chat_logprobs(reply);
    json_object_set_new(object, "choices",
                        json_pack("[{s:i, s:o, s:o, s:s}]", "index", (int)reply->index, "message",
                                  message, "logprobs", logprobs ? logprobs : json_null(),
                                  "finish_reason", finish_reason(why)));
    json_object_set_new(object, "usage", usage(reply));
    return object;
}

const struct reply_format reply_openai_chat = {
    .protocol = API_OPENAI,
    .stream_type = "text/event-stream",
    .repeats = true,
    .begin = chat_begin,
    .text = chat_text,
    .reasoning = chat_reasoning,
    .call_begin = chat_call_begin,
    .call_arguments = chat_call_arguments,
    .call_end = chat_call_end,
    .end = chat_end,
    .ping = ping,
    .progress = chat_progress,
    .fail = fail,
    .whole = chat_whole,
};

/* ---------------------------------------------------------------- completions: text alone */

static json_t *choice(struct reply *reply, struct str text, const char *finish)
{
    json_t *starts = NULL;
    json_t *entries = token_log_take(&reply->tokens, reply->text.len, &starts);
    json_t *logprobs = token_log_columns(entries, starts);
    return json_pack("[{s:i, s:o, s:o, s:s?}]", "index", (int)reply->index, "text",
                     reply_text(text), "logprobs", logprobs ? logprobs : json_null(),
                     "finish_reason", finish);
}

static void completion_chunk(struct reply *reply, struct str text, const char *finish)
{
    json_t *object = envelope(reply, "cmpl-", "text_completion");
    json_object_set_new(object, "choices", choice(reply, text, finish));
    reply_add_sse(reply, NULL, object);
}

static void completion_begin(struct reply *reply)
{
    if (reply->echo.len > 0)
        completion_chunk(reply, reply->echo, NULL);
}

static void completion_text(struct reply *reply, struct str text)
{
    completion_chunk(reply, text, NULL);
}

static void completion_end(struct reply *reply, enum reply_end why)
{
    completion_chunk(reply, (struct str){0}, finish_reason(why));
    add_done(reply, envelope(reply, "cmpl-", "text_completion"));
}

static json_t *completion_whole(struct reply *reply, enum reply_end why)
{
    json_t *object = envelope(reply, "cmpl-", "text_completion");
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_str(&text, reply->echo);
    strbuf_add_str(&text, strbuf_view(&reply->text));
    json_object_set_new(object, "choices", choice(reply, strbuf_view(&text), finish_reason(why)));
    json_object_set_new(object, "usage", usage(reply));
    return object;
}

const struct reply_format reply_openai_completion = {
    .protocol = API_OPENAI,
    .stream_type = "text/event-stream",
    .repeats = true,
    .begin = completion_begin,
    .text = completion_text,
    .reasoning = completion_text,
    .end = completion_end,
    .ping = ping,
    .fail = fail,
    .whole = completion_whole,
};
