#include "chat/chat_template_values.h"

#include "chat/chat_draft.h"
#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/jinja_globals.h"
#include "text/json.h"

#include <stdio.h>

enum { ID_TEXT_MAX = 16 };

struct builder {
    struct jinja_context *context;
    const struct chat_template_caps *caps;
    const struct chat_request *request;
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
                              const struct chat_tool_call *call, size_t number,
                              struct jinja_value *out)
{
    struct jinja_context *context = builder->context;
    struct jinja_value function;
    struct jinja_value arguments;
    TRY(jinja_value_new_dict(context, JINJA_DICT, 3, out));
    TRY(jinja_value_new_dict(context, JINJA_DICT, 2, &function));
    TRY(set_id(builder, out->dict, "id", call->id, number, message->origin));
    TRY(set_text(builder, out->dict, "type", STR("function"), SEGMENT_TEMPLATE));
    TRY(set_text(builder, function.dict, "name", call->name, message->origin));
    TRY(arguments_value(builder, message, call, &arguments));
    TRY(jinja_value_set_c(context, function.dict, "arguments", arguments));
    return jinja_value_set_c(context, out->dict, "function", function);
}

static enum status set_calls(struct builder *builder, const struct chat_draft *draft,
                             struct jinja_dict *dict)
{
    struct jinja_value calls;
    if (!draft->call_count)
        return OK;
    TRY(jinja_value_new_list(builder->context, JINJA_LIST, draft->call_count, &calls));
    for (size_t i = 0; i < draft->call_count; i++) {
        struct jinja_value call;
        TRY(call_value(builder, draft->source, &draft->source->tool_calls[draft->first_call + i],
                       draft->number + i, &call));
        TRY(jinja_value_append(builder->context, calls.list, call));
    }
    return jinja_value_set_c(builder->context, dict, "tool_calls", calls);
}

/* ---------------------------------------------------------------- messages */

/* The content with the reasoning as a part in front of it. */
static enum status add_reasoning_part(struct builder *builder, const struct chat_draft *draft,
                                      struct jinja_value *content)
{
    struct jinja_context *context = builder->context;
    struct jinja_value parts;
    struct jinja_value part;
    TRY(jinja_value_new_list(context, JINJA_LIST, 2, &parts));
    TRY(jinja_value_new_dict(context, JINJA_DICT, 2, &part));
    TRY(set_text(builder, part.dict, "type", STR("thinking"), SEGMENT_TEMPLATE));
    TRY(jinja_value_set_c(context, part.dict, "thinking", draft->reasoning));
    TRY(jinja_value_append(context, parts.list, part));
    if (content->kind == JINJA_STRING && content->string->bytes.len) {
        TRY(jinja_value_new_dict(context, JINJA_DICT, 2, &part));
        TRY(set_text(builder, part.dict, "type", STR("text"), SEGMENT_TEMPLATE));
        TRY(jinja_value_set_c(context, part.dict, "text", *content));
        TRY(jinja_value_append(context, parts.list, part));
    }
    for (size_t i = 0; content->kind == JINJA_LIST && i < content->list->count; i++)
        TRY(jinja_value_append(context, parts.list, content->list->items[i]));
    *content = parts;
    return OK;
}

static const char *reasoning_name(enum chat_reasoning_key key)
{
    switch (key) {
    case CHAT_REASONING_NONE:
    case CHAT_REASONING_CONTENT: return "reasoning_content";
    case CHAT_REASONING_THINKING: return "thinking";
    case CHAT_REASONING_PLAIN: return "reasoning";
    case CHAT_REASONING_PART: break;
    }
    return NULL;
}

static enum status draft_value(struct builder *builder, const struct chat_draft *draft,
                               struct jinja_value *out)
{
    struct jinja_value content = draft->content;
    const bool has_reasoning = draft->reasoning.kind == JINJA_STRING;
    const char *key = reasoning_name(builder->caps->reasoning);
    TRY(jinja_value_new_dict(builder->context, JINJA_DICT, 4, out));
    TRY(set_text(builder, out->dict, "role", str_from_c(chat_request_role_name(draft->role)),
                 SEGMENT_TEMPLATE));
    if (has_reasoning && !key)
        TRY(add_reasoning_part(builder, draft, &content));
    TRY(jinja_value_set_c(builder->context, out->dict, "content", content));
    if (has_reasoning && key)
        TRY(jinja_value_set_c(builder->context, out->dict, key, draft->reasoning));
    if (draft->role == CHAT_ROLE_ASSISTANT)
        return set_calls(builder, draft, out->dict);
    if (draft->role != CHAT_ROLE_TOOL)
        return OK;
    const struct chat_message *message = draft->source;
    if (message->tool_name.len)
        TRY(set_text(builder, out->dict, "name", message->tool_name, message->origin));
    return set_id(builder, out->dict, "tool_call_id", message->tool_call_id, draft->number,
                  message->origin);
}

static enum status set_messages(struct builder *builder, const struct chat_template_found *found,
                                struct jinja_dict *variables)
{
    struct jinja_value messages;
    struct chat_draft_list list;
    TRY(chat_draft_make(builder->context, builder->caps, found, builder->request, &list));
    TRY(jinja_value_new_list(builder->context, JINJA_LIST, list.count, &messages));
    for (size_t i = 0; i < list.count; i++) {
        struct jinja_value value;
        TRY(draft_value(builder, &list.drafts[i], &value));
        TRY(jinja_value_append(builder->context, messages.list, value));
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
    const bool is_on = thinking == CHAT_THINKING_ON;
    TRY(set_flag(builder, variables, "enable_thinking", is_on));
    TRY(set_flag(builder, variables, "thinking", is_on));
    return set_text(builder, variables, "thinking_mode", is_on ? STR("enabled") : STR("disabled"),
                    SEGMENT_TEMPLATE);
}

/* The tools where the template shows them: as a list, or as the text that it always wants. */
static enum status set_tools(struct builder *builder, struct jinja_dict *variables)
{
    static const struct jinja_format_json_style style = {.indent = -1};
    const json_t *tools = builder->request->tools;
    struct jinja_context *context = builder->context;
    struct jinja_value value;
    if (!builder->caps->tools_as_text && (!builder->caps->tools || !json_array_size(tools)))
        return OK;
    if (json_array_size(tools))
        TRY(jinja_value_from_json(context, tools, SEGMENT_SYSTEM, &value));
    else
        TRY(jinja_value_new_list(context, JINJA_LIST, 0, &value));
    if (!builder->caps->tools_as_text)
        return jinja_value_set_c(context, variables, "tools", value);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_format_json(context, value, &style, &text));
    TRY(jinja_context_finish(context, &text, &value));
    return jinja_value_set_c(context, variables, "functions", value);
}

enum status chat_template_values(struct jinja_context *context,
                                 const struct chat_template_texts *texts,
                                 const struct chat_template_caps *caps,
                                 const struct chat_template_found *found,
                                 const struct chat_request *request, const struct jinja_dict **out)
{
    struct builder builder = {.context = context, .caps = caps, .request = request};
    struct jinja_value all;
    TRY(jinja_value_new_dict(context, JINJA_DICT, 8, &all));
    TRY(set_dates(&builder, all.dict));
    TRY(set_thinking(&builder, all.dict));
    TRY(set_extras(&builder, all.dict));
    TRY(set_messages(&builder, found, all.dict));
    TRY(set_text(&builder, all.dict, "bos_token", texts->bos, SEGMENT_TEMPLATE));
    TRY(set_text(&builder, all.dict, "eos_token", texts->eos, SEGMENT_TEMPLATE));
    TRY(set_flag(&builder, all.dict, "add_generation_prompt", request->add_generation_prompt));
    TRY(set_tools(&builder, all.dict));
    *out = all.dict;
    return OK;
}
