/*
 * tool_reader_elements - arguments between tags of their own names, one inside the other.
 *
 *   <KEY>value</KEY><LIST><item>value</item></LIST><OBJECT><KEY>value</KEY></OBJECT>
 *
 * with the form's mark in front of every tag. Whether a value is a text, an object or a list is
 * what the tool's schema says in that place, and where it says nothing, what the value begins with:
 * an item is a list's, any other tag an object's, everything else is JSON or a text.
 *
 * Threads: see tool_reader.h.
 */
#include "chat/tool_reader_internal.h"

#include "text/json.h"
#include "text/tool_schema.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- open elements */

static struct str name_of(const struct tool_reader *reader, uint32_t index)
{
    const struct tool_reader_elements *elements = &reader->elements;
    const struct str all = strbuf_view(&elements->names);
    const size_t end =
        index + 1 < elements->depth ? elements->open[index + 1].name_at : elements->names.len;
    return str_slice(all, elements->open[index].name_at, end);
}

static bool is_list(const struct tool_reader *reader)
{
    const struct tool_reader_elements *elements = &reader->elements;
    return elements->depth > 0 && elements->open[elements->depth - 1].is_list;
}

/* What the schema says of the innermost element. */
static unsigned kinds_of(const struct tool_reader *reader)
{
    struct str path[TOOL_READER_DEPTH_MAX];
    const struct tool_reader_elements *elements = &reader->elements;
    for (uint32_t i = 0; i < elements->depth; i++)
        path[i] = i && elements->open[i - 1].is_list ? (struct str){0} : name_of(reader, i);
    const json_t *parameters = tool_schema_of(reader->tools, strbuf_view(&reader->name));
    return tool_schema_kinds_at(parameters, path, elements->depth);
}

/* Its separator and key, and where its value begins. */
static void push(struct tool_reader *reader, struct str name, size_t value_at)
{
    struct tool_reader_elements *elements = &reader->elements;
    uint32_t *count =
        elements->depth ? &elements->open[elements->depth - 1].count : &elements->count;
    if ((*count)++ > 0)
        strbuf_add_c(&reader->arguments, ", ");
    if (!is_list(reader)) {
        json_write_string(name, &reader->arguments);
        strbuf_add_c(&reader->arguments, ": ");
    }
    elements->open[elements->depth++] =
        (struct tool_reader_element){.name_at = elements->names.len};
    strbuf_add_str(&elements->names, name);
    reader->kinds = kinds_of(reader);
    reader->is_text = (reader->kinds & TOOL_SCHEMA_TEXT) != 0;
    if (reader->is_text)
        strbuf_add_char(&reader->arguments, '"');
    reader->at = reader->value_from = reader->searched = value_at;
    reader->json = (struct tool_reader_json){0};
    reader->stage = TOOL_READER_VALUE;
}

void tool_reader_element_pop(struct tool_reader *reader)
{
    struct tool_reader_elements *elements = &reader->elements;
    strbuf_truncate(&elements->names, elements->open[--elements->depth].name_at);
}

void tool_reader_element_close(const struct tool_reader *reader, struct strbuf *out)
{
    strbuf_add_str(out, reader->syntax->value_close);
    strbuf_add_str(out, name_of(reader, reader->elements.depth - 1));
    strbuf_add_str(out, reader->syntax->key_close);
}

/* ---------------------------------------------------------------- tags */

/* The name in a tag whose inside begins at `at`; *out_behind is behind the tag. */
static enum tool_reader_match read_name(const struct tool_reader *reader, struct str raw, size_t at,
                                        bool is_final, struct str *out_name, size_t *out_behind)
{
    const struct str close = reader->syntax->key_close;
    const struct str rest = str_slice(raw, at, raw.len);
    const size_t end = str_find(rest, close, 0);
    if (end == SIZE_MAX)
        return is_final || rest.len > TOOL_READER_NAME_MAX + close.len ? TOOL_READER_NO
                                                                       : TOOL_READER_MAYBE;
    *out_name = str_slice(rest, 0, end);
    *out_behind = at + end + close.len;
    const bool is_name = end > 0 && end <= TOOL_READER_NAME_MAX && utf8_is_valid(*out_name) &&
                         str_find_char(*out_name, '<', 0) == SIZE_MAX;
    return is_name ? TOOL_READER_YES : TOOL_READER_NO;
}

/* An element begins. */
static enum tool_reader_match read_open(struct tool_reader *reader, struct str raw, size_t at,
                                        bool is_final)
{
    struct str name = {0};
    size_t behind = 0;
    const enum tool_reader_match match = read_name(reader, raw, at, is_final, &name, &behind);
    if (match != TOOL_READER_YES)
        return match;
    if (reader->elements.depth == TOOL_READER_DEPTH_MAX ||
        (is_list(reader) && !str_equal_c(name, TOOL_FORMAT_ITEM)))
        return TOOL_READER_NO;
    push(reader, name, behind);
    return TOOL_READER_YES;
}

/* The object or list whose members were read ends, or all arguments do. */
static enum tool_reader_match read_end(struct tool_reader *reader, struct str raw, size_t at,
                                       bool is_final)
{
    CLEANUP(strbuf_done) struct strbuf close = {0};
    const struct str rest = str_slice(raw, at, raw.len);
    const bool is_outermost = reader->elements.depth == 0;
    if (is_outermost)
        strbuf_add_str(&close, reader->syntax->close);
    else
        tool_reader_element_close(reader, &close);
    const enum tool_reader_match match = tool_reader_match(rest, strbuf_view(&close), is_final);
    if (match != TOOL_READER_YES)
        return match;
    strbuf_add_char(&reader->arguments, is_list(reader) ? ']' : '}');
    if (is_outermost) {
        reader->stage = TOOL_READER_CLOSE;
    } else {
        tool_reader_element_pop(reader);
        reader->at = at + close.len;
    }
    return TOOL_READER_YES;
}

bool tool_reader_elements(struct tool_reader *reader, struct str raw, bool is_final)
{
    const struct str open = reader->syntax->key_open;
    const struct str rest = tool_reader_rest(raw, reader->at);
    const size_t at = raw.len - rest.len;
    enum tool_reader_match match = tool_reader_match(rest, open, is_final);
    if (match == TOOL_READER_YES && rest.len == open.len)
        match = is_final ? TOOL_READER_NO : TOOL_READER_MAYBE;
    if (match == TOOL_READER_YES)
        match = rest.ptr[open.len] == '/' ? read_end(reader, raw, at, is_final)
                                          : read_open(reader, raw, at + open.len, is_final);
    if (match == TOOL_READER_NO)
        tool_reader_lose(reader, is_final ? "the call is cut off"
                                          : "the call has something else between its parameters");
    return match != TOOL_READER_MAYBE;
}

/* ---------------------------------------------------------------- values */

enum tool_reader_match tool_reader_element_value(struct tool_reader *reader, struct str raw,
                                                 bool is_final)
{
    struct tool_reader_elements *elements = &reader->elements;
    const struct str open = reader->syntax->key_open;
    const struct str rest = tool_reader_rest(raw, reader->value_from);
    struct str name = {0};
    size_t behind = 0;
    if (reader->is_text)
        return TOOL_READER_NO;
    enum tool_reader_match match = tool_reader_match(rest, open, is_final);
    if (match == TOOL_READER_YES && rest.len == open.len)
        match = is_final ? TOOL_READER_NO : TOOL_READER_MAYBE;
    if (match != TOOL_READER_YES)
        return match;
    if (rest.ptr[open.len] == '/') /* empty */
        return TOOL_READER_NO;
    match = read_name(reader, raw, raw.len - rest.len + open.len, is_final, &name, &behind);
    if (match != TOOL_READER_YES)
        return match;
    const bool has_item = str_equal_c(name, TOOL_FORMAT_ITEM);
    const unsigned kinds = reader->kinds & (TOOL_SCHEMA_OBJECT | TOOL_SCHEMA_ARRAY);
    const bool is_array = kinds == TOOL_SCHEMA_ARRAY || (kinds != TOOL_SCHEMA_OBJECT && has_item);
    elements->open[elements->depth - 1].is_list = is_array;
    strbuf_add_char(&reader->arguments, is_array ? '[' : '{');
    reader->stage = TOOL_READER_ARGUMENTS;
    return TOOL_READER_YES;
}

const char *tool_reader_element_empty(const struct tool_reader *reader)
{
    if (reader->kinds & TOOL_SCHEMA_OBJECT)
        return "{}";
    if (reader->kinds & TOOL_SCHEMA_ARRAY)
        return "[]";
    return reader->kinds & TOOL_SCHEMA_NULL ? "null" : "\"\"";
}
