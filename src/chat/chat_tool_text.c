#include "chat/chat_tool_text.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "text/json.h"

static const char call_open[] = "<tool_call>\n";
static const char call_close[] = "\n</tool_call>";

/* The members of "function" where there are such, else the tool as it is. */
static const json_t *schema_of(const json_t *tool)
{
    const json_t *function = json_object_get(tool, "function");
    return json_is_object(function) ? function : tool;
}

static enum status add_json(struct jinja_context *context, const json_t *json,
                            enum segment_origin origin, struct jinja_text *out)
{
    static const struct jinja_format_json_style style = {.indent = -1};
    struct jinja_value value;
    TRY(jinja_value_from_json(context, json, origin, &value));
    return jinja_format_json(context, value, &style, out);
}

enum status chat_tool_text_describe(struct jinja_context *context, const json_t *tools,
                                    const struct jinja_string *example, struct jinja_text *out)
{
    jinja_text_add_c(out, "Tools:\n", SEGMENT_SYSTEM);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        TRY(add_json(context, schema_of(json_array_get(tools, i)), SEGMENT_SYSTEM, out));
        jinja_text_add_c(out, "\n", SEGMENT_SYSTEM);
    }
    jinja_text_add_c(out, "\nTo use a tool, write:\n", SEGMENT_SYSTEM);
    if (example->bytes.len) {
        jinja_text_add_string(out, example);
        return OK;
    }
    jinja_text_add_c(out, call_open, SEGMENT_SYSTEM);
    jinja_text_add_c(out, "{\"name\": \"TOOL\", \"arguments\": {...}}", SEGMENT_SYSTEM);
    jinja_text_add_c(out, call_close, SEGMENT_SYSTEM);
    return OK;
}

enum status chat_tool_text_calls(struct jinja_context *context, const struct chat_message *message,
                                 size_t first, size_t count, struct jinja_text *out)
{
    for (size_t i = first; i < first + count; i++) {
        const struct chat_tool_call *call = &message->tool_calls[i];
        CLEANUP(strbuf_done) struct strbuf name = {0};
        json_write_string(call->name, &name);
        if (i > first)
            jinja_text_add_c(out, "\n", message->origin);
        jinja_text_add_c(out, call_open, message->origin);
        jinja_text_add_c(out, "{\"name\": ", message->origin);
        jinja_text_add(out, strbuf_view(&name), message->origin);
        jinja_text_add_c(out, ", \"arguments\": ", message->origin);
        TRY(add_json(context, call->arguments, message->origin, out));
        jinja_text_add_c(out, "}", message->origin);
        jinja_text_add_c(out, call_close, message->origin);
    }
    return OK;
}

void chat_tool_text_result(const struct jinja_string *content, struct jinja_text *out)
{
    jinja_text_add_c(out, "<tool_response>\n", SEGMENT_SYSTEM);
    jinja_text_add_string(out, content);
    jinja_text_add_c(out, "\n</tool_response>", SEGMENT_SYSTEM);
}
