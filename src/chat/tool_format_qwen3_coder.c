#include "chat/tool_format_qwen3_coder.h"

#include "chat/jinja_lex.h"
#include "text/json.h"

/*
 * <tool_call>
 * <function=NAME>
 * <parameter=KEY>
 * value
 * </parameter>
 * </function>
 * </tool_call>
 *
 * Values are raw text; the tool's schema says what they mean. The outer tags may be missing.
 */
static const struct str open_tag = {"<tool_call>", 11};
static const struct str close_tag = {"</tool_call>", 12};
static const struct str function_open = {"<function=", 10};
static const struct str function_close = {"</function>", 11};
static const struct str parameter_open = {"<parameter=", 11};
static const struct str parameter_close = {"</parameter>", 12};

enum { NAME_LEN_MAX = 256 };

enum stage {
    STAGE_START, /* in front of the function tag */
    STAGE_BODY,  /* between parameters: scan->mark is there */
    STAGE_END,   /* behind the closing function tag: scan->mark is there */
    STAGE_LOST,  /* cannot become a call: everything up to the closing tag is one bad call */
};

bool tool_format_qwen3_coder_matches(struct str rendered)
{
    return str_find(rendered,
                    STR("<function=" TOOL_FORMAT_PROBE_NAME
                        ">\n<parameter=" TOOL_FORMAT_PROBE_ARGUMENT ">\n" TOOL_FORMAT_PROBE_VALUE
                        "\n</parameter>"),
                    0) != SIZE_MAX;
}

/* Looks for the end of a bad call. */
static enum tool_format_found scan_lost(struct str raw, bool is_final, struct tool_format_call *out)
{
    const size_t close = str_find(raw, close_tag, 0);
    if (close == SIZE_MAX && !is_final)
        return TOOL_FORMAT_MORE;
    return tool_format_bad(out, close == SIZE_MAX ? raw.len : close + close_tag.len,
                           close == SIZE_MAX ? "the call is cut off"
                                             : "the call has text between its parameters");
}

/* What stands at `rest`, when it may not be complete yet. */
enum match { MATCH_NO, MATCH_YES, MATCH_MAYBE };

static enum match match_at(struct str rest, struct str wanted, bool is_final)
{
    if (str_starts_with(rest, wanted))
        return MATCH_YES;
    return !is_final && str_starts_with(wanted, rest) ? MATCH_MAYBE : MATCH_NO;
}

/* "<function=NAME>": the name, and in *out_end what follows. */
static enum match read_tag(struct str rest, struct str tag, bool is_final, struct str *out_name,
                           size_t *out_len)
{
    const enum match match = match_at(rest, tag, is_final);
    if (match != MATCH_YES)
        return match;
    const size_t end = str_find_char(rest, '>', tag.len);
    if (end == SIZE_MAX)
        return is_final || rest.len > tag.len + NAME_LEN_MAX ? MATCH_NO : MATCH_MAYBE;
    *out_name = str_trim(str_slice(rest, tag.len, end));
    *out_len = end + 1;
    return out_name->len ? MATCH_YES : MATCH_NO;
}

/* ---------------------------------------------------------------- values */

static bool allows_string(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    if (json_is_string(type))
        return strcmp(json_string_value(type), "string") == 0;
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *one = json_string_value(json_array_get(type, i));
        if (one && strcmp(one, "string") == 0)
            return true;
    }
    const json_t *choices = json_object_get(schema, "anyOf");
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *one = json_object_get(json_array_get(choices, i), "type");
        if (json_is_string(one) && strcmp(json_string_value(one), "string") == 0)
            return true;
    }
    return false;
}

static const json_t *member(const json_t *object, struct str key)
{
    return json_object_getn(object, key.ptr, key.len);
}

/* The schema of a parameter, or NULL. */
static const json_t *schema_of(const json_t *tools, struct str tool_name, struct str key)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *inner = json_object_get(tool, "function");
        struct str name;
        tool = inner ? inner : tool;
        if (!json_member_str(tool, "name", &name) || !str_equal(name, tool_name))
            continue;
        return member(json_object_get(json_object_get(tool, "parameters"), "properties"), key);
    }
    return NULL;
}

/* Without the line ends that belong to the tags. */
static struct str strip_value(struct str value)
{
    if (value.len && value.ptr[0] == '\n')
        value = str_slice(value, 1, value.len);
    if (value.len && value.ptr[value.len - 1] == '\n')
        value.len--;
    return value;
}

static void add_value(struct strbuf *out, const json_t *schema, struct str value)
{
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    const bool is_json =
        !(schema && allows_string(schema)) && json_parse(value, NULL, &parsed, NULL) == OK;
    if (is_json)
        strbuf_add_str(out, str_trim(value));
    else
        json_write_string(value, out);
}

/* ---------------------------------------------------------------- stages */

static enum tool_format_found scan_start(struct tool_format_scan *scan, struct str raw,
                                         bool is_final, struct tool_format_call *out)
{
    struct str rest = raw;
    const bool has_open = str_starts_with(raw, open_tag);
    if (has_open)
        rest = jinja_lex_strip_front(str_slice(raw, open_tag.len, raw.len));
    struct str name;
    size_t len = 0;
    switch (read_tag(rest, function_open, is_final, &name, &len)) {
    case MATCH_MAYBE: return TOOL_FORMAT_MORE;
    case MATCH_YES: break;
    case MATCH_NO:
        return tool_format_mention(raw, has_open ? open_tag : function_open, close_tag, is_final,
                                   "the call has no <function=...>", out);
    }
    strbuf_clear(&out->name_text);
    strbuf_add_str(&out->name_text, name);
    strbuf_clear(&out->buffer);
    strbuf_add_char(&out->buffer, '{');
    scan->mark = raw.len - rest.len + len;
    scan->position = scan->mark;
    scan->stage = STAGE_BODY;
    return TOOL_FORMAT_MORE;
}

/* One parameter at `rest`. On MATCH_YES it is in the buffer and scan->mark behind it. */
static enum match take_parameter(struct tool_format_scan *scan, struct str raw, struct str rest,
                                 bool is_final, const json_t *tools, struct tool_format_call *out)
{
    struct str key;
    size_t len = 0;
    const enum match match = read_tag(rest, parameter_open, is_final, &key, &len);
    if (match != MATCH_YES)
        return match;
    const size_t from = raw.len - rest.len + len;
    const size_t search = scan->position > from ? scan->position : from;
    const size_t end = str_find(raw, parameter_close, search);
    if (end == SIZE_MAX) {
        if (raw.len > parameter_close.len && raw.len - parameter_close.len > search)
            scan->position = raw.len - parameter_close.len;
        return is_final ? MATCH_NO : MATCH_MAYBE;
    }
    if (out->buffer.len > 1)
        strbuf_add_c(&out->buffer, ", ");
    json_write_string(key, &out->buffer);
    strbuf_add_c(&out->buffer, ": ");
    add_value(&out->buffer, schema_of(tools, strbuf_view(&out->name_text), key),
              strip_value(str_slice(raw, from, end)));
    scan->mark = end + parameter_close.len;
    scan->position = scan->mark;
    return MATCH_YES;
}

static enum tool_format_found scan_body(struct tool_format_scan *scan, struct str raw,
                                        bool is_final, const json_t *tools,
                                        struct tool_format_call *out)
{
    for (;;) {
        const struct str rest = jinja_lex_strip_front(str_slice(raw, scan->mark, raw.len));
        const enum match end = match_at(rest, function_close, is_final);
        if (end == MATCH_YES) {
            scan->mark = raw.len - rest.len + function_close.len;
            scan->stage = STAGE_END;
            strbuf_add_char(&out->buffer, '}');
            return TOOL_FORMAT_MORE;
        }
        const enum match parameter = take_parameter(scan, raw, rest, is_final, tools, out);
        if (parameter == MATCH_YES)
            continue;
        if (parameter == MATCH_MAYBE || end == MATCH_MAYBE)
            return TOOL_FORMAT_MORE;
        scan->stage = STAGE_LOST;
        return TOOL_FORMAT_MORE;
    }
}

static enum tool_format_found scan_end(struct tool_format_scan *scan, struct str raw, bool is_final,
                                       struct tool_format_call *out)
{
    const struct str rest = jinja_lex_strip_front(str_slice(raw, scan->mark, raw.len));
    const enum match close = match_at(rest, close_tag, is_final);
    if (close == MATCH_MAYBE && str_starts_with(raw, open_tag))
        return TOOL_FORMAT_MORE;
    out->consumed = close == MATCH_YES ? raw.len - rest.len + close_tag.len : scan->mark;
    out->name = strbuf_view(&out->name_text);
    out->arguments = strbuf_view(&out->buffer);
    CLEANUP(json_decrefp) json_t *parsed = NULL;
    if (json_parse(out->arguments, NULL, &parsed, &out->reason) != OK)
        return TOOL_FORMAT_BAD;
    return TOOL_FORMAT_CALL;
}

enum tool_format_found tool_format_qwen3_coder_scan(struct tool_format_scan *scan, struct str raw,
                                                    bool is_final, const json_t *tools,
                                                    struct tool_format_call *out)
{
    if (scan->stage == STAGE_START) {
        const enum tool_format_found found = scan_start(scan, raw, is_final, out);
        if (scan->stage == STAGE_START)
            return found;
    }
    if (scan->stage == STAGE_BODY) {
        const enum tool_format_found found = scan_body(scan, raw, is_final, tools, out);
        if (scan->stage == STAGE_BODY)
            return found;
    }
    if (scan->stage == STAGE_LOST)
        return scan_lost(raw, is_final, out);
    return scan_end(scan, raw, is_final, out);
}
