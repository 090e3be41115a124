#include "chat/chat_template_values.h"

#include "chat/jinja_context.h"
#include "chat/jinja_globals.h"
#include "text/json.h"

#include <stdio.h>

enum { ID_TEXT_MAX = 16 };

/* What is carried from message to message. */
struct builder {
    struct jinja_context *context;
    const struct chat_template_caps *caps;
    const struct chat_request *request;
    size_t call_count;   /* calls so far: numbers for those without an id */
    size_t answer_count; /* tool messages so far */
};

/* ---------------------------------------------------------------- small values */

static enum status set_text(struct builder *builder, struct jinja_dict *dict, const char *key,
                            struct str text, enum segment_origin origin)
{
    struct jinja_value value;
    TRY(jinja_value_new_text(builder->context, text, origin, &value));
    return jinja_value_set_c(builder->context, dict, key, value);
}

static enum status set_flag(struct builder *builder, struct jinja_dict *dict, const char *key,
                            bool flag)
{
    return jinja_value_set_c(builder->context, dict, key, jinja_value_bool(flag));
}

/* The id of a call or, where there is none, one of nine letters and digits: the strictest of the
 * templates want that. */
static enum status set_id(struct builder *builder, struct jinja_dict *dict, const char *key,
                          struct str id, size_t number, enum segment_origin origin)
{
    char made[ID_TEXT_MAX];
    if (id.len)
        return set_text(builder, dict, key, id, origin);
    snprintf(made, sizeof(made), "call%05zu", number % 100000);
    const struct str copy = arena_copy_str(&builder->context->arena, str_from_c(made));
    return set_text(builder, dict, key, copy, SEGMENT_TEMPLATE);
}

/* ---------------------------------------------------------------- content */

static struct jinja_string content_string(const struct chat_message *message)
{
    struct jinja_string string = jinja_string_of(message->content, message->origin);
    if (message->content_runs) {
        string.runs = message->content_runs;
        string.run_count = message->content_run_count;
        for (size_t i = 0; i < string.run_count; i++)
            string.origin = segment_merge(string.origin, string.runs[i].origin);
    }
    return string;
}

/* The text of all parts, for templates that only know text. */
static enum status join_parts(struct builder *builder, const struct chat_message *message,
                              struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(builder->context);
    for (size_t i = 0; i < json_array_size(message->content_parts); i++) {
        struct str part;
        if (!json_member_str(json_array_get(message->content_parts, i), "text", &part))
            return jinja_context_fail(builder->context, E_UNSUPPORTED,
                                      "this model takes only text, no images");
        jinja_text_add(&text, part, message->origin);
    }
    return jinja_context_finish(builder->context, &text, out);
}

/* A text as the list of one part, for templates that only know lists. */
static enum status wrap_content(struct builder *builder, struct jinja_value text,
                                struct jinja_value *out)
{
    struct jinja_value part;
    TRY(jinja_value_new_list(builder->context, JINJA_LIST, 1, out));
    TRY(jinja_value_new_dict(builder->context, JINJA_DICT, 2, &part));
    TRY(set_text(builder, part.dict, "type", STR("text"), SEGMENT_TEMPLATE));
    TRY(jinja_value_set_c(builder->context, part.dict, "text", text));
    return jinja_value_append(builder->context, out->list, part);
}

/* `before`: the system message when it has to stand in front of this one; NULL: none. */
static enum status content_value(struct builder *builder, const struct chat_message *message,
                                 const struct chat_message *before, struct jinja_value *out)
{
    struct jinja_context *context = builder->context;
    if (message->content_parts && builder->caps->parts_content && !before)
        return jinja_value_from_json(context, message->content_parts, message->origin, out);
    if (message->content_parts)
        TRY(join_parts(builder, message, out));
    else
        TRY(jinja_value_new_string(context, content_string(message), out));
    if (before) {
        CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
        const struct jinja_string system = content_string(before);
        jinja_text_add_string(&text, &system);
        jinja_text_add_c(&text, "\n\n", SEGMENT_SYSTEM);
        jinja_text_add_string(&text, out->string);
        TRY(jinja_context_finish(context, &text, out));
    }
    return builder->caps->string_content ? OK : wrap_content(builder, *out, out);
}

/* ---------------------------------------------------------------- calls */

static enum status arguments_value(struct builder *builder, const struct chat_message *message,
                                   const struct chat_tool_call *call, struct jinja_value *out)
{
    if (!builder->caps->arguments_as_text)
        return jinja_value_from_json(builder->context, call->arguments, message->origin, out);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(builder->context);
    CLEANUP(strbuf_done) struct strbuf json = {.size_max = text.bytes.size_max};
    json_write_python(call->arguments, &json);
    if (json.overflowed)
        return jinja_context_fail(builder->context, E_LIMIT, "arguments that are too long");
    jinja_text_add(&text, strbuf_view(&json), message->origin);
    return jinja_context_finish(builder->context, &text, out);
}

static enum status call_value(struct builder *builder, const struct chat_message *message,
                              const struct chat_tool_call *call, struct jinja_value *out)
{
    struct jinja_context *context = builder->context;
    struct jinja_value function;
    struct jinja_value arguments;
    TRY(jinja_value_new_dict(context, JINJA_DICT, 3, out));
    TRY(jinja_value_new_dict(context, JINJA_DICT, 2, &function));
    TRY(set_id(builder, out->dict, "id", call->id, builder->call_count++, message->origin));
    TRY(set_text(builder, out->dict, "type", STR("function"), SEGMENT_TEMPLATE));
    TRY(set_text(builder, function.dict, "name", call->name, message->origin));
    TRY(arguments_value(builder, message, call, &arguments));
    TRY(jinja_value_set_c(context, function.dict, "arguments", arguments));
    return jinja_value_set_c(context, out->dict, "function", function);
}

static enum status set_calls(struct builder *builder, const struct chat_message *message,
                             struct jinja_dict *dict)
{
    struct jinja_value calls;
    if (!message->tool_call_count)
        return OK;
    TRY(jinja_value_new_list(builder->context, JINJA_LIST, message->tool_call_count, &calls));
    for (size_t i = 0; i < message->tool_call_count; i++) {
        struct jinja_value call;
        TRY(call_value(builder, message, &message->tool_calls[i], &call));
        TRY(jinja_value_append(builder->context, calls.list, call));
    }
    return jinja_value_set_c(builder->context, dict, "tool_calls", calls);
}

/* ---------------------------------------------------------------- messages */

static enum status message_value(struct builder *builder, const struct chat_message *message,
                                 const struct chat_message *before, struct jinja_value *out)
{
    const bool is_developer = message->role == CHAT_ROLE_DEVELOPER;
    const char *role = chat_request_role_name(is_developer ? CHAT_ROLE_SYSTEM : message->role);
    struct jinja_value content;
    TRY(jinja_value_new_dict(builder->context, JINJA_DICT, 4, out));
    TRY(set_text(builder, out->dict, "role", str_from_c(role), SEGMENT_TEMPLATE));
    TRY(content_value(builder, message, before, &content));
    TRY(jinja_value_set_c(builder->context, out->dict, "content", content));
    if (message->role == CHAT_ROLE_ASSISTANT) {
        if (message->reasoning.len)
            TRY(set_text(builder, out->dict, "reasoning_content", message->reasoning,
                         message->origin));
        return set_calls(builder, message, out->dict);
    }
    if (message->role != CHAT_ROLE_TOOL)
        return OK;
    if (message->tool_name.len)
        TRY(set_text(builder, out->dict, "name", message->tool_name, message->origin));
    return set_id(builder, out->dict, "tool_call_id", message->tool_call_id,
                  builder->answer_count++, message->origin);
}

static bool is_system(const struct chat_message *message)
{
    return message->role == CHAT_ROLE_SYSTEM || message->role == CHAT_ROLE_DEVELOPER;
}

static enum status set_messages(struct builder *builder, struct jinja_dict *variables)
{
    const struct chat_request *request = builder->request;
    const struct chat_message *before = NULL; /* a system message that waits for a user's */
    struct jinja_value messages;
    TRY(jinja_value_new_list(builder->context, JINJA_LIST, request->message_count, &messages));
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        const bool has_user_next =
            i + 1 < request->message_count && request->messages[i + 1].role == CHAT_ROLE_USER;
        if (is_system(message) && !builder->caps->system_role && has_user_next) {
            before = message;
            continue;
        }
        struct jinja_value value;
        TRY(message_value(builder, message, before, &value));
        TRY(jinja_value_append(builder->context, messages.list, value));
        before = NULL;
    }
    return jinja_value_set_c(builder->context, variables, "messages", messages);
}

/* ---------------------------------------------------------------- the rest */

/* Extra variables; those that holt sets itself are refused. */
static enum status set_extras(struct builder *builder, struct jinja_dict *variables)
{
    static const char *const own[] = {"messages", "tools", "add_generation_prompt", "bos_token",
                                      "eos_token"};
    json_t *extras = builder->request->variables;
    if (!extras)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (json_object_get(extras, own[i]))
            return jinja_context_fail(builder->context, E_INVALID,
                                      "the variable '%s' cannot be set", own[i]);
    }
    struct jinja_value values;
    TRY(jinja_value_from_json(builder->context, extras, SEGMENT_SYSTEM, &values));
    if (values.kind != JINJA_DICT)
        return jinja_context_fail(builder->context, E_INVALID, "variables must be an object");
    for (size_t i = 0; i < values.dict->count; i++)
        TRY(jinja_value_set(builder->context, variables, values.dict->entries[i].key,
                            values.dict->entries[i].value));
    return OK;
}

static enum status set_dates(struct builder *builder, struct jinja_dict *variables)
{
    static const struct {
        const char *name;
        struct str format;
    } dates[] = {{"date_string", {"%d %b %Y", 8}}, {"datetime", {"%b %d %Y", 8}}};
    if (!builder->request->local_seconds)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        if (!jinja_globals_format_time(builder->request->local_seconds, dates[i].format, &text))
            continue;
        const struct str kept = arena_copy_str(&builder->context->arena, strbuf_view(&text));
        TRY(set_text(builder, variables, dates[i].name, kept, SEGMENT_TEMPLATE));
    }
    return OK;
}

static enum status set_thinking(struct builder *builder, struct jinja_dict *variables)
{
    const enum chat_thinking thinking = builder->request->thinking;
    if (thinking == CHAT_THINKING_DEFAULT)
        return OK;
    TRY(set_flag(builder, variables, "enable_thinking", thinking == CHAT_THINKING_ON));
    return set_flag(builder, variables, "thinking", thinking == CHAT_THINKING_ON);
}

enum status chat_template_values(struct jinja_context *context,
                                 const struct chat_template_texts *texts,
                                 const struct chat_template_caps *caps,
                                 const struct chat_request *request, const struct jinja_dict **out)
{
    struct builder builder = {.context = context, .caps = caps, .request = request};
    struct jinja_value all;
    TRY(jinja_value_new_dict(context, JINJA_DICT, 8, &all));
    TRY(set_dates(&builder, all.dict));
    TRY(set_thinking(&builder, all.dict));
    TRY(set_extras(&builder, all.dict));
    TRY(set_messages(&builder, all.dict));
    TRY(set_text(&builder, all.dict, "bos_token", texts->bos, SEGMENT_TEMPLATE));
    TRY(set_text(&builder, all.dict, "eos_token", texts->eos, SEGMENT_TEMPLATE));
    TRY(set_flag(&builder, all.dict, "add_generation_prompt", request->add_generation_prompt));
    if (json_array_size(request->tools)) {
        struct jinja_value tools;
        TRY(jinja_value_from_json(context, request->tools, SEGMENT_SYSTEM, &tools));
        TRY(jinja_value_set_c(context, all.dict, "tools", tools));
    }
    *out = all.dict;
    return OK;
}
