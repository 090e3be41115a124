/*
 * responses_write - answers in the form of OpenAI's /v1/responses.
 *
 * An answer is a list of items: reasoning, message, function_call, custom_tool_call. A stream tells
 * each item's beginning, pieces and end; clients take the item from its end, and the last event
 * holds all of them again under the same ids. Every event has a number.
 */
#include "api/client_tools.h"
#include "api/reply.h"
#include "api/responses_kept.h"
#include "api/sealed_text.h"

#include "text/json.h"

enum item { ITEM_NONE, ITEM_REASONING, ITEM_MESSAGE, ITEM_CALL };

/* Takes `value` over. */
static void tell(struct reply *reply, const char *event, json_t *value)
{
    json_object_set_new(value, "type", json_string(event));
    json_object_set_new(value, "sequence_number", json_integer((json_int_t)reply->event_count++));
    reply_add_sse(reply, event, value);
}

static json_t *usage(const struct reply *reply)
{
    const struct session_result *r = &reply->result;
    return json_pack("{s:I, s:{s:I}, s:I, s:{s:I}, s:I}", "input_tokens",
                     (json_int_t)r->prompt_tokens, "input_tokens_details", "cached_tokens",
                     (json_int_t)r->cached_tokens, "output_tokens", (json_int_t)r->generated_tokens,
                     "output_tokens_details", "reasoning_tokens", (json_int_t)r->reasoning_tokens,
                     "total_tokens",
                     (json_int_t)r->prompt_tokens + (json_int_t)r->generated_tokens);
}

static json_t *response(const struct reply *reply, const char *status)
{
    char id[64];
    snprintf(id, sizeof(id), "resp_%s", reply->id);
    json_t *object = json_pack("{s:s, s:s, s:I, s:s, s:n, s:n, s:o, s:O}", "id", id, "object",
                               "response", "created_at", (json_int_t)(reply->created_us / 1000000),
                               "status", status, "error", "incomplete_details", "model",
                               reply_text(strbuf_view(&reply->model)), "output", reply->items);
    json_object_set_new(object, "completed_at", json_null());
    json_object_update_missing(object, reply->repeated);
    json_object_del(object, "include");
    return object;
}

static void begin(struct reply *reply)
{
    tell(reply, "response.created", json_pack("{s:o}", "response", response(reply, "in_progress")));
    tell(reply, "response.in_progress",
         json_pack("{s:o}", "response", response(reply, "in_progress")));
}

/* ---------------------------------------------------------------- items */

/* A call that was none keeps its place: clients know the item by it, and it is never finished. */
static json_int_t index_of_item(const struct reply *reply)
{
    return (json_int_t)(json_array_size(reply->items) + reply->void_items);
}

static void item_id(const struct reply *reply, const char *prefix, char out[64])
{
    snprintf(out, 64, "%s_%.24s%02u", prefix, reply->id, (unsigned)index_of_item(reply));
}

/* The text of the open item: what was said since it began. */
static struct str item_text(const struct reply *reply)
{
    const struct strbuf *all =
        reply->block_kind == ITEM_REASONING ? &reply->reasoning : &reply->text;
    return str_slice(strbuf_view(all), reply->item_from, all->len);
}

static json_t *text_part(const char *type, struct str text)
{
    return json_pack("{s:s, s:o}", "type", type, "text", reply_text(text));
}

/* A text for the client, with the probabilities of its tokens where they are asked for. */
static json_t *output_part(const struct reply *reply, struct str text)
{
    json_t *part = text_part("output_text", text);
    json_object_set_new(part, "annotations", json_array());
    if (reply->wants_tokens)
        json_object_set_new(part, "logprobs",
                            reply->likely ? json_copy(reply->likely) : json_array());
    return part;
}

/* The tokens of the text so far that were not told yet, a new reference; the item has them, too. */
static json_t *take_likely(struct reply *reply)
{
    json_t *entries = token_log_take(&reply->tokens, reply->text.len, NULL);
    if (!reply->likely)
        reply->likely = json_array();
    json_array_extend(reply->likely, entries);
    return entries ? entries : json_array();
}

static void forget_likely(struct reply *reply)
{
    json_decref(reply->likely);
    reply->likely = NULL;
}

static json_t *message_item(const struct reply *reply, const char *status, json_t *content)
{
    char id[64];
    item_id(reply, "msg", id);
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "type", "message", "id", id, "role", "assistant",
                     "status", status, "content", content);
}

static json_t *reasoning_item(const struct reply *reply, json_t *content)
{
    char id[64];
    item_id(reply, "rs", id);
    return json_pack("{s:s, s:s, s:[], s:o, s:n}", "type", "reasoning", "id", id, "summary",
                     "content", content, "encrypted_content");
}

/* With what was thought, and that once more for clients that give it back unread. */
static json_t *thought_item(const struct reply *reply, struct str text)
{
    json_t *item = reasoning_item(reply, json_pack("[o]", text_part("reasoning_text", text)));
    CLEANUP(strbuf_done) struct strbuf sealed = {0};
    if (!responses_kept_includes(reply->repeated, "reasoning.encrypted_content"))
        return item;
    sealed_text_add(&sealed, text);
    json_object_set_new(item, "encrypted_content", reply_text(strbuf_view(&sealed)));
    return item;
}

/* A finished item: the last event about it, and its place in the answer. Takes it over. */
static void end_item(struct reply *reply, json_t *item)
{
    if (reply->streams)
        tell(reply, "response.output_item.done",
             json_pack("{s:I, s:O}", "output_index", index_of_item(reply), "item", item));
    json_array_append_new(reply->items, item);
    reply->block_kind = ITEM_NONE;
}

/* The fields that tell which text an event is about. */
static json_t *place(const struct reply *reply, const char *prefix)
{
    char id[64];
    item_id(reply, prefix, id);
    return json_pack("{s:s, s:I, s:I}", "item_id", id, "output_index", index_of_item(reply),
                     "content_index", (json_int_t)0);
}

/* `status`: of a message; what is cut off is incomplete. */
static void close_item(struct reply *reply, const char *status)
{
    const struct str text = item_text(reply);
    if (reply->block_kind == ITEM_MESSAGE) {
        json_t *done = place(reply, "msg");
        json_object_set_new(done, "text", reply_text(text));
        if (reply->wants_tokens)
            json_object_set_new(done, "logprobs", json_copy(reply->likely));
        tell(reply, "response.output_text.done", done);
        json_t *part = place(reply, "msg");
        json_object_set_new(part, "part", output_part(reply, text));
        tell(reply, "response.content_part.done", part);
        end_item(reply, message_item(reply, status, json_pack("[o]", output_part(reply, text))));
        forget_likely(reply);
    } else if (reply->block_kind == ITEM_REASONING) {
        json_t *done = place(reply, "rs");
        json_object_set_new(done, "text", reply_text(text));
        tell(reply, "response.reasoning_text.done", done);
        end_item(reply, thought_item(reply, text));
    } else if (reply->block_kind == ITEM_CALL) {
        reply->void_items++;
        reply->block_kind = ITEM_NONE;
    }
}

static void open_item(struct reply *reply, enum item kind, json_t *item)
{
    reply->block_kind = (int)kind;
    tell(reply, "response.output_item.added",
         json_pack("{s:I, s:o}", "output_index", index_of_item(reply), "item", item));
}

static void add_timings(const struct reply *reply, json_t *event)
{
    if (reply->wants_timings)
        json_object_set_new(event, "timings", reply_timings_json(&reply->result));
}

static void text(struct reply *reply, struct str piece)
{
    if (reply->block_kind != ITEM_MESSAGE) {
        close_item(reply, "completed");
        reply->item_from = reply->text.len - piece.len;
        open_item(reply, ITEM_MESSAGE, message_item(reply, "in_progress", json_array()));
        json_t *part = place(reply, "msg");
        json_object_set_new(part, "part", output_part(reply, (struct str){0}));
        tell(reply, "response.content_part.added", part);
    }
    json_t *delta = place(reply, "msg");
    json_object_set_new(delta, "delta", reply_text(piece));
    if (reply->wants_tokens)
        json_object_set_new(delta, "logprobs", take_likely(reply));
    add_timings(reply, delta);
    tell(reply, "response.output_text.delta", delta);
}

static void reasoning(struct reply *reply, struct str piece)
{
    if (reply->block_kind != ITEM_REASONING) {
        close_item(reply, "completed");
        reply->item_from = reply->reasoning.len - piece.len;
        open_item(reply, ITEM_REASONING, reasoning_item(reply, json_array()));
    }
    json_t *delta = place(reply, "rs");
    json_object_set_new(delta, "delta", reply_text(piece));
    add_timings(reply, delta);
    tell(reply, "response.reasoning_text.delta", delta);
}

/* ---------------------------------------------------------------- calls */

/* An item for a call; `arguments` is empty while it goes on. */
static json_t *call_item(const struct reply *reply, struct str call_id, struct str name,
                         struct str arguments, const char *status)
{
    char id[64];
    const json_t *entry = client_tools_entry(reply->tool_names, name);
    item_id(reply, client_tools_is_custom(entry) ? "ctc" : "fc", id);
    json_t *item = json_pack("{s:s, s:s, s:o, s:o, s:s}", "type",
                             client_tools_is_custom(entry) ? "custom_tool_call" : "function_call",
                             "id", id, "call_id", reply_text(call_id), "name",
                             entry ? json_incref(json_object_get(entry, "name")) : reply_text(name),
                             "status", status);
    if (json_object_get(entry, "namespace"))
        json_object_set(item, "namespace", json_object_get(entry, "namespace"));
    if (client_tools_is_custom(entry))
        json_object_set_new(item, "input", client_tools_input(arguments));
    else
        json_object_set_new(item, "arguments", reply_text(arguments));
    return item;
}

static void call_begin(struct reply *reply, struct str id, struct str name)
{
    close_item(reply, "completed");
    open_item(reply, ITEM_CALL, call_item(reply, id, name, (struct str){0}, "in_progress"));
}

static json_t *call_place(const struct reply *reply, bool custom)
{
    char id[64];
    item_id(reply, custom ? "ctc" : "fc", id);
    return json_pack("{s:s, s:I}", "item_id", id, "output_index", index_of_item(reply));
}

static const json_t *open_call_entry(const struct reply *reply)
{
    const json_t *call = json_array_get(reply->calls, json_array_size(reply->calls) - 1);
    return client_tools_entry(reply->tool_names, json_str(json_object_get(call, "name")));
}

static void tell_input(struct reply *reply, struct str text)
{
    if (text.len == 0)
        return;
    json_t *delta = call_place(reply, true);
    json_object_set_new(delta, "delta", reply_text(text));
    tell(reply, "response.custom_tool_call_input.delta", delta);
}

static void call_arguments(struct reply *reply, struct str piece)
{
    if (client_tools_is_custom(open_call_entry(reply))) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        custom_input_feed(&reply->custom, piece, &text);
        tell_input(reply, strbuf_view(&text));
        return;
    }
    json_t *delta = call_place(reply, false);
    json_object_set_new(delta, "delta", reply_text(piece));
    tell(reply, "response.function_call_arguments.delta", delta);
}

static void call_end(struct reply *reply, const json_t *call)
{
    const struct str arguments = json_str(json_object_get(call, "arguments"));
    const bool custom = client_tools_is_custom(open_call_entry(reply));
    json_t *item = call_item(reply, json_str(json_object_get(call, "id")),
                             json_str(json_object_get(call, "name")), arguments, "completed");
    if (custom)
        tell_input(reply,
                   custom_input_rest(&reply->custom, json_str(json_object_get(item, "input"))));
    json_t *done = call_place(reply, custom);
    if (custom)
        json_object_set(done, "input", json_object_get(item, "input"));
    else
        json_object_set_new(done, "arguments", reply_text(arguments));
    tell(reply,
         custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
         done);
    end_item(reply, item);
}

/* ---------------------------------------------------------------- the end */

static bool is_cut_off(enum reply_end why)
{
    return why == REPLY_END_LENGTH || why == REPLY_END_CONTEXT;
}

static json_t *final_response(struct reply *reply, enum reply_end why)
{
    const bool is_cut = is_cut_off(why);
    json_t *object = response(reply, is_cut ? "incomplete" : "completed");
    json_object_set_new(object, "usage", usage(reply));
    if (!is_cut)
        json_object_set_new(object, "completed_at",
                            json_integer((json_int_t)(reply->ended_us / 1000000)));
    if (is_cut)
        json_object_set_new(object, "incomplete_details",
                            json_pack("{s:s}", "reason", "max_output_tokens"));
    reply->final = json_incref(object);
    return object;
}

static void end(struct reply *reply, enum reply_end why)
{
    const bool is_cut = is_cut_off(why);
    close_item(reply, is_cut ? "incomplete" : "completed");
    json_t *last = json_pack("{s:o}", "response", final_response(reply, why));
    add_timings(reply, last);
    tell(reply, is_cut ? "response.incomplete" : "response.completed", last);
}

static void ping(struct reply *reply)
{
    tell(reply, "response.in_progress",
         json_pack("{s:o}", "response", response(reply, "in_progress")));
}

static void progress(struct reply *reply, const struct reply_progress *progress)
{
    tell(reply, "response.in_progress",
         json_pack("{s:o, s:o}", "response", response(reply, "in_progress"), "prompt_progress",
                   reply_progress_json(progress)));
}

static void fail(struct reply *reply, const struct api_failure *failure)
{
    json_t *object = response(reply, "failed");
    json_object_set_new(object, "error",
                        json_pack("{s:s, s:s}", "code",
                                  failure->is_context ? "context_length_exceeded" : "server_error",
                                  "message", failure->text));
    tell(reply, "response.failed", json_pack("{s:o}", "response", object));
}

static json_t *whole(struct reply *reply, enum reply_end why)
{
    if (reply->reasoning.len > 0)
        end_item(reply, thought_item(reply, strbuf_view(&reply->reasoning)));
    const bool ends_with_text = json_array_size(reply->calls) == 0;
    if (reply->wants_tokens)
        json_decref(take_likely(reply));
    if (reply->text.len > 0)
        end_item(reply,
                 message_item(reply, is_cut_off(why) && ends_with_text ? "incomplete" : "completed",
                              json_pack("[o]", output_part(reply, strbuf_view(&reply->text)))));
    size_t index = 0;
    json_t *call = NULL;
    json_array_foreach(reply->calls, index, call)
        end_item(reply, call_item(reply, json_str(json_object_get(call, "id")),
                                  json_str(json_object_get(call, "name")),
                                  json_str(json_object_get(call, "arguments")), "completed"));
    return final_response(reply, why);
}

const struct reply_format reply_responses = {
    .protocol = API_OPENAI,
    .stream_type = "text/event-stream",
    .begin = begin,
    .text = text,
    .reasoning = reasoning,
    .call_begin = call_begin,
    .call_arguments = call_arguments,
    .call_end = call_end,
    .end = end,
    .ping = ping,
    .progress = progress,
    .fail = fail,
    .whole = whole,
};
