#include "chat/tool_format_hermes.h"

#include "chat/jinja_lex.h"
#include "chat/tool_format_json.h"

static const struct str open_tag = {"<tool_call>", 11};
static const struct str close_tag = {"</tool_call>", 12};

enum stage {
    STAGE_START,  /* white space behind the opening tag */
    STAGE_JSON,   /* inside the object */
    STAGE_END,    /* behind the object, at scan->mark */
    STAGE_NONE,   /* no object begins */
    STAGE_BROKEN, /* the object is none */
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

/* Brackets that cannot match: one bad call up to the closing tag. */
static enum tool_format_found scan_broken(struct tool_format_scan *scan, struct str raw,
                                          bool is_final, struct tool_format_call *out)
{
    const size_t hit = str_find(raw, close_tag, scan->position);
    if (hit == SIZE_MAX && !is_final) {
        if (raw.len >= close_tag.len && raw.len - close_tag.len + 1 > scan->position)
            scan->position = raw.len - close_tag.len + 1;
        return TOOL_FORMAT_MORE;
    }
    return tool_format_bad(out, hit == SIZE_MAX ? raw.len : hit + close_tag.len,
                           "the call is not a JSON object");
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
        scan->stage = STAGE_BROKEN;
        return scan_broken(scan, raw, is_final, out);
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
        if (!rest.len && !is_final)
            return TOOL_FORMAT_MORE;
        scan->position = raw.len - rest.len;
        scan->stage = rest.len && rest.ptr[0] == '{' ? STAGE_JSON : STAGE_NONE;
    }
    switch ((enum stage)scan->stage) {
    case STAGE_JSON: return scan_json(scan, raw, is_final, out);
    case STAGE_END: return end_call(scan, raw, is_final, out);
    case STAGE_BROKEN: return scan_broken(scan, raw, is_final, out);
    case STAGE_START:
    case STAGE_NONE: break;
    }
    return tool_format_mention(raw, open_tag, close_tag, is_final, "the call is not a JSON object",
                               out);
}
