#include "chat/chat_tool_text.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/tool_format.h"
#include "text/json.h"

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
    const struct tool_format_syntax *generic = &tool_format_list(&(size_t){0})[0]->syntax;
    jinja_text_add(out, generic->open, SEGMENT_SYSTEM);
    jinja_text_add(out, generic->name_open, SEGMENT_SYSTEM);
    jinja_text_add_c(out, "TOOL", SEGMENT_SYSTEM);
    jinja_text_add(out, generic->name_close, SEGMENT_SYSTEM);
    jinja_text_add_c(out, "{...}}", SEGMENT_SYSTEM);
    jinja_text_add(out, generic->close, SEGMENT_SYSTEM);
    return OK;
}

/* ---------------------------------------------------------------- calls */

/* A call being written. Markers of a format of the model's own count as the template's, which has
 * left them to its caller; those of the generic form do not. */
struct call_writer {
    struct jinja_context *context;
    const struct tool_format_syntax *syntax;
    enum segment_origin origin; /* of name and arguments */
    enum segment_origin marker;
    struct jinja_text *out;
};

static void add_marker(const struct call_writer *writer, struct str text)
{
    jinja_text_add(writer->out, text, writer->marker);
}

/* Everything but a text as JSON; Python has other words for three values. */
static enum status add_value(const struct call_writer *writer, const json_t *value)
{
    const bool is_python = writer->syntax->arguments == TOOL_FORMAT_PYTHON;
    const char *word = json_is_true(value)    ? "True"
                       : json_is_false(value) ? "False"
                       : json_is_null(value)  ? "None"
                                              : NULL;
    if (is_python && word)
        jinja_text_add_c(writer->out, word, writer->origin);
    else
        return add_json(writer->context, value, writer->origin, writer->out);
    return OK;
}

/* key=value, key=value */
static enum status add_keywords(const struct call_writer *writer, json_t *arguments)
{
    const char *key = NULL;
    json_t *value = NULL;
    bool is_first = true;
    json_object_foreach(arguments, key, value)
    {
        jinja_text_add_c(writer->out, is_first ? "" : ", ", writer->origin);
        jinja_text_add_c(writer->out, key, writer->origin);
        jinja_text_add_c(writer->out, "=", writer->origin);
        TRY(add_value(writer, value));
        is_first = false;
    }
    return OK;
}

/* Objects and lists as JSON, which is read where elements could stand, too. */
static enum status add_tagged(const struct call_writer *writer, json_t *arguments)
{
    const struct tool_format_syntax *syntax = writer->syntax;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(arguments, key, value)
    {
        const bool is_text = json_is_string(value);
        add_marker(writer, syntax->key_open);
        jinja_text_add_c(writer->out, key, writer->origin);
        add_marker(writer, !is_text && syntax->key_close_other.len ? syntax->key_close_other
                                                                   : syntax->key_close);
        if (is_text)
            jinja_text_add(writer->out, json_str(value), writer->origin);
        else
            TRY(add_value(writer, value));
        add_marker(writer, syntax->value_close);
        if (syntax->arguments == TOOL_FORMAT_ELEMENTS) {
            jinja_text_add_c(writer->out, key, writer->origin);
            add_marker(writer, syntax->key_close);
        }
    }
    return OK;
}

static enum status add_call(const struct call_writer *writer, const struct chat_tool_call *call)
{
    const struct tool_format_syntax *syntax = writer->syntax;
    CLEANUP(strbuf_done) struct strbuf name = {0};
    json_write_string(call->name, &name);
    const bool is_object = syntax->shape == TOOL_FORMAT_OBJECT;
    add_marker(writer, syntax->open);
    add_marker(writer, syntax->name_open);
    jinja_text_add(writer->out,
                   is_object ? str_slice(strbuf_view(&name), 1, name.len - 1) : call->name,
                   writer->origin);
    add_marker(writer, syntax->name_close);
    switch (syntax->arguments) {
    case TOOL_FORMAT_JSON:
    case TOOL_FORMAT_BRACES:
        TRY(add_json(writer->context, call->arguments, writer->origin, writer->out));
        break;
    case TOOL_FORMAT_TAGS:
    case TOOL_FORMAT_ELEMENTS: TRY(add_tagged(writer, call->arguments)); break;
    case TOOL_FORMAT_PYTHON: TRY(add_keywords(writer, call->arguments)); break;
    }
    if (is_object)
        add_marker(writer, STR("}"));
    add_marker(writer, syntax->close);
    return OK;
}

enum status chat_tool_text_calls(struct jinja_context *context, const struct tool_format *format,
                                 const struct chat_message *message, size_t first, size_t count,
                                 struct jinja_text *out)
{
    const struct tool_format *generic = tool_format_list(&(size_t){0})[0];
    const struct call_writer writer = {
        .context = context,
        .syntax = format ? &format->syntax : &generic->syntax,
        .origin = message->origin,
        .marker = format ? SEGMENT_TEMPLATE : message->origin,
        .out = out,
    };
    add_marker(&writer, writer.syntax->section_open);
    for (size_t i = first; i < first + count; i++) {
        if (i > first)
            add_marker(&writer, writer.syntax->between);
        TRY(add_call(&writer, &message->tool_calls[i]));
    }
    add_marker(&writer, writer.syntax->section_close);
    return OK;
}

void chat_tool_text_result(const struct jinja_string *content, struct jinja_text *out)
{
    jinja_text_add_c(out, "<tool_response>\n", SEGMENT_SYSTEM);
    jinja_text_add_string(out, content);
    jinja_text_add_c(out, "\n</tool_response>", SEGMENT_SYSTEM);
}
