/*
 * ollama_write - answers in the form of Ollama's /api/chat and /api/generate.
 *
 * A stream is one JSON object a line; the last has done true, the reason and the durations in
 * nanoseconds. Calls come whole, with their arguments as an object.
 */
#include "api/reply.h"

#include "text/json.h"

#include <time.h>

static const char *done_reason(enum reply_end why)
{
    return why == REPLY_END_LENGTH || why == REPLY_END_CONTEXT ? "length" : "stop";
}

static json_t *line(const struct reply *reply)
{
    const int64_t now_us = reply->created_us;
    const time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char day[32];
    char stamp[64];
    gmtime_r(&seconds, &utc);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp, sizeof(stamp), "%s.%06dZ", day, (int)(now_us % 1000000));
    return json_pack("{s:o, s:s}", "model", reply_text(strbuf_view(&reply->model)), "created_at",
                     stamp);
}

static void add_line(struct reply *reply, json_t *object)
{
    reply_add_json(reply, object);
    strbuf_add_char(&reply->out, '\n');
}

static json_int_t nanoseconds(double seconds)
{
    return (json_int_t)(seconds * 1e9);
}

static void add_done(const struct reply *reply, json_t *object, enum reply_end why)
{
    const struct session_result *r = &reply->result;
    json_t *counts = json_pack(
        "{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "done", 1, "done_reason", done_reason(why),
        "total_duration",
        nanoseconds(reply->load_seconds + r->prompt_seconds + r->generate_seconds), "load_duration",
        nanoseconds(reply->load_seconds), "prompt_eval_count", (json_int_t)r->prompt_tokens,
        "prompt_eval_duration", nanoseconds(r->prompt_seconds), "eval_count",
        (json_int_t)r->generated_tokens, "eval_duration", nanoseconds(r->generate_seconds));
    json_object_update(object, counts);
    json_decref(counts);
}

/* The probabilities of the text so far that were not told yet, where they are asked for. */
static void add_logprobs(struct reply *reply, json_t *object)
{
    json_t *entries =
        reply->wants_tokens ? token_log_take(&reply->tokens, reply->text.len, NULL) : NULL;
    if (entries)
        json_object_set_new(object, "logprobs", entries);
}

/* ---------------------------------------------------------------- chat */

static json_t *chat_message(struct str content, struct str thinking)
{
    json_t *message = json_pack("{s:s, s:o}", "role", "assistant", "content", reply_text(content));
    if (thinking.len > 0)
        json_object_set_new(message, "thinking", reply_text(thinking));
    return message;
}

static void chat_line(struct reply *reply, json_t *message)
{
    json_t *object = line(reply);
    json_object_set_new(object, "message", message);
    json_object_set_new(object, "done", json_false());
    add_logprobs(reply, object);
    add_line(reply, object);
}

static void chat_text(struct reply *reply, struct str piece)
{
    chat_line(reply, chat_message(piece, (struct str){0}));
}

static void chat_reasoning(struct reply *reply, struct str piece)
{
    chat_line(reply, chat_message((struct str){0}, piece));
}

static json_t *chat_call(const json_t *call, size_t index)
{
    json_t *arguments = NULL;
    struct error ignored = {0};
    if (json_parse(json_str(json_object_get(call, "arguments")), NULL, &arguments, &ignored) != OK)
        arguments = json_object();
    return json_pack("{s:O, s:{s:I, s:O, s:o}}", "id", json_object_get(call, "id"), "function",
                     "index", (json_int_t)index, "name", json_object_get(call, "name"), "arguments",
                     arguments);
}

static void chat_call_end(struct reply *reply, const json_t *call)
{
    json_t *message = chat_message((struct str){0}, (struct str){0});
    json_object_set_new(message, "tool_calls",
                        json_pack("[o]", chat_call(call, json_array_size(reply->calls) - 1)));
    chat_line(reply, message);
}

static void chat_end(struct reply *reply, enum reply_end why)
{
    json_t *object = line(reply);
    json_object_set_new(object, "message", chat_message((struct str){0}, (struct str){0}));
    add_done(reply, object, why);
    add_line(reply, object);
}

static json_t *chat_whole(struct reply *reply, enum reply_end why)
{
    json_t *object = line(reply);
    json_t *message = chat_message(strbuf_view(&reply->text), strbuf_view(&reply->reasoning));
    if (json_array_size(reply->calls) > 0) {
        json_t *calls = json_array();
        size_t index = 0;
        json_t *call = NULL;
        json_array_foreach(reply->calls, index, call)
            json_array_append_new(calls, chat_call(call, index));
        json_object_set_new(message, "tool_calls", calls);
    }
    json_object_set_new(object, "message", message);
    add_logprobs(reply, object);
    add_done(reply, object, why);
    return object;
}

static json_t *chat_loaded(struct reply *reply, bool unloads)
{
    json_t *object = line(reply);
    json_object_set_new(object, "message", chat_message((struct str){0}, (struct str){0}));
    json_object_set_new(object, "done_reason", json_string(unloads ? "unload" : "load"));
    json_object_set_new(object, "done", json_true());
    return object;
}

/* The form has no comments: an empty piece of text says that somebody is there. */
static void chat_ping(struct reply *reply)
{
    chat_text(reply, (struct str){0});
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    add_line(reply, api_failure_json(failure, API_OLLAMA));
}

const struct reply_format reply_ollama_chat = {
    .protocol = API_OLLAMA,
    .stream_type = "application/x-ndjson",
    .repeats = true,
    .text = chat_text,
    .reasoning = chat_reasoning,
    .call_end = chat_call_end,
    .end = chat_end,
    .ping = chat_ping,
    .fail = fail,
    .loaded = chat_loaded,
    .whole = chat_whole,
};

/* ---------------------------------------------------------------- generate */

static void generate_line(struct reply *reply, struct str text, struct str thinking)
{
    json_t *object = line(reply);
    json_object_set_new(object, "response", reply_text(text));
    if (thinking.len > 0)
        json_object_set_new(object, "thinking", reply_text(thinking));
    json_object_set_new(object, "done", json_false());
    add_logprobs(reply, object);
    add_line(reply, object);
}

static void generate_text(struct reply *reply, struct str piece)
{
    generate_line(reply, piece, (struct str){0});
}

static void generate_reasoning(struct reply *reply, struct str piece)
{
    generate_line(reply, (struct str){0}, piece);
}

static void generate_end(struct reply *reply, enum reply_end why)
{
    json_t *object = line(reply);
    json_object_set_new(object, "response", json_string(""));
    add_done(reply, object, why);
    add_line(reply, object);
}

static json_t *generate_whole(struct reply *reply, enum reply_end why)
{
    json_t *object = line(reply);
    json_object_set_new(object, "response", reply_text(strbuf_view(&reply->text)));
    if (reply->reasoning.len > 0)
        json_object_set_new(object, "thinking", reply_text(strbuf_view(&reply->reasoning)));
    add_logprobs(reply, object);
    add_done(reply, object, why);
    return object;
}

static json_t *generate_loaded(struct reply *reply, bool unloads)
{
    json_t *object = line(reply);
    json_object_set_new(object, "response", json_string(""));
    json_object_set_new(object, "done_reason", json_string(unloads ? "unload" : "load"));
    json_object_set_new(object, "done", json_true());
    return object;
}

static void generate_ping(struct reply *reply)
{
    generate_text(reply, (struct str){0});
}

const struct reply_format reply_ollama_generate = {
    .protocol = API_OLLAMA,
    .stream_type = "application/x-ndjson",
    .repeats = true,
    .text = generate_text,
    .reasoning = generate_reasoning,
    .end = generate_end,
    .ping = generate_ping,
    .fail = fail,
    .loaded = generate_loaded,
    .whole = generate_whole,
};

const struct reply_format reply_ollama_lines = {
    .protocol = API_OLLAMA,
    .stream_type = "application/x-ndjson",
};
