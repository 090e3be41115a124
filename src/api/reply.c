#include "api/reply.h"

#include "text/json.h"

#include <stdio.h>

void reply_init(struct reply *reply, const struct reply_format *format, struct str model,
                struct stop_texts *stops, const uint8_t random[16], int64_t now_us)
{
    *reply = (struct reply){
        .format = format,
        .stops = *stops,
        .calls = json_array(),
        .items = json_array(),
        .created_us = now_us,
    };
    *stops = (struct stop_texts){0};
    strbuf_add_str(&reply->model, model);
    for (size_t i = 0; i < 16; i++)
        snprintf(reply->id + 2 * i, 3, "%02x", random[i]);
}

void reply_done(struct reply *reply)
{
    strbuf_done(&reply->model);
    stop_texts_done(&reply->stops);
    token_log_done(&reply->tokens);
    strbuf_done(&reply->echo);
    strbuf_done(&reply->text);
    strbuf_done(&reply->reasoning);
    strbuf_done(&reply->out);
    json_decref(reply->calls);
    json_decref(reply->items);
    json_decref(reply->tool_names);
    json_decref(reply->repeated);
    json_decref(reply->final);
    *reply = (struct reply){0};
}

void reply_begin(struct reply *reply, const struct session_result *prompt)
{
    if (reply->has_begun)
        return;
    reply->has_begun = true;
    reply->result = *prompt;
    if (reply->streams && reply->format->begin)
        reply->format->begin(reply);
}

void reply_ping(struct reply *reply)
{
    if (reply->streams && reply->has_begun)
        reply->format->ping(reply);
}

/* ---------------------------------------------------------------- events */

static void hand_out_text(struct reply *reply, struct str text)
{
    if (text.len == 0)
        return;
    strbuf_add_str(&reply->text, text);
    if (reply->streams)
        reply->format->text(reply, text);
}

static bool add_text(struct reply *reply, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf safe = {0};
    token_log_text(&reply->tokens, text.len);
    reply->is_stopped = !stop_texts_feed(&reply->stops, text, &safe);
    hand_out_text(reply, strbuf_view(&safe));
    return !reply->is_stopped;
}

/* What stop texts held back comes before whatever else follows. */
static void flush_text(struct reply *reply)
{
    CLEANUP(strbuf_done) struct strbuf rest = {0};
    stop_texts_flush(&reply->stops, &rest);
    hand_out_text(reply, strbuf_view(&rest));
}

static void begin_call(struct reply *reply, const struct chat_event *event)
{
    char made[64];
    flush_text(reply);
    snprintf(made, sizeof(made), "call_%.16s%02zu", reply->id, ++reply->call_count);
    const struct str id = event->call_id.len > 0 ? event->call_id : str_from_c(made);
    json_array_append_new(reply->calls, json_pack("{s:o, s:o, s:s}", "id", reply_text(id), "name",
                                                  reply_text(event->tool_name), "arguments", ""));
    reply->call_is_open = true;
    if (reply->streams && reply->format->call_begin)
        reply->format->call_begin(reply, id, event->tool_name);
}

static json_t *last_call(const struct reply *reply)
{
    return json_array_get(reply->calls, json_array_size(reply->calls) - 1);
}

static void end_call(struct reply *reply, const struct chat_event *event)
{
    if (!reply->call_is_open)
        begin_call(reply, event);
    json_object_set_new(last_call(reply), "arguments", reply_text(event->arguments));
    reply->call_is_open = false;
    if (reply->streams && reply->format->call_end)
        reply->format->call_end(reply, last_call(reply));
}

/* What the model wrote instead of a call is part of its answer: nothing is lost. */
static bool give_call_back(struct reply *reply, const struct chat_event *event)
{
    if (reply->call_is_open) {
        json_array_remove(reply->calls, json_array_size(reply->calls) - 1);
        reply->call_is_open = false;
    }
    return add_text(reply, event->text);
}

bool reply_event(struct reply *reply, const struct chat_event *event)
{
    if (reply->is_stopped)
        return false;
    switch (event->kind) {
    case CHAT_EVENT_TOKEN:
        token_log_add(&reply->tokens, event->tokens, event->token_count);
        return true;
    case CHAT_EVENT_REASONING:
        token_log_drop(&reply->tokens);
        strbuf_add_str(&reply->reasoning, event->text);
        if (reply->streams)
            reply->format->reasoning(reply, event->text);
        return true;
    case CHAT_EVENT_TEXT: return add_text(reply, event->text);
    case CHAT_EVENT_CALL_BEGIN: begin_call(reply, event); return true;
    case CHAT_EVENT_CALL_ARGUMENTS:
        if (reply->streams && reply->format->call_arguments)
            reply->format->call_arguments(reply, event->text);
        return true;
    case CHAT_EVENT_TOOL_CALL:
        token_log_drop(&reply->tokens);
        end_call(reply, event);
        return true;
    case CHAT_EVENT_BAD_CALL: return give_call_back(reply, event);
    case CHAT_EVENT_FINISHED: flush_text(reply); return true;
    }
    return true;
}

/* ---------------------------------------------------------------- the end */

static enum reply_end why(const struct reply *reply)
{
    if (reply->is_stopped)
        return REPLY_END_STOP_TEXT;
    if (reply->result.end == SESSION_END_LENGTH)
        return REPLY_END_LENGTH;
    if (reply->result.end == SESSION_END_CONTEXT)
        return REPLY_END_CONTEXT;
    return json_array_size(reply->calls) > 0 ? REPLY_END_CALLS : REPLY_END_STOP;
}

json_t *reply_end_whole(struct reply *reply, const struct session_result *result)
{
    reply_begin(reply, result);
    reply->result = *result;
    return reply->format->whole(reply, why(reply));
}

void reply_end(struct reply *reply, const struct session_result *result)
{
    if (!reply->streams) {
        reply_add_json(reply, reply_end_whole(reply, result));
        return;
    }
    reply_begin(reply, result);
    reply->result = *result;
    reply->format->end(reply, why(reply));
}

void reply_loaded(struct reply *reply, bool unloads)
{
    reply_add_json(reply, reply->format->loaded(reply, unloads));
    if (reply->streams)
        strbuf_add_char(&reply->out, '\n');
}

void reply_fail(struct reply *reply, const struct api_failure *failure)
{
    if (reply->streams && reply->has_begun)
        reply->format->fail(reply, failure);
    else
        reply_add_json(reply, api_failure_json(failure, reply->format->protocol));
}

/* ---------------------------------------------------------------- writing */

static int add_bytes(const char *bytes, size_t size, void *out)
{
    strbuf_add(out, bytes, size);
    return 0;
}

void reply_add_json(struct reply *reply, json_t *value)
{
    json_dump_callback(value, add_bytes, &reply->out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
}

void reply_add_sse(struct reply *reply, const char *event, json_t *value)
{
    if (event)
        strbuf_addf(&reply->out, "event: %s\n", event);
    strbuf_add_c(&reply->out, "data: ");
    reply_add_json(reply, value);
    strbuf_add_c(&reply->out, "\n\n");
}
