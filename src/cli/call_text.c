#include "cli/call_text.h"

#include "text/clean_text.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tools/tool_list.h"

/* Visible, on one line, and not longer than a line may be. */
static void add_short(struct str text, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf visible = {0};
    clean_text_visible(str_slice(text, 0, 4 * CALL_TEXT_COLUMNS_MAX), &visible);
    const size_t len = utf8_cut(strbuf_view(&visible), CALL_TEXT_COLUMNS_MAX);
    for (size_t i = 0; i < len; i++) {
        if (visible.ptr[i] == '\n')
            strbuf_add_c(out, "\\n");
        else
            strbuf_add_char(out, visible.ptr[i]);
    }
    if (len < visible.len || text.len > 4 * CALL_TEXT_COLUMNS_MAX)
        strbuf_add_c(out, "...");
}

static bool has_space(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ')
            return true;
    }
    return text.len == 0;
}

static void add_value(const json_t *value, struct strbuf *out)
{
    const struct str text = json_str(value);
    if (!json_is_string(value)) {
        CLEANUP(strbuf_done) struct strbuf json = {0};
        json_write_python(value, &json);
        add_short(strbuf_view(&json), out);
        return;
    }
    const bool quoted = has_space(text);
    strbuf_add_c(out, quoted ? "\"" : "");
    add_short(text, out);
    strbuf_add_c(out, quoted ? "\"" : "");
}

static bool is_required(const struct tool *tool, const char *name)
{
    for (size_t i = 0; tool && i < tool->param_count; i++) {
        if (strcmp(tool->params[i].name, name) == 0)
            return tool->params[i].is_required;
    }
    return false;
}

void call_text_add_call(struct str tool_name, struct str arguments, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    CLEANUP(json_decrefp) json_t *object = NULL;
    add_short(tool_name, &line);
    if (json_parse(arguments, NULL, &object, NULL) != OK || !json_is_object(object)) {
        strbuf_add_char(&line, ' ');
        add_short(arguments, &line);
    } else {
        const struct tool *tool = tool_list_find(tool_name, NULL);
        const char *name = NULL;
        json_t *value = NULL;
        json_object_foreach(object, name, value)
        {
            strbuf_add_char(&line, ' ');
            if (!is_required(tool, name)) {
                add_short(str_from_c(name), &line);
                strbuf_add_char(&line, '=');
            }
            add_value(value, &line);
        }
    }
    const size_t len = utf8_cut(strbuf_view(&line), CALL_TEXT_COLUMNS_MAX);
    strbuf_add(out, line.ptr, len);
    strbuf_add_c(out, len < line.len ? "..." : "");
}

void call_text_add_result(struct str result, struct strbuf *out)
{
    struct str rest = result;
    add_short(str_split(&rest, '\n'), out);
    size_t more = 0;
    while (rest.ptr && rest.len > 0) {
        str_split(&rest, '\n');
        more++;
    }
    if (more > 0)
        strbuf_addf(out, "  (+%zu line%s)", more, more == 1 ? "" : "s");
}
