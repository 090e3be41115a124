#include "chat/chat_draft.h"

#include "chat/chat_tool_text.h"
#include "chat/jinja_context.h"
#include "text/json.h"

enum { DRAFTS_MIN = 8 };

struct drafter {
    struct jinja_context *context;
    const struct chat_template_caps *caps;
    const struct chat_template_found *found;
    const struct chat_request *request;
    struct chat_draft_list *list;
    struct jinja_value held; /* system text that waits for a user message; UNDEFINED: none */
    size_t call_count;       /* in the conversation so far */
    size_t answer_count;
    bool has_user;
};

/* ---------------------------------------------------------------- content */

static struct jinja_string text_of(const struct chat_message *message)
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
static enum status join_parts(struct drafter *drafter, const struct chat_message *message,
                              struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(drafter->context);
    for (size_t i = 0; i < json_array_size(message->content_parts); i++) {
        struct str part;
        if (!json_member_str(json_array_get(message->content_parts, i), "text", &part))
            return jinja_context_fail(drafter->context, E_UNSUPPORTED,
                                      "this model takes only text, no images");
        jinja_text_add(&text, part, message->origin);
    }
    return jinja_context_finish(drafter->context, &text, out);
}

static enum status content_of(struct drafter *drafter, const struct chat_message *message,
                              struct jinja_value *out)
{
    if (message->content_parts && drafter->caps->parts_content)
        return jinja_value_from_json(drafter->context, message->content_parts, message->origin,
                                     out);
    if (message->content_parts)
        return join_parts(drafter, message, out);
    return jinja_value_new_string(drafter->context, text_of(message), out);
}

/* A text as a list of one part; a list stays. */
static enum status as_parts(struct drafter *drafter, struct jinja_value content,
                            struct jinja_value *out)
{
    struct jinja_value part;
    struct jinja_value type;
    *out = content;
    if (content.kind == JINJA_LIST)
        return OK;
    TRY(jinja_value_new_text(drafter->context, STR("text"), SEGMENT_TEMPLATE, &type));
    TRY(jinja_value_new_list(drafter->context, JINJA_LIST, 2, out));
    TRY(jinja_value_new_dict(drafter->context, JINJA_DICT, 2, &part));
    TRY(jinja_value_set_c(drafter->context, part.dict, "type", type));
    TRY(jinja_value_set_c(drafter->context, part.dict, "text", content));
    return jinja_value_append(drafter->context, out->list, part);
}

static bool is_empty(struct jinja_value content)
{
    return content.kind == JINJA_UNDEFINED ||
           (content.kind == JINJA_STRING && !content.string->bytes.len);
}

/* Both contents, with an empty line between texts. */
static enum status join(struct drafter *drafter, struct jinja_value first,
                        struct jinja_value second, const char *between, struct jinja_value *out)
{
    if (is_empty(first) || is_empty(second)) {
        *out = is_empty(first) ? second : first;
        return OK;
    }
    if (first.kind == JINJA_STRING && second.kind == JINJA_STRING) {
        CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(drafter->context);
        jinja_text_add_string(&text, first.string);
        jinja_text_add_c(&text, between, SEGMENT_SYSTEM);
        jinja_text_add_string(&text, second.string);
        return jinja_context_finish(drafter->context, &text, out);
    }
    TRY(as_parts(drafter, first, &first));
    TRY(as_parts(drafter, second, &second));
    TRY(jinja_value_new_list(drafter->context, JINJA_LIST, first.list->count, out));
    for (size_t i = 0; i < first.list->count; i++)
        TRY(jinja_value_append(drafter->context, out->list, first.list->items[i]));
    for (size_t i = 0; i < second.list->count; i++)
        TRY(jinja_value_append(drafter->context, out->list, second.list->items[i]));
    return OK;
}

/* ---------------------------------------------------------------- the list */

static enum status push(struct drafter *drafter, struct chat_draft draft)
{
    struct chat_draft_list *list = drafter->list;
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : DRAFTS_MIN;
        struct chat_draft *grown = NULL;
        TRY(jinja_context_alloc(drafter->context, capacity, sizeof(*grown), &grown));
        if (list->count)
            memcpy(grown, list->drafts, list->count * sizeof(*grown));
        list->drafts = grown;
        list->capacity = capacity;
    }
    list->drafts[list->count++] = draft;
    return OK;
}

/* Joined to the message before where the template wants roles to take turns, or where both are
 * results of tools. */
static enum status push_turn(struct drafter *drafter, struct chat_draft draft)
{
    struct chat_draft_list *list = drafter->list;
    struct chat_draft *last = list->count ? &list->drafts[list->count - 1] : NULL;
    const bool repeats = last && last->role == draft.role && !draft.call_count &&
                         !last->call_count && draft.reasoning.kind == JINJA_UNDEFINED;
    const bool are_responses = repeats && last->is_response && draft.is_response;
    const bool takes_turns = draft.role == CHAT_ROLE_USER || draft.role == CHAT_ROLE_ASSISTANT;
    if (!repeats || !takes_turns || (drafter->caps->repeated_roles && !are_responses))
        return push(drafter, draft);
    last->is_response = are_responses;
    return join(drafter, last->content, draft.content, are_responses ? "\n" : "\n\n",
                &last->content);
}

static enum status push_user(struct drafter *drafter, const struct chat_message *source,
                             struct jinja_value content, bool is_response)
{
    TRY(join(drafter, drafter->held, content, "\n\n", &content));
    drafter->held = (struct jinja_value){.kind = JINJA_UNDEFINED};
    drafter->has_user = true;
    return push_turn(drafter, (struct chat_draft){.role = CHAT_ROLE_USER,
                                                  .source = source,
                                                  .content = content,
                                                  .is_response = is_response});
}

/* ---------------------------------------------------------------- system and tools */

static enum status push_system(struct drafter *drafter, const struct chat_message *source,
                               struct jinja_value content)
{
    const bool is_late = drafter->has_user || drafter->list->count;
    if (is_empty(content) && !source)
        return OK;
    if (drafter->caps->system_role && (!is_late || drafter->caps->late_system))
        return push(drafter, (struct chat_draft){
                                 .role = CHAT_ROLE_SYSTEM, .source = source, .content = content});
    return join(drafter, drafter->held, content, "\n\n", &drafter->held);
}

/* The tools as text, where the template does not show them; else undefined. */
static enum status describe_tools(struct drafter *drafter, struct jinja_value *out)
{
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    if (drafter->caps->tools || !json_array_size(drafter->request->tools))
        return OK;
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(drafter->context);
    TRY(chat_tool_text_describe(drafter->context, drafter->request->tools,
                                &drafter->found->call_example, &text));
    return jinja_context_finish(drafter->context, &text, out);
}

static bool is_system(const struct chat_message *message)
{
    return message->role == CHAT_ROLE_SYSTEM || message->role == CHAT_ROLE_DEVELOPER;
}

/* ---------------------------------------------------------------- calls and results */

static enum status push_result(struct drafter *drafter, const struct chat_message *message,
                               size_t number)
{
    struct jinja_value content;
    TRY(content_of(drafter, message, &content));
    if (drafter->caps->tool_results)
        return push(drafter, (struct chat_draft){.role = CHAT_ROLE_TOOL,
                                                 .source = message,
                                                 .content = content,
                                                 .number = number});
    if (content.kind != JINJA_STRING)
        return push_user(drafter, message, content, true);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(drafter->context);
    chat_tool_text_result(content.string, &text);
    TRY(jinja_context_finish(drafter->context, &text, &content));
    return push_user(drafter, message, content, true);
}

/* A text of the content that the reasoning takes along. */
static enum status set_reasoning(struct drafter *drafter, const struct chat_message *message,
                                 struct chat_draft *draft)
{
    if (!message->reasoning.len)
        return OK;
    TRY(jinja_value_new_text(drafter->context, message->reasoning, message->origin,
                             &draft->reasoning));
    if (!draft->call_count || drafter->caps->call_reasoning || draft->content.kind != JINJA_STRING)
        return OK;
    TRY(join(drafter, draft->reasoning, draft->content, "\n\n", &draft->reasoning));
    return jinja_value_new_text(drafter->context, STR(""), SEGMENT_TEMPLATE, &draft->content);
}

/* Content that cannot stand beside calls becomes a message of its own in front of them. Where roles
 * must take turns there is no room for it: then the template decides. */
static enum status push_content_apart(struct drafter *drafter, struct chat_draft *draft)
{
    const struct chat_template_caps *caps = drafter->caps;
    if (!draft->call_count || !caps->tool_calls || caps->call_content || !caps->repeated_roles ||
        is_empty(draft->content))
        return OK;
    struct chat_draft before = *draft;
    before.call_count = 0;
    draft->reasoning = (struct jinja_value){.kind = JINJA_UNDEFINED};
    TRY(push_turn(drafter, before));
    return jinja_value_new_text(drafter->context, STR(""), SEGMENT_TEMPLATE, &draft->content);
}

/* An assistant message with calls [first, first + count) of its source. */
static enum status push_answer(struct drafter *drafter, const struct chat_message *message,
                               size_t first, size_t count)
{
    struct chat_draft draft = {.role = CHAT_ROLE_ASSISTANT,
                               .source = message,
                               .first_call = first,
                               .call_count = count,
                               .number = drafter->call_count + first};
    if (first == 0) {
        TRY(content_of(drafter, message, &draft.content));
        TRY(set_reasoning(drafter, message, &draft));
        TRY(push_content_apart(drafter, &draft));
    } else {
        TRY(jinja_value_new_text(drafter->context, STR(""), SEGMENT_TEMPLATE, &draft.content));
    }
    if (!count || drafter->caps->tool_calls)
        return push_turn(drafter, draft);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(drafter->context);
    struct jinja_value calls;
    TRY(chat_tool_text_calls(drafter->context, drafter->found->call_format, message, first, count,
                             &text));
    TRY(jinja_context_finish(drafter->context, &text, &calls));
    draft.call_count = 0;
    TRY(join(drafter, draft.content, calls, "\n", &draft.content));
    return push_turn(drafter, draft);
}

/* Which of the tool messages [from, to) answers call `index`: by its id, else by its place. `to`
 * when there is none. */
static size_t find_result(const struct drafter *drafter, const struct chat_message *message,
                          size_t index, size_t from, size_t to)
{
    const struct str id = message->tool_calls[index].id;
    for (size_t i = from; id.len && i < to; i++) {
        if (str_equal(drafter->request->messages[i].tool_call_id, id))
            return i;
    }
    const bool has_place = from + index < to &&
                           (!id.len || !drafter->request->messages[from + index].tool_call_id.len);
    return has_place ? from + index : to;
}

/* Calls that must stand alone: each with its result behind it. *at is the message; it moves past
 * the results. */
static enum status push_calls_apart(struct drafter *drafter, size_t *at)
{
    const struct chat_request *request = drafter->request;
    const struct chat_message *message = &request->messages[*at];
    const size_t from = *at + 1;
    size_t to = from;
    while (to < request->message_count && request->messages[to].role == CHAT_ROLE_TOOL)
        to++;
    bool *is_used = NULL;
    TRY(jinja_context_alloc(drafter->context, to - from + 1, sizeof(*is_used), &is_used));
    for (size_t i = 0; i < message->tool_call_count; i++) {
        const size_t result = find_result(drafter, message, i, from, to);
        TRY(push_answer(drafter, message, i, 1));
        if (result == to || is_used[result - from])
            continue;
        is_used[result - from] = true;
        TRY(push_result(drafter, &request->messages[result],
                        drafter->answer_count + result - from));
    }
    for (size_t i = from; i < to; i++) {
        if (!is_used[i - from])
            TRY(push_result(drafter, &request->messages[i], drafter->answer_count + i - from));
    }
    drafter->call_count += message->tool_call_count;
    drafter->answer_count += to - from;
    *at = to - 1;
    return OK;
}

static enum status push_message(struct drafter *drafter, size_t *at)
{
    const struct chat_message *message = &drafter->request->messages[*at];
    const size_t count = message->tool_call_count;
    struct jinja_value content;
    TRY(jinja_context_charge(drafter->context, 1));
    if (message->role == CHAT_ROLE_TOOL)
        return push_result(drafter, message, drafter->answer_count++);
    if (message->role == CHAT_ROLE_ASSISTANT && count > 1 && drafter->caps->tool_calls &&
        !drafter->caps->parallel_calls)
        return push_calls_apart(drafter, at);
    if (message->role == CHAT_ROLE_ASSISTANT) {
        TRY(push_answer(drafter, message, 0, count));
        drafter->call_count += count;
        return OK;
    }
    TRY(content_of(drafter, message, &content));
    if (is_system(message))
        return push_system(drafter, message, content);
    return push_user(drafter, message, content, false);
}

/* The system message with the tools in it, when they have to be described; else as it is. Returns
 * in *at how many messages were used. */
static enum status push_beginning(struct drafter *drafter, size_t *at)
{
    const struct chat_request *request = drafter->request;
    const bool has_system = request->message_count && is_system(&request->messages[0]);
    struct jinja_value tools;
    struct jinja_value content = {.kind = JINJA_UNDEFINED};
    TRY(describe_tools(drafter, &tools));
    if (has_system)
        TRY(content_of(drafter, &request->messages[0], &content));
    TRY(join(drafter, content, tools, "\n\n", &content));
    *at = has_system;
    return push_system(drafter, has_system ? &request->messages[0] : NULL, content);
}

static enum status finish_contents(struct drafter *drafter)
{
    for (size_t i = 0; i < drafter->list->count; i++) {
        struct chat_draft *draft = &drafter->list->drafts[i];
        if (draft->call_count && drafter->caps->call_without_content)
            draft->content = jinja_value_none();
        else if (!drafter->caps->string_content)
            TRY(as_parts(drafter, draft->content, &draft->content));
    }
    return OK;
}

enum status chat_draft_make(struct jinja_context *context, const struct chat_template_caps *caps,
                            const struct chat_template_found *found,
                            const struct chat_request *request, struct chat_draft_list *out)
{
    *out = (struct chat_draft_list){0};
    struct drafter drafter = {.context = context,
                              .caps = caps,
                              .found = found,
                              .request = request,
                              .list = out,
                              .held = {.kind = JINJA_UNDEFINED}};
    size_t at = 0;
    TRY(push_beginning(&drafter, &at));
    for (; at < request->message_count; at++)
        TRY(push_message(&drafter, &at));
    if (drafter.held.kind != JINJA_UNDEFINED) {
        struct jinja_value empty;
        TRY(jinja_value_new_text(context, STR(""), SEGMENT_TEMPLATE, &empty));
        TRY(push_user(&drafter, NULL, empty, false));
    }
    return finish_contents(&drafter);
}
