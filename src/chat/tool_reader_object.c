/*
 * tool_reader_object - calls that are JSON objects, and arguments that are.
 *
 * The brackets decide where an object ends; on the way its members are watched, so that name and
 * arguments are there before the end. Whether it is JSON at all is asked of the parser once it is
 * complete.
 *
 * Threads: see tool_reader.h.
 */
#include "chat/tool_reader_internal.h"

#include "text/json.h"

/* What comes next in the outermost object. */
enum expect { EXPECT_KEY, EXPECT_COLON, EXPECT_VALUE, EXPECT_REST };

enum key { KEY_OTHER, KEY_NAME, KEY_ID, KEY_ARGUMENTS };

/* ---------------------------------------------------------------- passing over a value */

static bool pass_string(struct tool_reader_json *json, char c)
{
    if (json->is_escaped)
        json->is_escaped = false;
    else if (c == '\\')
        json->is_escaped = true;
    else if (c == '"')
        json->in_string = false;
    return json->in_string;
}

bool tool_reader_skip_json(struct tool_reader_json *json, struct str raw, size_t *at)
{
    while (*at < raw.len) {
        const char c = raw.ptr[(*at)++];
        if (json->in_string) {
            if (pass_string(json, c) || json->depth)
                continue;
            return true;
        }
        if (c == '"')
            json->in_string = true;
        else if (c == '{' || c == '[')
            json->depth++;
        else if ((c == '}' || c == ']') && json->depth > 0)
            json->depth--;
        if (json->depth == 0 && !json->in_string)
            return true;
        if (json->depth > TOOL_READER_DEPTH_MAX)
            return false;
    }
    return false;
}

/* ---------------------------------------------------------------- members */

/* The text of a JSON string; empty when it is none. */
static void read_text(struct str value, struct strbuf *out)
{
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    strbuf_clear(out);
    if (json_parse(value, NULL, &parsed, NULL) != OK)
        return;
    if (json_is_string(parsed))
        strbuf_add_str(out, json_str(parsed));
    else if (json_is_integer(parsed))
        strbuf_add_str(out, value);
}

static enum key key_of(struct str key)
{
    static const struct {
        const char *text;
        enum key key;
    } rows[] = {{"\"name\"", KEY_NAME},
                {"\"tool_name\"", KEY_NAME},
                {"\"id\"", KEY_ID},
                {"\"tool_call_id\"", KEY_ID},
                {"\"arguments\"", KEY_ARGUMENTS},
                {"\"parameters\"", KEY_ARGUMENTS}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(key, rows[i].text))
            return rows[i].key;
    }
    return KEY_OTHER;
}

static void begin_value(struct tool_reader *reader, size_t at)
{
    struct tool_reader_json *json = &reader->json;
    json->value_start = at;
    json->expect = EXPECT_REST;
    if (json->key == KEY_ARGUMENTS && !json->arguments_start)
        json->arguments_start = at;
}

static void end_value(struct tool_reader *reader, struct str raw, size_t end)
{
    struct tool_reader_json *json = &reader->json;
    const struct str value = str_trim(str_slice(raw, json->value_start, end));
    if (json->key == KEY_NAME && !reader->name.len && value.ptr[0] == '"')
        read_text(value, &reader->name);
    else if (json->key == KEY_ID && !reader->id.len)
        read_text(value, &reader->id);
    else if (json->key == KEY_ARGUMENTS && json->arguments_start == json->value_start)
        json->arguments_end = json->value_start + value.len;
    json->expect = EXPECT_KEY;
    json->key = KEY_OTHER;
}

/* Arguments that are an object can be seen as they come. */
static void take_arguments(struct tool_reader *reader, struct str raw, size_t end)
{
    const struct tool_reader_json *json = &reader->json;
    if (!json->arguments_start || !reader->name.len || raw.ptr[json->arguments_start] != '{')
        return;
    const size_t stop = json->arguments_end ? json->arguments_end : end;
    const size_t from = json->arguments_start + reader->arguments.len;
    reader->is_sure = true;
    strbuf_add_str(&reader->arguments, str_slice(raw, from, stop));
}

/* One byte at `at`, which is outside of strings. */
static void watch(struct tool_reader *reader, struct str raw, size_t at)
{
    struct tool_reader_json *json = &reader->json;
    const char c = raw.ptr[at];
    if (c == '"') {
        json->in_string = true;
        if (json->depth == 1 && json->expect == EXPECT_KEY)
            json->key_start = at;
        else if (json->depth == 1 && json->expect == EXPECT_VALUE)
            begin_value(reader, at);
    } else if (c == '{' || c == '[') {
        if (json->depth == 1 && json->expect == EXPECT_VALUE)
            begin_value(reader, at);
        json->depth++;
    } else if (c == '}' || c == ']') {
        json->depth--;
        if (json->depth == 1 && json->expect == EXPECT_REST)
            end_value(reader, raw, at + 1);
        else if (json->depth == 0 && json->expect == EXPECT_REST)
            end_value(reader, raw, at);
    } else if (json->depth == 1 && c == ':' && json->expect == EXPECT_COLON) {
        json->expect = EXPECT_VALUE;
    } else if (json->depth == 1 && c == ',') {
        if (json->expect == EXPECT_REST)
            end_value(reader, raw, at);
        json->expect = EXPECT_KEY;
    } else if (json->depth == 1 && json->expect == EXPECT_VALUE && !strchr(" \t\r\n", c)) {
        begin_value(reader, at);
    }
}

/* A string ended in front of `end`. */
static void watch_string(struct tool_reader *reader, struct str raw, size_t end)
{
    struct tool_reader_json *json = &reader->json;
    if (json->depth != 1)
        return;
    if (json->expect == EXPECT_KEY) {
        json->key = (int)key_of(str_slice(raw, json->key_start, end));
        json->expect = EXPECT_COLON;
    } else if (json->expect == EXPECT_REST) {
        end_value(reader, raw, end);
    }
}

/* ---------------------------------------------------------------- the whole call */

static bool lose_arguments(struct tool_reader *reader)
{
    reader->is_bad = true;
    (void)tool_reader_bad(reader, 0, "the arguments of the call are not a JSON object");
    return false;
}

/* Arguments that came as a text, or not at all. */
static bool settle_arguments(struct tool_reader *reader, struct str raw)
{
    const struct tool_reader_json *json = &reader->json;
    CLEANUP(json_decrefp) json_t *value = NULL;
    CLEANUP(json_decrefp) json_t *inner = NULL;
    if (reader->arguments.len)
        return true;
    const struct str text = str_slice(raw, json->arguments_start, json->arguments_end);
    const bool is_missing = !json->arguments_start || str_equal_c(text, "null");
    const bool is_bare = reader->format->starts_reply && raw.ptr[0] == '{';
    if (is_missing && !(is_bare && !json->arguments_start)) {
        strbuf_add_c(&reader->arguments, "{}");
        return true;
    }
    if (is_missing || json_parse(text, NULL, &value, NULL) != OK || !json_is_string(value) ||
        json_parse(json_str(value), NULL, &inner, NULL) != OK || !json_is_object(inner))
        return lose_arguments(reader);
    strbuf_add_str(&reader->arguments, json_str(value));
    return true;
}

/* The object [from, reader->at) is complete. */
static void end_object(struct tool_reader *reader, struct str raw, size_t from)
{
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    reader->stage = TOOL_READER_CLOSE;
    if (json_parse(str_slice(raw, from, reader->at), NULL, &parsed, &reader->reason) != OK) {
        reader->is_bad = true;
        return;
    }
    if (!reader->name.len) {
        reader->is_bad = true;
        (void)tool_reader_bad(reader, 0, "the call has no \"name\"");
        return;
    }
    reader->is_sure |= settle_arguments(reader, raw);
}

bool tool_reader_object(struct tool_reader *reader, struct str raw, bool is_final)
{
    struct tool_reader_json *json = &reader->json;
    if (json->depth == 0)
        reader->value_from = reader->at;
    while (reader->at < raw.len) {
        const size_t at = reader->at++;
        if (json->in_string) {
            if (!pass_string(json, raw.ptr[at]))
                watch_string(reader, raw, reader->at);
            continue;
        }
        watch(reader, raw, at);
        if (json->depth == 0) {
            take_arguments(reader, raw, at);
            end_object(reader, raw, reader->value_from);
            return true;
        }
        if (json->depth > TOOL_READER_DEPTH_MAX) {
            take_arguments(reader, raw, at); /* as if the text had been cut here */
            tool_reader_lose(reader, "the call is not a JSON object");
            return true;
        }
    }
    take_arguments(reader, raw, reader->at);
    if (is_final)
        tool_reader_lose(reader, "the call is not a JSON object");
    return is_final;
}

/* ---------------------------------------------------------------- arguments alone */

/* In front of the arguments: an object, or nothing at all. True when they can be read. */
static bool begin_arguments(struct tool_reader *reader, struct str raw, bool is_final,
                            bool *out_changed)
{
    const struct str rest = tool_reader_rest(raw, reader->at);
    struct str close = reader->syntax->close;
    const struct str tag = tool_format_next_word(&close);
    *out_changed = false;
    if (!rest.len && !is_final)
        return false;
    if (rest.len && rest.ptr[0] == '{') {
        reader->at = reader->value_from = raw.len - rest.len;
        return true;
    }
    if (rest.len && tag.len) {
        switch (tool_reader_match(rest, tag, is_final)) {
        case TOOL_READER_MAYBE: return false;
        case TOOL_READER_YES:
            strbuf_add_c(&reader->arguments, "{}");
            reader->stage = TOOL_READER_CLOSE;
            *out_changed = true;
            return false;
        case TOOL_READER_NO: break;
        }
    }
    tool_reader_lose(reader, "the arguments of the call are not a JSON object");
    *out_changed = true;
    return false;
}

bool tool_reader_json_arguments(struct tool_reader *reader, struct str raw, bool is_final)
{
    bool changed = false;
    if (reader->json.depth == 0 && !begin_arguments(reader, raw, is_final, &changed))
        return changed;
    const size_t from = reader->at;
    const bool is_done = tool_reader_skip_json(&reader->json, raw, &reader->at);
    strbuf_add_str(&reader->arguments, str_slice(raw, from, reader->at));
    if (is_done) {
        reader->stage = TOOL_READER_CLOSE;
        return true;
    }
    if (!is_final && reader->json.depth <= TOOL_READER_DEPTH_MAX)
        return false;
    tool_reader_lose(reader, "the arguments of the call are not a JSON object");
    return true;
}
