/*
 * llama_write - answers in the form of llama.cpp's own /completion and /infill.
 *
 * Streams are server-sent events without a last word: the event with "stop": true is the last.
 */
#include "api/reply.h"

#include "text/json.h"

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

/* The tokens of the text so far that were not told yet: their numbers, and their probabilities
 * where they are asked for. */
static void add_tokens(struct reply *reply, json_t *object)
{
    json_t *ids = json_array();
    json_object_set_new(object, "tokens", ids);
    if (!reply->wants_tokens && !reply->wants_ids)
        return;
    CLEANUP(json_decrefp)
    json_t *entries = token_log_take(&reply->tokens, reply->text.len, NULL);
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(entries, index, entry) if (reply->wants_ids)
        json_array_append(ids, reply->wants_tokens ? json_object_get(entry, "id") : entry);
    if (entries && reply->wants_tokens)
        json_object_set(object, "completion_probabilities", entries);
}

static json_t *piece(struct reply *reply, struct str text, json_int_t token_count)
{
    json_t *object =
        json_pack("{s:i, s:o, s:n, s:b, s:I, s:I}", "index", (int)reply->index, "content",
                  reply_text(text), "tokens", "stop", 0, "tokens_predicted", token_count,
                  "tokens_evaluated", (json_int_t)reply->result.prompt_tokens);
    add_tokens(reply, object);
    return object;
}

static json_t *settings(const struct reply *reply)
{
    json_t *object = json_pack("{s:I, s:I, s:o}", "seed", (json_int_t)reply->seed, "n_ctx",
                               (json_int_t)reply->context_tokens, "model",
                               reply_text(strbuf_view(&reply->model)));
    if (reply->repeated)
        json_object_update(object, reply->repeated);
    return object;
}

/* Only the fields that were asked for, each under its whole path. Takes `object` over. */
static json_t *chosen(const struct reply *reply, json_t *object)
{
    if (!reply->fields)
        return object;
    json_t *few = json_object();
    size_t index = 0;
    json_t *path = NULL;
    json_array_foreach(reply->fields, index, path)
    {
        struct str rest = json_str(path);
        json_t *value = object;
        while (value && rest.len > 0) {
            const struct str name = str_split(&rest, '/');
            value = json_object_getn(value, name.ptr, name.len);
        }
        if (value && value != object)
            json_object_set(few, json_string_value(path), value);
    }
    json_decref(object);
    return few;
}

static json_t *last(struct reply *reply, struct str text, enum reply_end why)
{
    const struct session_result *r = &reply->result;
    const struct str word =
        reply->stops.is_found ? strbuf_view(&reply->stops.texts[reply->stops.found]) : STR("");
    json_t *object = piece(reply, text, (json_int_t)r->generated_tokens);
    json_object_set_new(object, "stop", json_true());
    json_object_set_new(object, "stop_type", json_string(stop_type(why)));
    json_object_set_new(object, "stopping_word", reply_text(word));
    json_object_set_new(object, "model", reply_text(strbuf_view(&reply->model)));
    json_object_set_new(object, "generation_settings", settings(reply));
    json_object_set_new(object, "prompt", reply_text(strbuf_view(&reply->prompt)));
    json_object_set_new(object, "tokens_cached", json_integer((json_int_t)r->cached_tokens));
    json_object_set_new(object, "truncated", json_boolean(why == REPLY_END_CONTEXT));
    json_object_set_new(
        object, "has_new_line",
        json_boolean(str_find_char(strbuf_view(&reply->text), '\n', 0) != SIZE_MAX));
    json_object_set_new(object, "timings", reply_timings_json(r));
    return chosen(reply, object);
}

static json_t *next_piece(struct reply *reply, struct str said)
{
    json_t *object = piece(reply, said, (json_int_t)reply->token_count);
    if (reply->wants_timings)
        json_object_set_new(object, "timings", reply_timings_json(&reply->result));
    return object;
}

static void text(struct reply *reply, struct str said)
{
    reply_add_sse(reply, NULL, next_piece(reply, said));
}

static void end(struct reply *reply, enum reply_end why)
{
    reply_add_sse(reply, NULL, last(reply, (struct str){0}, why));
}

static void progress(struct reply *reply, const struct reply_progress *progress)
{
    json_t *object = next_piece(reply, (struct str){0});
    json_object_set_new(object, "prompt_progress", reply_progress_json(progress));
    reply_add_sse(reply, NULL, object);
}

static void ping(struct reply *reply)
{
    strbuf_add_c(&reply->out, ": working\n\n");
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    reply_add_sse(reply, "error", api_failure_json(failure, API_OPENAI));
}

static json_t *whole(struct reply *reply, enum reply_end why)
{
    return last(reply, strbuf_view(&reply->text), why);
}

const struct reply_format reply_llama_completion = {
    .protocol = API_OPENAI,
    .tells_ids = true,
    .tells_prompt = true,
    .is_list = true,
    .stream_type = "text/event-stream",
    .repeats = true,
    .text = text,
    .reasoning = text,
    .end = end,
    .ping = ping,
    .progress = progress,
    .fail = fail,
    .whole = whole,
};
