#include "api/token_log.h"

#include "base/strbuf.h"
#include "text/utf8.h"

void token_log_done(struct token_log *log)
{
    json_decref(log->waiting);
    json_decref(log->sizes);
    json_decref(log->ready);
    json_decref(log->starts);
    *log = (struct token_log){0};
}

static json_t *entry_of(const struct token_log *log, const struct chat_token *token)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_t *bytes = json_array();
    utf8_add_clean(&text, token->text);
    for (size_t i = 0; i < token->text.len; i++)
        json_array_append_new(bytes, json_integer((unsigned char)token->text.ptr[i]));
    json_t *entry = json_pack("{s:s%, s:f, s:o}", "token", strbuf_c(&text), text.len, "logprob",
                              token->logprob, "bytes", bytes);
    if (log->has_ids)
        json_object_set_new(entry, "id", json_integer(token->id));
    return entry;
}

static json_t *entry_with_top(const struct token_log *log, const struct chat_token *tokens,
                              size_t count)
{
    json_t *entry = entry_of(log, &tokens[0]);
    json_t *top = json_array();
    for (size_t i = 1; i < count; i++)
        json_array_append_new(top, entry_of(log, &tokens[i]));
    json_object_set_new(entry, "top_logprobs", top);
    return entry;
}

void token_log_add(struct token_log *log, const struct chat_token *tokens, size_t count)
{
    if (count == 0)
        return;
    if (!log->waiting) {
        log->waiting = json_array();
        log->sizes = json_array();
    }
    json_array_append_new(log->waiting, log->only_ids ? json_integer(tokens[0].id)
                                                      : entry_with_top(log, tokens, count));
    json_array_append_new(log->sizes, json_integer((json_int_t)tokens[0].text.len));
}

static size_t size_of(const struct token_log *log, size_t index)
{
    return (size_t)json_integer_value(json_array_get(log->sizes, index));
}

/* The last tokens that make up `size` bytes: what came before them was swallowed. */
void token_log_text(struct token_log *log, size_t size)
{
    size_t first = json_array_size(log->waiting);
    size_t covered = 0;
    while (first > 0 && covered < size)
        covered += size_of(log, --first);
    size_t start = log->text_end;
    size_t skipped = covered > size ? covered - size : 0; /* of the first one's bytes */
    if (!log->ready) {
        log->ready = json_array();
        log->starts = json_array();
    }
    for (size_t i = first; i < json_array_size(log->waiting); i++) {
        json_array_append(log->ready, json_array_get(log->waiting, i));
        json_array_append_new(log->starts, json_integer((json_int_t)start));
        start += size_of(log, i) - skipped;
        skipped = 0;
    }
    log->text_end += size;
    token_log_drop(log);
}

void token_log_drop(struct token_log *log)
{
    if (!log->waiting)
        return;
    json_array_clear(log->waiting);
    json_array_clear(log->sizes);
}

/* The first `count` of an array, which keeps the others. */
static json_t *take_first(json_t **array, size_t count)
{
    json_t *others = json_array();
    json_t *first = *array;
    for (size_t i = count; i < json_array_size(first); i++)
        json_array_append(others, json_array_get(first, i));
    while (json_array_size(first) > count)
        json_array_remove(first, json_array_size(first) - 1);
    *array = others;
    return first;
}

json_t *token_log_take(struct token_log *log, size_t end, json_t **out_starts)
{
    size_t count = 0;
    while (count < json_array_size(log->ready) &&
           (size_t)json_integer_value(json_array_get(log->starts, count)) < end)
        count++;
    if (out_starts)
        *out_starts = NULL;
    if (count == 0)
        return NULL;
    json_t *taken = take_first(&log->ready, count);
    json_t *starts = take_first(&log->starts, count);
    if (out_starts)
        *out_starts = starts;
    else
        json_decref(starts);
    return taken;
}

json_t *token_log_columns(json_t *entries, json_t *starts)
{
    if (!entries)
        return NULL;
    json_t *tokens = json_array();
    json_t *logprobs = json_array();
    json_t *tops = json_array();
    size_t index = 0;
    json_t *entry = NULL;
    json_array_foreach(entries, index, entry)
    {
        json_t *row = json_object();
        size_t k = 0;
        json_t *top = NULL;
        json_array_foreach(json_object_get(entry, "top_logprobs"), k, top) json_object_set(
            row, json_string_value(json_object_get(top, "token")), json_object_get(top, "logprob"));
        json_array_append(tokens, json_object_get(entry, "token"));
        json_array_append(logprobs, json_object_get(entry, "logprob"));
        json_array_append_new(tops, row);
    }
    json_decref(entries);
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", logprobs,
                     "top_logprobs", tops, "text_offset", starts);
}
