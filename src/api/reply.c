#include "api/reply.h"

#include "text/json.h"

#include <stdio.h>
#include <string.h>

static void shape_done(struct reply_shape *shape)
{
    strbuf_done(&shape->head);
    strbuf_done(&shape->tail);
}

void reply_init(struct reply *reply, const struct reply_format *format, struct str model,
                struct stop_texts *stops, const uint8_t random[16], int64_t now_us)
{
    *reply = (struct reply){
        .format = format,
        .stops = *stops,
        .calls = json_array(),
        .items = json_array(),
        .created_us = now_us,
        .tokens = {.has_ids = format->tells_ids},
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
    strbuf_done(&reply->prompt);
    strbuf_done(&reply->text);
    strbuf_done(&reply->reasoning);
    strbuf_done(&reply->out);
    strbuf_done(&reply->safe);
    shape_done(&reply->text_shape);
    shape_done(&reply->reasoning_shape);
    json_decref(reply->calls);
    json_decref(reply->items);
    json_decref(reply->likely);
    json_decref(reply->tool_names);
    json_decref(reply->repeated);
    json_decref(reply->fields);
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

void reply_progress(struct reply *reply, uint32_t done, double seconds)
{
    if (!reply->wants_progress || !reply->streams || !reply->format->progress ||
        !reply->has_begun || (reply->has_progress && done <= reply->done_tokens))
        return;
    const struct reply_progress progress = {
        .total = reply->result.prompt_tokens,
        .cached = reply->result.cached_tokens,
        .done = done,
        .seconds = seconds,
    };
    reply->has_progress = true;
    reply->done_tokens = done;
    reply->format->progress(reply, &progress);
}

/* A comment, which every reader of events passes over; clients of Anthropic count on pings. Lines
 * of JSON know neither. */
void reply_wait(struct reply *reply, struct str why)
{
    if (!reply->streams)
        return;
    reply->is_open = true;
    const bool has_comments = strcmp(reply->format->stream_type, "text/event-stream") == 0;
    if (has_comments) {
        strbuf_add_c(&reply->out, ": ");
        for (size_t i = 0; i < why.len; i++)
            strbuf_add_char(&reply->out, (unsigned char)why.ptr[i] < ' ' ? ' ' : why.ptr[i]);
        strbuf_add_c(&reply->out, "\n\n");
    }
    if (!has_comments || reply->format->protocol == API_ANTHROPIC)
        reply->format->ping(reply);
}

void reply_ping(struct reply *reply)
{
    if (reply->streams && reply->has_begun)
        reply->format->ping(reply);
}

/* ---------------------------------------------------------------- events that repeat */

/* A text that stands for any, and how it looks in JSON. */
static const char HOLE[] = "\x1a\x1b\x1a";
static const char HOLE_JSON[] = "\"\\u001A\\u001B\\u001A\"";

typedef void(write_fn)(struct reply *reply, struct str text);

static bool is_in_block(const struct reply *reply, const struct reply_shape *shape)
{
    return shape->block_count == reply->block_count && shape->block_kind == reply->block_kind;
}

/* Writes an event for the hole, takes it back and keeps what is around the hole. */
static void learn(struct reply *reply, struct reply_shape *shape, write_fn *write)
{
    const size_t before = reply->out.len;
    write(reply, str_from_c(HOLE));
    const struct str event = str_slice(strbuf_view(&reply->out), before, reply->out.len);
    const struct str hole = str_from_c(HOLE_JSON);
    size_t at = SIZE_MAX;
    for (size_t next = str_find(event, hole, 0); next != SIZE_MAX;
         next = str_find(event, hole, next + 1))
        at = next;
    strbuf_clear(&shape->head);
    strbuf_clear(&shape->tail);
    shape->is_made = at != SIZE_MAX;
    if (shape->is_made) {
        strbuf_add_str(&shape->head, str_slice(event, 0, at));
        strbuf_add_str(&shape->tail, str_slice(event, at + hole.len, event.len));
    }
    strbuf_truncate(&reply->out, before);
}

/* An event for a piece of text: a stream consists of these, so each costs a copy and no more. */
static void write_event(struct reply *reply, struct reply_shape *shape, write_fn *write,
                        struct str text)
{
    if (shape->is_made && is_in_block(reply, shape)) {
        strbuf_add_str(&reply->out, strbuf_view(&shape->head));
        json_write_string(text, &reply->out);
        strbuf_add_str(&reply->out, strbuf_view(&shape->tail));
        return;
    }
    write(reply, text);
    shape->is_made = false;
    shape->block_count = reply->block_count;
    shape->block_kind = reply->block_kind;
    if (reply->format->repeats && !reply->wants_tokens && !reply->wants_ids &&
        !reply->wants_timings)
        learn(reply, shape, write);
}

/* ---------------------------------------------------------------- events */

static void hand_out_text(struct reply *reply, struct str text)
{
    if (text.len == 0)
        return;
    strbuf_add_str(&reply->text, text);
    if (reply->streams)
        write_event(reply, &reply->text_shape, reply->format->text, text);
}

static bool add_text(struct reply *reply, struct str text)
{
    strbuf_clear(&reply->safe);
    token_log_text(&reply->tokens, text.len);
    reply->is_stopped = !stop_texts_feed(&reply->stops, text, &reply->safe);
    hand_out_text(reply, strbuf_view(&reply->safe));
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
    reply->custom = (struct custom_input){0};
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
        reply->token_count++;
        reply->tokens.only_ids = !reply->wants_tokens;
        if (reply->wants_tokens || reply->wants_ids)
            token_log_add(&reply->tokens, event->tokens, event->token_count);
        return true;
    case CHAT_EVENT_REASONING:
        token_log_drop(&reply->tokens);
        strbuf_add_str(&reply->reasoning, event->text);
        if (reply->streams)
            write_event(reply, &reply->reasoning_shape, reply->format->reasoning, event->text);
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
    struct api_failure told = *failure;
    if (!told.request_id[0])
        snprintf(told.request_id, sizeof(told.request_id), "req_%s", reply->id);
    if (reply->is_open) /* events come in their order, to the last */
        reply_begin(reply, &reply->result);
    if (reply->streams && (reply->has_begun || reply->is_open))
        reply->format->fail(reply, &told);
    else
        reply_add_json(reply, api_failure_json(&told, reply->format->protocol));
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

json_t *reply_progress_json(const struct reply_progress *progress)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)progress->total, "cache",
                     (json_int_t)progress->cached, "processed", (json_int_t)progress->done,
                     "time_ms", (json_int_t)(progress->seconds * 1000));
}

static double over(double a, double b)
{
    return b > 0 ? a / b : 0;
}

json_t *reply_timings_json(const struct session_result *r)
{
    const double computed = (double)r->prompt_tokens - (double)r->cached_tokens;
    const double made = (double)r->generated_tokens;
    const double prompt_ms = r->prompt_seconds * 1000;
    const double made_ms = r->generate_seconds * 1000;
    json_t *object =
        json_pack("{s:I, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:f}", "cache_n",
                  (json_int_t)r->cached_tokens, "prompt_n", (json_int_t)computed, "prompt_ms",
                  prompt_ms, "prompt_per_token_ms", over(prompt_ms, computed), "prompt_per_second",
                  over(computed, r->prompt_seconds), "predicted_n", (json_int_t)r->generated_tokens,
                  "predicted_ms", made_ms, "predicted_per_token_ms", over(made_ms, made),
                  "predicted_per_second", over(made, r->generate_seconds));
    if (r->drafted_tokens > 0) {
        json_object_set_new(object, "draft_n", json_integer((json_int_t)r->drafted_tokens));
        json_object_set_new(object, "draft_n_accepted",
                            json_integer((json_int_t)r->accepted_tokens));
    }
    return object;
}

void reply_add_sse(struct reply *reply, const char *event, json_t *value)
{
    if (event)
        strbuf_addf(&reply->out, "event: %s\n", event);
    strbuf_add_c(&reply->out, "data: ");
    reply_add_json(reply, value);
    strbuf_add_c(&reply->out, "\n\n");
}
