#include "chat/tool_format_json.h"

#include "chat/jinja_lex.h"
#include "text/json.h"

enum { DEPTH_MAX = 64 }; /* of brackets; json_parse() has its own bound */

static void count_bracket(struct tool_format_scan *scan, char c)
{
    if (c == '{' || c == '[')
        scan->depth++;
    else if (c == '}' || c == ']')
        scan->depth--;
}

enum tool_format_json_end tool_format_json_find_end(struct tool_format_scan *scan, struct str raw)
{
    while (scan->position < raw.len) {
        const char c = raw.ptr[scan->position++];
        if (scan->in_string) {
            if (scan->is_escaped)
                scan->is_escaped = false;
            else if (c == '\\')
                scan->is_escaped = true;
            else if (c == '"')
                scan->in_string = false;
            continue;
        }
        if (c == '"') {
            scan->in_string = true;
            continue;
        }
        count_bracket(scan, c);
        if (scan->depth == 0)
            return TOOL_FORMAT_JSON_DONE;
        if (scan->depth > DEPTH_MAX)
            return TOOL_FORMAT_JSON_BROKEN;
    }
    return TOOL_FORMAT_JSON_MORE;
}

/* ---------------------------------------------------------------- members of a valid object */

static struct str skip_space(struct str text)
{
    return jinja_lex_strip_front(text);
}

/* Takes one JSON value off the front of *text, which is valid JSON. */
static struct str take_value(struct str *text)
{
    const struct str all = *text;
    size_t len = 0;
    if (all.len && (all.ptr[0] == '{' || all.ptr[0] == '[')) {
        struct tool_format_scan scan = {0};
        tool_format_json_find_end(&scan, all);
        len = scan.position;
    } else if (all.len && all.ptr[0] == '"') {
        for (len = 1; len < all.len && all.ptr[len] != '"'; len++)
            len += all.ptr[len] == '\\';
        len++;
    } else {
        while (len < all.len && !strchr(",]} \t\r\n", all.ptr[len]))
            len++;
    }
    *text = str_slice(all, len, all.len);
    return str_slice(all, 0, len);
}

/* The text of a member of a valid object; len 0 when it has none. */
static struct str member(struct str object, struct str name)
{
    struct str rest = skip_space(str_slice(object, 1, object.len));
    while (rest.len && rest.ptr[0] == '"') {
        const struct str key = take_value(&rest);
        rest = skip_space(rest);
        rest = skip_space(str_slice(rest, 1, rest.len)); /* ':' */
        const struct str value = take_value(&rest);
        if (str_equal(str_slice(key, 1, key.len - 1), name))
            return value;
        rest = skip_space(rest);
        if (!rest.len || rest.ptr[0] != ',')
            break;
        rest = skip_space(str_slice(rest, 1, rest.len));
    }
    return (struct str){0};
}

/* False, with the reason in place. */
static bool bad(struct tool_format_call *out, const char *reason)
{
    return tool_format_bad(out, out->consumed, reason) == TOOL_FORMAT_CALL;
}

/* Arguments given as text: what the text holds. */
static bool read_text_arguments(const json_t *value, struct tool_format_call *out)
{
    CLEANUP(json_decrefp) json_t *inner = NULL;
    const struct str text = json_str(value);
    if (json_parse(text, NULL, &inner, NULL) != OK || !json_is_object(inner))
        return bad(out, "the arguments of the call are not a JSON object");
    strbuf_clear(&out->buffer);
    strbuf_add_str(&out->buffer, text);
    out->arguments = strbuf_view(&out->buffer);
    return true;
}

static bool read_arguments(const json_t *call, struct str object, struct tool_format_call *out)
{
    const char *key = json_object_get(call, "arguments") ? "arguments" : "parameters";
    const json_t *value = json_object_get(call, key);
    if (json_is_string(value))
        return read_text_arguments(value, out);
    if (value && !json_is_null(value) && !json_is_object(value))
        return bad(out, "the arguments of the call are not a JSON object");
    out->arguments = json_is_object(value) ? member(object, str_from_c(key)) : STR("{}");
    return out->arguments.len > 0 || bad(out, "the call cannot be read");
}

bool tool_format_json_read(struct str object, struct tool_format_call *out)
{
    CLEANUP(json_decrefp) json_t *call = NULL;
    if (json_parse(object, NULL, &call, &out->reason) != OK)
        return false;
    struct str name;
    if (!json_is_object(call) || !json_member_str(call, "name", &name) || !name.len)
        return bad(out, "the call has no \"name\"");
    strbuf_clear(&out->name_text);
    strbuf_add_str(&out->name_text, name);
    out->name = strbuf_view(&out->name_text);
    return read_arguments(call, object, out);
}
