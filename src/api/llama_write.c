/*
 * llama_write - answers in the form of llama.cpp's own /completion and /infill.
 *
 * Streams are server-sent events without a last word: the event with "stop": true is the last.
 */
#include "api/reply.h"

static json_t *piece(const struct reply *reply, struct str text)
{
    return json_pack("{s:i, s:o, s:[], s:b, s:i, s:I, s:I}", "index", (int)reply->index, "content",
                     reply_text(text), "tokens", "stop", 0, "id_slot", 0, "tokens_predicted",
                     (json_int_t)0, "tokens_evaluated", (json_int_t)reply->result.prompt_tokens);
}

static const char *stop_type(enum reply_end why)
{
    switch (why) {
    case REPLY_END_STOP:
    case REPLY_END_CALLS: return "eos";
    case REPLY_END_STOP_TEXT: return "word";
    case REPLY_END_LENGTH:
    case REPLY_END_CONTEXT: return "limit";
    }
    return "eos";
}

static double per_second(double count, double seconds)
{
    return seconds > 0 ? count / seconds : 0;
}

static json_t *timings(const struct session_result *r)
{
    const double computed = (double)r->prompt_tokens - (double)r->cached_tokens;
    return json_pack("{s:I, s:f, s:f, s:I, s:f, s:f, s:I}", "prompt_n", (json_int_t)computed,
                     "prompt_ms", r->prompt_seconds * 1000, "prompt_per_second",
                     per_second(computed, r->prompt_seconds), "predicted_n",
                     (json_int_t)r->generated_tokens, "predicted_ms", r->generate_seconds * 1000,
                     "predicted_per_second", per_second(r->generated_tokens, r->generate_seconds),
                     "cache_n", (json_int_t)r->cached_tokens);
}

static json_t *last(const struct reply *reply, struct str text, enum reply_end why)
{
    const struct session_result *r = &reply->result;
    const struct str word =
        reply->stops.is_found ? strbuf_view(&reply->stops.texts[reply->stops.found]) : STR("");
    json_t *object = piece(reply, text);
    json_object_set_new(object, "stop", json_true());
    json_object_set_new(object, "stop_type", json_string(stop_type(why)));
    json_object_set_new(object, "stopping_word", reply_text(word));
    json_object_set_new(object, "model", reply_text(strbuf_view(&reply->model)));
    json_object_set_new(object, "tokens_predicted", json_integer((json_int_t)r->generated_tokens));
    json_object_set_new(object, "tokens_cached", json_integer((json_int_t)r->cached_tokens));
    json_object_set_new(object, "truncated", json_false());
    json_object_set_new(
        object, "has_new_line",
        json_boolean(str_find_char(strbuf_view(&reply->text), '\n', 0) != SIZE_MAX));
    json_object_set_new(object, "timings", timings(r));
    return object;
}

/* The probabilities of the text so far that were not told yet, where they are asked for. */
static json_t *with_tokens(struct reply *reply, json_t *object)
{
    json_t *entries =
        reply->wants_tokens ? token_log_take(&reply->tokens, reply->text.len, NULL) : NULL;
    if (entries)
        json_object_set_new(object, "completion_probabilities", entries);
    return object;
}

static void text(struct reply *reply, struct str said)
{
    reply_add_sse(reply, NULL, with_tokens(reply, piece(reply, said)));
}

static void end(struct reply *reply, enum reply_end why)
{
    reply_add_sse(reply, NULL, last(reply, (struct str){0}, why));
}

static void ping(struct reply *reply)
{
    strbuf_add_c(&reply->out, ": reading the prompt\n\n");
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    reply_add_sse(reply, "error", api_failure_json(failure, API_OPENAI));
}

static json_t *whole(struct reply *reply, enum reply_end why)
{
    return with_tokens(reply, last(reply, strbuf_view(&reply->text), why));
}

const struct reply_format reply_llama_completion = {
    .protocol = API_OPENAI,
    .tells_ids = true,
    .stream_type = "text/event-stream",
    .repeats = true,
    .text = text,
    .reasoning = text,
    .end = end,
    .ping = ping,
    .fail = fail,
    .whole = whole,
};
