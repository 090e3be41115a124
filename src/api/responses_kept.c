#include "api/responses_kept.h"

#include "api/field.h"
#include "base/attr.h"
#include "base/strbuf.h"
#include "text/json.h"

#include <stdio.h>

/* ---------------------------------------------------------------- fields */

/* The field, if it has the kind that the default has; null may be said instead. */
static void repeat(const json_t *body, const char *name, json_t *fallback, json_t *out)
{
    json_t *own = json_object_get(body, name);
    const bool is_same = own && json_typeof(own) == json_typeof(fallback);
    const bool is_number = json_is_number(own) && json_is_number(fallback);
    const bool is_bool = json_is_boolean(own) && json_is_boolean(fallback);
    const bool is_free = own && json_is_null(fallback) && !json_is_null(own);
    if (is_same || is_number || is_bool || is_free) {
        json_object_set(out, name, own);
        json_decref(fallback);
    } else {
        json_object_set_new(out, name, fallback);
    }
}

json_t *responses_kept_fields(const json_t *body)
{
    json_t *out = json_object();
    static const char *const may_be_null[] = {
        "instructions", "max_output_tokens",    "max_tool_calls",
        "metadata",     "previous_response_id", "prompt_cache_key",
        "reasoning",    "safety_identifier",    "service_tier",
        "user"};
    for (size_t i = 0; i < ARRAY_LEN(may_be_null); i++)
        repeat(body, may_be_null[i], json_null(), out);
    json_t *choice = json_object_get(body, "tool_choice");
    json_object_set_new(out, "tool_choice",
                        json_is_object(choice) || json_is_string(choice) ? json_incref(choice)
                                                                         : json_string("auto"));
    if (json_is_array(json_object_get(body, "include")))
        json_object_set(out, "include", json_object_get(body, "include"));
    repeat(body, "background", json_false(), out);
    repeat(body, "parallel_tool_calls", json_true(), out);
    repeat(body, "store", json_true(), out);
    repeat(body, "temperature", json_real(1), out);
    repeat(body, "text", json_pack("{s:{s:s}}", "format", "type", "text"), out);
    repeat(body, "tools", json_array(), out);
    repeat(body, "top_logprobs", json_integer(0), out);
    repeat(body, "top_p", json_real(1), out);
    repeat(body, "truncation", json_string("disabled"), out);
    return out;
}

/* ---------------------------------------------------------------- items */

/* What the ids of an item's kind begin with. */
static const char *prefix_of(struct str type)
{
    static const struct {
        const char *type;
        const char *prefix;
    } rows[] = {{"function_call", "fc"},
                {"function_call_output", "fco"},
                {"custom_tool_call", "ctc"},
                {"custom_tool_call_output", "ctco"},
                {"reasoning", "rs"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_equal_c(type, rows[i].type))
            return rows[i].prefix;
    return "msg";
}

static json_t *with_id(const json_t *item, const char *reply_id, size_t index)
{
    char id[80];
    json_t *out = json_is_object(item) ? json_copy((json_t *)(uintptr_t)item) : json_object();
    if (!json_object_get(out, "type"))
        json_object_set_new(out, "type", json_string("message"));
    if (json_string_length(json_object_get(out, "id")) > 0)
        return out;
    snprintf(id, sizeof(id), "%s_%.24si%04zu", prefix_of(json_str(json_object_get(out, "type"))),
             reply_id, index);
    json_object_set_new(out, "id", json_string(id));
    return out;
}

json_t *responses_kept_items(const json_t *body, const char *reply_id)
{
    const json_t *input = json_object_get(body, "input");
    json_t *out = json_array();
    size_t index = 0;
    json_t *item = NULL;
    if (json_is_string(input)) {
        CLEANUP(json_decrefp)
        json_t *message = json_pack("{s:s, s:s, s:[{s:s, s:O}]}", "type", "message", "role", "user",
                                    "content", "type", "input_text", "text", input);
        json_array_append_new(out, with_id(message, reply_id, 0));
    }
    json_array_foreach(input, index, item)
        json_array_append_new(out, with_id(item, reply_id, index));
    return out;
}

json_t *responses_kept_joined(const json_t *body, const json_t *before, const json_t *items)
{
    json_t *out = json_copy((json_t *)(uintptr_t)body);
    json_t *input = json_array();
    json_array_extend(input, (json_t *)(uintptr_t)before);
    json_array_extend(input, (json_t *)(uintptr_t)items);
    json_object_set_new(out, "input", input);
    return out;
}

/* ---------------------------------------------------------------- pages */

static json_t *refuse(struct api_failure *out_failure, const char *param, const char *text)
{
    *out_failure = api_failure_make(400, text);
    out_failure->param = param;
    return NULL;
}

static struct str id_at(const json_t *items, size_t index)
{
    return json_str(json_object_get(json_array_get(items, index), "id"));
}

json_t *responses_kept_page(const json_t *items, const struct responses_kept_query *query,
                            struct api_failure *out_failure)
{
    const size_t count = json_array_size(items);
    const bool is_ascending = str_equal_c(query->order, "asc");
    int64_t limit = RESPONSES_KEPT_PAGE_DEFAULT;
    size_t at = 0; /* in the order asked for */
    if (query->limit.len > 0 &&
        (!str_to_int(query->limit, &limit) || limit < 1 || limit > RESPONSES_KEPT_PAGE_MAX))
        return refuse(out_failure, "limit", "limit is not a number from 1 to 100");
    if (query->order.len > 0 && !is_ascending && !str_equal_c(query->order, "desc"))
        return refuse(out_failure, "order", "order is neither asc nor desc");
    if (query->after.len > 0) {
        while (at < count &&
               !str_equal(id_at(items, is_ascending ? at : count - 1 - at), query->after))
            at++;
        if (at == count)
            return refuse(out_failure, "after", "after is not the id of one of the items");
        at++;
    }
    json_t *data = json_array();
    for (; at < count && json_array_size(data) < (size_t)limit; at++)
        json_array_append(data, json_array_get(items, is_ascending ? at : count - 1 - at));
    const size_t last = json_array_size(data);
    return json_pack("{s:s, s:o, s:O?, s:O?, s:b}", "object", "list", "data", data, "first_id",
                     json_object_get(json_array_get(data, 0), "id"), "last_id",
                     json_object_get(json_array_get(data, last - 1), "id"), "has_more", at < count);
}

struct api_failure responses_kept_unknown(struct str id, bool is_previous)
{
    char text[200];
    snprintf(text, sizeof(text), "%s with id '%.*s' not found.",
             is_previous ? "Previous response" : "Response", STR_ARG(field_shown(id)));
    struct api_failure failure = api_failure_make(404, text);
    failure.status = E_NOT_FOUND;
    if (is_previous) {
        failure.param = "previous_response_id";
        failure.code = "previous_response_not_found";
    }
    return failure;
}

bool responses_kept_includes(const json_t *body, const char *what)
{
    size_t index = 0;
    json_t *name = NULL;
    json_array_foreach(json_object_get(body, "include"), index, name)
    {
        if (str_equal_c(json_str(name), what))
            return true;
    }
    return false;
}
