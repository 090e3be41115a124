/*
 * anthropic_write - answers in the form of Anthropic's /v1/messages.
 *
 * A stream is message_start, then blocks (thinking, text, tool_use), each closed before the next
 * is opened, message_delta with the reason and the counts, message_stop. `type` stands in every
 * data object again. Pings keep clients waiting while a long prompt is read.
 */
#include "api/reply.h"

#include "text/json.h"

enum block { BLOCK_NONE, BLOCK_THINKING, BLOCK_TEXT, BLOCK_CALL };

static const char *stop_reason(enum reply_end why)
{
    switch (why) {
    case REPLY_END_STOP: return "end_turn";
    case REPLY_END_STOP_TEXT: return "stop_sequence";
    case REPLY_END_LENGTH: return "max_tokens";
    case REPLY_END_CONTEXT: return "model_context_window_exceeded";
    case REPLY_END_CALLS: return "tool_use";
    }
    return "end_turn";
}

/* input_tokens are those that had to be computed; what was there already is told apart. */
static json_t *usage(const struct reply *reply)
{
    const struct session_result *r = &reply->result;
    return json_pack("{s:I, s:I, s:I, s:I}", "input_tokens",
                     (json_int_t)r->prompt_tokens - (json_int_t)r->cached_tokens,
                     "cache_read_input_tokens", (json_int_t)r->cached_tokens,
                     "cache_creation_input_tokens", (json_int_t)0, "output_tokens",
                     (json_int_t)r->generated_tokens);
}

static json_t *message(const struct reply *reply, json_t *content)
{
    char id[64];
    snprintf(id, sizeof(id), "msg_%s", reply->id);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:n, s:n, s:o}", "id", id, "type", "message",
                     "role", "assistant", "model", reply_text(strbuf_view(&reply->model)),
                     "content", content, "stop_reason", "stop_sequence", "usage", usage(reply));
}

static void begin(struct reply *reply)
{
    reply_add_sse(
        reply, "message_start",
        json_pack("{s:s, s:o}", "type", "message_start", "message", message(reply, json_array())));
}

/* ---------------------------------------------------------------- blocks */

static json_int_t block_index(const struct reply *reply)
{
    return (json_int_t)reply->block_count - 1;
}

static void delta(struct reply *reply, json_t *value)
{
    reply_add_sse(reply, "content_block_delta",
                  json_pack("{s:s, s:I, s:o}", "type", "content_block_delta", "index",
                            block_index(reply), "delta", value));
}

static void close_block(struct reply *reply)
{
    if (reply->block_kind == BLOCK_NONE)
        return;
    if (reply->block_kind == BLOCK_THINKING)
        delta(reply, json_pack("{s:s, s:s}", "type", "signature_delta", "signature", reply->id));
    reply_add_sse(
        reply, "content_block_stop",
        json_pack("{s:s, s:I}", "type", "content_block_stop", "index", block_index(reply)));
    reply->block_kind = BLOCK_NONE;
}

static void open_block(struct reply *reply, enum block kind, json_t *value)
{
    close_block(reply);
    reply->block_kind = (int)kind;
    reply->block_count++;
    reply_add_sse(reply, "content_block_start",
                  json_pack("{s:s, s:I, s:o}", "type", "content_block_start", "index",
                            block_index(reply), "content_block", value));
}

static void text(struct reply *reply, struct str piece)
{
    if (reply->block_kind != BLOCK_TEXT)
        open_block(reply, BLOCK_TEXT, json_pack("{s:s, s:s}", "type", "text", "text", ""));
    delta(reply, json_pack("{s:s, s:o}", "type", "text_delta", "text", reply_text(piece)));
}

static void reasoning(struct reply *reply, struct str piece)
{
    if (reply->block_kind != BLOCK_THINKING)
        open_block(
            reply, BLOCK_THINKING,
            json_pack("{s:s, s:s, s:s}", "type", "thinking", "thinking", "", "signature", ""));
    delta(reply, json_pack("{s:s, s:o}", "type", "thinking_delta", "thinking", reply_text(piece)));
}

static void call_begin(struct reply *reply, struct str id, struct str name)
{
    open_block(reply, BLOCK_CALL,
               json_pack("{s:s, s:o, s:o, s:{}}", "type", "tool_use", "id", reply_text(id), "name",
                         reply_text(name), "input"));
}

static void call_arguments(struct reply *reply, struct str piece)
{
    delta(reply,
          json_pack("{s:s, s:o}", "type", "input_json_delta", "partial_json", reply_text(piece)));
}

static void call_end(struct reply *reply, const json_t *call)
{
    (void)call;
    close_block(reply);
}

static json_t *stop_sequence(const struct reply *reply, enum reply_end why)
{
    return why == REPLY_END_STOP_TEXT
               ? reply_text(strbuf_view(&reply->stops.texts[reply->stops.found]))
               : json_null();
}

static void end(struct reply *reply, enum reply_end why)
{
    close_block(reply);
    reply_add_sse(reply, "message_delta",
                  json_pack("{s:s, s:{s:s, s:o}, s:o}", "type", "message_delta", "delta",
                            "stop_reason", stop_reason(why), "stop_sequence",
                            stop_sequence(reply, why), "usage", usage(reply)));
    reply_add_sse(reply, "message_stop", json_pack("{s:s}", "type", "message_stop"));
}

static void ping(struct reply *reply)
{
    reply_add_sse(reply, "ping", json_pack("{s:s}", "type", "ping"));
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    reply_add_sse(reply, "error", api_failure_json(failure, API_ANTHROPIC));
}

/* ---------------------------------------------------------------- whole */

static json_t *input_of(const json_t *call)
{
    json_t *input = NULL;
    struct error ignored = {0};
    if (json_parse(json_str(json_object_get(call, "arguments")), NULL, &input, &ignored) != OK)
        return json_object();
    return input;
}

static json_t *whole(struct reply *reply, enum reply_end why)
{
    json_t *content = json_array();
    if (reply->reasoning.len > 0)
        json_array_append_new(content, json_pack("{s:s, s:o, s:s}", "type", "thinking", "thinking",
                                                 reply_text(strbuf_view(&reply->reasoning)),
                                                 "signature", reply->id));
    if (reply->text.len > 0)
        json_array_append_new(content, json_pack("{s:s, s:o}", "type", "text", "text",
                                                 reply_text(strbuf_view(&reply->text))));
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(reply->calls, index, call) json_array_append_new(
        content,
        json_pack("{s:s, s:O, s:O, s:o}", "type", "tool_use", "id", json_object_get(call, "id"),
                  "name", json_object_get(call, "name"), "input", input_of(call)));
    json_t *object = message(reply, content);
    json_object_set_new(object, "stop_reason", json_string(stop_reason(why)));
    json_object_set_new(object, "stop_sequence", stop_sequence(reply, why));
    return object;
}

const struct reply_format reply_anthropic = {
    .protocol = API_ANTHROPIC,
    .stream_type = "text/event-stream",
    .repeats = true,
    .begin = begin,
    .text = text,
    .reasoning = reasoning,
    .call_begin = call_begin,
    .call_arguments = call_arguments,
    .call_end = call_end,
    .end = end,
    .ping = ping,
    .fail = fail,
    .whole = whole,
};
