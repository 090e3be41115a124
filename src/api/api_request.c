#include "api/api_request.h"

#include "api/field.h"
#include "text/json.h"

void api_request_done(struct api_request *request)
{
    chat_request_done(&request->chat);
    strbuf_done(&request->raw);
    strbuf_done(&request->model);
    json_decref(request->schema);
    json_decref(request->tool_names);
    stop_texts_done(&request->stops);
    *request = (struct api_request){0};
}

enum status api_request_require_tool(struct api_request *request, struct str name,
                                     struct error *err)
{
    size_t index = 0;
    json_t *tool = NULL;
    json_array_foreach(request->chat.tools, index, tool)
    {
        struct str own = {0};
        if (!json_member_str(json_object_get(tool, "function"), "name", &own) ||
            !str_equal(own, name))
            continue;
        request->tool_name = arena_copy_str(&request->chat.arena, name);
        request->tool_choice = API_TOOLS_REQUIRED;
        return OK;
    }
    return error_set(err, E_INVALID, "tool_choice names \"%.*s\", which is not among the tools",
                     STR_ARG(field_shown(name)));
}

enum status api_request_add_stop(struct api_request *request, const json_t *text, struct error *err)
{
    if (!json_is_string(text))
        return error_set(err, E_INVALID, "a stop text is not a string");
    if (!stop_texts_add(&request->stops, json_str(text)))
        return error_set(err, E_LIMIT, "stop: at most %d texts of 1 to %d bytes each",
                         STOP_TEXTS_MAX, STOP_TEXTS_BYTES_MAX);
    return OK;
}

enum status api_request_add_stops(struct api_request *request, const json_t *stop,
                                  struct error *err)
{
    if (!stop || json_is_null(stop))
        return OK;
    if (!json_is_array(stop))
        return api_request_add_stop(request, stop, err);
    size_t index = 0;
    json_t *text = NULL;
    json_array_foreach(stop, index, text) TRY(api_request_add_stop(request, text, err));
    return OK;
}

enum status api_request_read_seed(struct api_request *request, const json_t *object,
                                  struct error *err)
{
    int64_t seed = -1;
    TRY(field_int(object, "seed", INT64_MIN / 2, INT64_MAX / 2, &seed, err));
    request->has_seed = seed >= 0;
    request->sampler.seed = (uint64_t)seed;
    return OK;
}
