#include "chat/tool_format.h"

#include "chat/chat_template.h"
#include "chat/tool_format_hermes.h"
#include "chat/tool_format_llama3.h"
#include "chat/tool_format_qwen3_coder.h"

#define LITERAL(text)             \
    {                             \
        "" text, sizeof(text) - 1 \
    }

/* The first that matches is taken; the first is the default. */
static const struct tool_format rows[] = {
    {
        .name = "hermes",
        .syntax = {.open = LITERAL("<tool_call>\n"),
                   .name_prefix = LITERAL("{\"name\": \""),
                   .name_suffix = LITERAL("\", \"arguments\": "),
                   .close = LITERAL("}\n</tool_call>"),
                   .between = LITERAL("\n")},
        .arguments_are_json = true,
        .markers = {"<tool_call>"},
        .matches = tool_format_hermes_matches,
        .scan = tool_format_hermes_scan,
    },
    {
        .name = "qwen3_coder",
        .syntax = {.open = LITERAL("<tool_call>\n"),
                   .name_prefix = LITERAL("<function="),
                   .name_suffix = LITERAL(">\n"),
                   .close = LITERAL("</function>\n</tool_call>"),
                   .between = LITERAL("\n")},
        .markers = {"<tool_call>", "<function="},
        .matches = tool_format_qwen3_coder_matches,
        .scan = tool_format_qwen3_coder_scan,
    },
    {
        .name = "llama3",
        .syntax = {.name_prefix = LITERAL("{\"name\": \""),
                   .name_suffix = LITERAL("\", \"parameters\": "),
                   .close = LITERAL("}")},
        .arguments_are_json = true,
        .starts_reply = true,
        .markers = {"<|python_tag|>"},
        .matches = tool_format_llama3_matches,
        .scan = tool_format_llama3_scan,
    },
};

const struct tool_format *tool_format_list(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}

const struct tool_format *tool_format_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

/* A conversation with the probe call in it, as the template writes it. */
static enum status render_probe(const struct chat_template *chat_template, struct chat_spans *out)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s}", TOOL_FORMAT_PROBE_ARGUMENT, TOOL_FORMAT_PROBE_VALUE);
    chat_request_add(&request, CHAT_ROLE_USER, STR("probe"));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    chat_request_add_call(&request, message, STR(""), STR(TOOL_FORMAT_PROBE_NAME), arguments);
    return chat_template_render(chat_template, &request, out, NULL);
}

const struct tool_format *tool_format_detect(const struct chat_template *chat_template,
                                             bool *out_known)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    const struct tool_format *found = NULL;
    if (chat_template_get_caps(chat_template)->tool_calls &&
        render_probe(chat_template, &spans) == OK) {
        for (size_t i = 0; !found && i < ARRAY_LEN(rows); i++)
            found = rows[i].matches(strbuf_view(&spans.text)) ? &rows[i] : NULL;
    }
    if (out_known)
        *out_known = found != NULL;
    return found ? found : &rows[0];
}

void tool_format_call_done(struct tool_format_call *call)
{
    strbuf_done(&call->buffer);
    strbuf_done(&call->name_text);
    *call = (struct tool_format_call){0};
}

enum tool_format_found tool_format_bad(struct tool_format_call *out, size_t consumed,
                                       const char *reason)
{
    const enum status status = error_set(&out->reason, E_FORMAT, "%s", reason);
    (void)status; /* it is what was asked for */
    out->consumed = consumed;
    return TOOL_FORMAT_BAD;
}

enum tool_format_found tool_format_mention(struct str raw, struct str open_tag,
                                           struct str close_tag, bool is_final, const char *reason,
                                           struct tool_format_call *out)
{
    const struct str near = str_slice(raw, 0, TOOL_FORMAT_MENTION_BYTES);
    const size_t close = str_find(near, close_tag, 0);
    const size_t again = str_find(near, open_tag, open_tag.len);
    if (close < again)
        return tool_format_bad(out, close + close_tag.len, reason);
    if (again == SIZE_MAX && near.len < TOOL_FORMAT_MENTION_BYTES && !is_final)
        return TOOL_FORMAT_MORE;
    out->consumed = open_tag.len;
    return TOOL_FORMAT_TEXT;
}
