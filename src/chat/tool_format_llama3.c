#include "chat/tool_format_llama3.h"

#include "chat/jinja_lex.h"
#include "chat/tool_format_json.h"

static const struct str tag = {"<|python_tag|>", 14};

bool tool_format_llama3_matches(struct str rendered)
{
    return str_find(rendered,
                    STR("{\"name\": \"" TOOL_FORMAT_PROBE_NAME
                        "\", \"parameters\": {\"" TOOL_FORMAT_PROBE_ARGUMENT
                        "\": \"" TOOL_FORMAT_PROBE_VALUE "\"}}"),
                    0) != SIZE_MAX;
}

/* What is not a call was an answer all along, unless the tag said that a call follows. */
static enum tool_format_found not_a_call(struct str raw, size_t consumed, const char *reason,
                                         struct tool_format_call *out)
{
    if (str_starts_with(raw, tag))
        return tool_format_bad(out, consumed, reason);
    out->consumed = consumed;
    return TOOL_FORMAT_TEXT;
}

static enum tool_format_found no_json(struct str raw, struct tool_format_call *out)
{
    return not_a_call(raw, raw.len, "the call is not a JSON object", out);
}

enum tool_format_found tool_format_llama3_scan(struct tool_format_scan *scan, struct str raw,
                                               bool is_final, const json_t *tools,
                                               struct tool_format_call *out)
{
    (void)tools;
    const size_t tag_len = str_starts_with(raw, tag) ? tag.len : 0;
    const struct str object = jinja_lex_strip_front(str_slice(raw, tag_len, raw.len));
    const size_t from = raw.len - object.len;
    if (!object.len)
        return is_final ? no_json(raw, out) : TOOL_FORMAT_MORE;
    if (object.ptr[0] != '{')
        return tag_len && !is_final ? TOOL_FORMAT_MORE : no_json(raw, out);
    if (scan->position < from)
        scan->position = from;

    switch (tool_format_json_find_end(scan, raw)) {
    case TOOL_FORMAT_JSON_DONE: break;
    case TOOL_FORMAT_JSON_MORE:
        if (!is_final)
            return TOOL_FORMAT_MORE;
        return no_json(raw, out);
    case TOOL_FORMAT_JSON_BROKEN: return no_json(raw, out);
    }
    if (!tool_format_json_read(str_slice(raw, from, scan->position), out)) {
        const struct error reason = out->reason;
        return not_a_call(raw, scan->position, reason.text, out);
    }
    out->consumed = scan->position;
    return TOOL_FORMAT_CALL;
}
