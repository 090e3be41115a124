#include "chat/tool_format_hermes.h"

#include "chat/jinja_lex.h"
#include "chat/tool_format_json.h"

static const struct str open_tag = {"<tool_call>", 11};
static const struct str close_tag = {"</tool_call>", 12};

enum stage {
    STAGE_START, /* white space behind the opening tag */
    STAGE_JSON,  /* inside the object */
    STAGE_END,   /* behind the object, at scan->mark */
    STAGE_LOST,  /* no object: everything up to the closing tag is one bad call */
};

bool tool_format_hermes_matches(struct str rendered)
{
    const struct str parts[] = {open_tag,
                                STR("{\"name\": \"" TOOL_FORMAT_PROBE_NAME
                                    "\", \"arguments\": {\"" TOOL_FORMAT_PROBE_ARGUMENT
                                    "\": \"" TOOL_FORMAT_PROBE_VALUE "\"}}"),
                                close_tag};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        at = str_find(rendered, parts[i], at);
        if (at == SIZE_MAX)
            return false;
        at += parts[i].len;
    }
    return true;
}

/* Looks for the closing tag from scan->position on. */
static enum tool_format_found find_close(struct tool_format_scan *scan, struct str raw,
                                         bool is_final, struct tool_format_call *out)
{
    const size_t hit = str_find(raw, close_tag, scan->position);
    if (hit != SIZE_MAX)
        return tool_format_bad(out, hit + close_tag.len, "the call is not a JSON object");
    if (is_final) { /* the tag was only mentioned */
        out->consumed = raw.len;
        return scan->mark ? tool_format_bad(out, raw.len, "the call is not a JSON object")
                          : TOOL_FORMAT_TEXT;
    }
    if (raw.len >= close_tag.len && raw.len - close_tag.len + 1 > scan->position)
        scan->position = raw.len - close_tag.len + 1;
    return TOOL_FORMAT_MORE;
}

/* The object is complete: reads it and takes the closing tag with it. */
static enum tool_format_found end_call(struct tool_format_scan *scan, struct str raw, bool is_final,
                                       struct tool_format_call *out)
{
    struct str rest = jinja_lex_strip_front(str_slice(raw, scan->mark, raw.len));
    while (rest.len && rest.ptr[0] == '}') /* one too many is forgiven */
        rest = jinja_lex_strip_front(str_slice(rest, 1, rest.len));
    const bool is_closed = str_starts_with(rest, close_tag);
    if (!is_closed && !is_final && str_starts_with(close_tag, rest))
        return TOOL_FORMAT_MORE;

    const struct str body = str_slice(raw, 0, scan->mark);
    const struct str object = jinja_lex_strip_front(str_slice(body, open_tag.len, body.len));
    out->consumed = is_closed ? raw.len - rest.len + close_tag.len : scan->mark;
    return tool_format_json_read(object, out) ? TOOL_FORMAT_CALL : TOOL_FORMAT_BAD;
}

static enum tool_format_found scan_json(struct tool_format_scan *scan, struct str raw,
                                        bool is_final, struct tool_format_call *out)
{
    switch (tool_format_json_find_end(scan, raw)) {
    case TOOL_FORMAT_JSON_DONE:
        scan->stage = STAGE_END;
        scan->mark = scan->position;
        return end_call(scan, raw, is_final, out);
    case TOOL_FORMAT_JSON_BROKEN:
        scan->stage = STAGE_LOST;
        scan->mark = scan->position;
        return find_close(scan, raw, is_final, out);
    case TOOL_FORMAT_JSON_MORE: break;
    }
    if (!is_final)
        return TOOL_FORMAT_MORE;
    const size_t close = str_find(raw, close_tag, 0);
    return tool_format_bad(out, close == SIZE_MAX ? raw.len : close + close_tag.len,
                           close == SIZE_MAX ? "the call is cut off"
                                             : "the call is not a JSON object");
}

enum tool_format_found tool_format_hermes_scan(struct tool_format_scan *scan, struct str raw,
                                               bool is_final, const json_t *tools,
                                               struct tool_format_call *out)
{
    (void)tools;
    if (scan->stage == STAGE_START) {
        const struct str rest = jinja_lex_strip_front(str_slice(raw, open_tag.len, raw.len));
        scan->position = raw.len - rest.len;
        if (rest.len)
            scan->stage = rest.ptr[0] == '{' ? STAGE_JSON : STAGE_LOST;
        else if (!is_final)
            return TOOL_FORMAT_MORE;
        else
            scan->stage = STAGE_LOST;
    }
    if (scan->stage == STAGE_JSON)
        return scan_json(scan, raw, is_final, out);
    if (scan->stage == STAGE_END)
        return end_call(scan, raw, is_final, out);
    return find_close(scan, raw, is_final, out);
}
