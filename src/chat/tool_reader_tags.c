/*
 * tool_reader_tags - arguments that stand between tags, one value each.
 *
 * The text between the tags is a text, as it stands, or JSON; where the form itself does not say
 * which, the tool's schema does. Texts grow into the arguments as they come; other values once they
 * are complete.
 *
 * The values of elements (tool_reader_elements.c) that hold no others are read here, too.
 *
 * Threads: see tool_reader.h.
 */
#include "chat/tool_reader_internal.h"

#include "text/json.h"
#include "text/tool_schema.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- keys */

/* Is `rest` the remainder of a key's closing words? YES: *at is behind them. */
static enum tool_reader_match match_key_close(const struct tool_reader *reader, struct str raw,
                                              size_t *at, bool is_final, bool *out_other)
{
    const struct str texts[] = {reader->syntax->key_close, reader->syntax->key_close_other};
    enum tool_reader_match all = TOOL_READER_NO;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!texts[i].len)
            continue;
        const enum tool_reader_match match = tool_reader_match_words(raw, at, texts[i], is_final);
        *out_other = i == 1;
        if (match == TOOL_READER_YES)
            return match;
        all = match == TOOL_READER_MAYBE ? match : all;
    }
    return all;
}

/* One line end behind the opening belongs to the tag where the form has it so. */
static enum tool_reader_match skip_line_end(const struct tool_reader *reader, struct str raw,
                                            size_t *at, bool is_final)
{
    if (!str_ends_with(reader->syntax->key_close, STR("\n")))
        return TOOL_READER_YES;
    if (*at == raw.len && !is_final)
        return TOOL_READER_MAYBE;
    *at += *at < raw.len && raw.ptr[*at] == '\n';
    return TOOL_READER_YES;
}

/* "<parameter=KEY>": the argument's name and what kind of value follows. */
static enum tool_reader_match read_key(struct tool_reader *reader, struct str raw, size_t at,
                                       bool is_final)
{
    const struct tool_format_syntax *syntax = reader->syntax;
    struct str words = syntax->key_close;
    const struct str first = tool_format_next_word(&words);
    const size_t end = str_find(raw, first, at);
    if (end == SIZE_MAX)
        return is_final || raw.len - at > TOOL_READER_NAME_MAX + first.len ? TOOL_READER_NO
                                                                           : TOOL_READER_MAYBE;
    const struct str key = str_trim(str_slice(raw, at, end));
    bool is_other = false;
    size_t behind = end;
    enum tool_reader_match match = match_key_close(reader, raw, &behind, is_final, &is_other);
    if (match == TOOL_READER_YES)
        match = skip_line_end(reader, raw, &behind, is_final);
    if (match != TOOL_READER_YES)
        return match;
    if (!key.len || end - at > TOOL_READER_NAME_MAX || !utf8_is_valid(key))
        return TOOL_READER_NO;
    if (reader->arguments.len > 1)
        strbuf_add_c(&reader->arguments, ", ");
    json_write_string(key, &reader->arguments);
    strbuf_add_c(&reader->arguments, ": ");
    reader->is_text =
        syntax->key_close_other.len
            ? !is_other
            : tool_schema_has_text(tool_schema_of(reader->tools, strbuf_view(&reader->name)), key);
    if (reader->is_text)
        strbuf_add_char(&reader->arguments, '"');
    reader->at = reader->value_from = reader->searched = behind;
    reader->json = (struct tool_reader_json){0};
    reader->stage = TOOL_READER_VALUE;
    return TOOL_READER_YES;
}

bool tool_reader_tags(struct tool_reader *reader, struct str raw, bool is_final)
{
    size_t at = reader->at;
    struct str close = reader->syntax->close;
    const enum tool_reader_match key =
        tool_reader_match_words(raw, &at, reader->syntax->key_open, is_final);
    const enum tool_reader_match read =
        key == TOOL_READER_YES ? read_key(reader, raw, at, is_final) : key;
    if (read == TOOL_READER_YES)
        return true;
    size_t behind = reader->at;
    const enum tool_reader_match end =
        tool_reader_match_words(raw, &behind, tool_format_next_word(&close), is_final);
    if (end == TOOL_READER_YES) {
        strbuf_add_char(&reader->arguments, '}');
        reader->stage = TOOL_READER_CLOSE;
        return true;
    }
    if (read == TOOL_READER_MAYBE || end == TOOL_READER_MAYBE)
        return false;
    tool_reader_lose(reader, "the call has text between its parameters");
    return true;
}

/* ---------------------------------------------------------------- values */

/* A value that is no text: as it stands when it is JSON. */
static void add_value(struct strbuf *out, struct str value)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    if (json_parse(value, NULL, &parsed, NULL) == OK) {
        strbuf_add_str(out, str_trim(value));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_equal_c(str_trim(value), words[i][0])) {
            strbuf_add_c(out, words[i][1]);
            return;
        }
    }
    json_write_string(value, out);
}

static struct str without_line_end(const struct tool_reader *reader, struct str value)
{
    const bool has_one = str_starts_with(reader->syntax->value_close, STR("\n"));
    if (has_one && value.len && value.ptr[value.len - 1] == '\n')
        value.len--;
    return value;
}

static bool end_value(struct tool_reader *reader, size_t behind)
{
    if (reader->is_text)
        strbuf_add_char(&reader->arguments, '"');
    if (reader->syntax->arguments == TOOL_FORMAT_ELEMENTS)
        tool_reader_element_pop(reader);
    reader->at = behind;
    reader->stage = TOOL_READER_ARGUMENTS;
    return true;
}

/* Takes what of the text is sure to belong to it. */
static bool read_text(struct tool_reader *reader, struct str raw, struct str tag)
{
    const struct str rest = str_slice(raw, reader->at, raw.len);
    const size_t end = str_find(rest, tag, 0);
    if (end != SIZE_MAX) {
        tool_literal_add_escaped(&reader->arguments,
                                 without_line_end(reader, str_slice(rest, 0, end)));
        return end_value(reader, reader->at + end + tag.len);
    }
    struct str taken = str_slice(rest, 0, rest.len - str_partial(rest, tag));
    taken = without_line_end(reader, taken);
    taken = str_slice(taken, 0, taken.len - utf8_incomplete_tail(taken));
    tool_literal_add_escaped(&reader->arguments, taken);
    reader->at += taken.len;
    return false;
}

/* Passes over brackets and strings, in which the tag may stand. True when the value goes on. */
static bool is_inside(struct tool_reader *reader, struct str raw, bool is_final)
{
    const struct str rest = tool_reader_rest(raw, reader->value_from);
    if (!rest.len || !strchr("{[\"", rest.ptr[0]) || reader->searched > reader->at ||
        reader->json.depth > TOOL_READER_DEPTH_MAX)
        return false;
    if (reader->at == reader->value_from)
        reader->at = raw.len - rest.len;
    size_t at = reader->at;
    if (tool_reader_skip_json(&reader->json, raw, &at)) {
        reader->searched = at;
        return false;
    }
    reader->at = at;
    return !is_final && reader->json.depth <= TOOL_READER_DEPTH_MAX;
}

static bool read_value(struct tool_reader *reader, struct str raw, bool is_final, struct str tag)
{
    if (reader->is_text)
        return read_text(reader, raw, tag);
    if (is_inside(reader, raw, is_final))
        return false;
    const size_t end = str_find(raw, tag, reader->searched);
    if (end == SIZE_MAX)
        return false;
    const struct str value = without_line_end(reader, str_slice(raw, reader->value_from, end));
    if (reader->syntax->arguments == TOOL_FORMAT_ELEMENTS && !str_trim(value).len)
        strbuf_add_c(&reader->arguments, tool_reader_element_empty(reader));
    else
        add_value(&reader->arguments, value);
    return end_value(reader, end + tag.len);
}

bool tool_reader_tag_value(struct tool_reader *reader, struct str raw, bool is_final)
{
    struct str words = reader->syntax->value_close;
    struct str tag = tool_format_next_word(&words);
    CLEANUP(strbuf_done) struct strbuf own = {0};
    enum tool_reader_match holds_elements = TOOL_READER_NO;
    if (reader->syntax->arguments == TOOL_FORMAT_ELEMENTS) {
        holds_elements = tool_reader_element_value(reader, raw, is_final);
        tool_reader_element_close(reader, &own);
        tag = strbuf_view(&own);
    }
    if (holds_elements != TOOL_READER_NO)
        return holds_elements == TOOL_READER_YES;
    if (read_value(reader, raw, is_final, tag))
        return true;
    if (is_final)
        tool_reader_lose(reader, "the call is cut off");
    return is_final;
}
