#include "api/client_tools.h"

#include "api/field.h"
#include "text/json.h"

void client_tools_join_name(struct str name_space, struct str name, struct strbuf *out)
{
    strbuf_add_str(out, name_space);
    if (name_space.len > 0 && !str_ends_with(name_space, STR("__")))
        strbuf_add_c(out, "__");
    strbuf_add_str(out, name);
}

void client_tools_note_name(struct api_request *request, const char *joined, struct str name_space,
                            struct str name, bool is_custom)
{
    if (!request->tool_names)
        request->tool_names = json_object();
    json_t *entry = json_pack("{s:s%, s:b}", "name", name.ptr, name.len, "custom", is_custom);
    if (name_space.len > 0)
        json_object_set_new(entry, "namespace", json_stringn(name_space.ptr, name_space.len));
    json_object_set_new(request->tool_names, joined, entry);
}

void client_tools_add_function(struct api_request *request, const char *name, json_t *description,
                               json_t *parameters)
{
    json_t *function = json_pack("{s:s}", "name", name);
    if (json_is_string(description))
        json_object_set(function, "description", description);
    json_object_set_new(function, "parameters",
                        json_is_object(parameters) ? json_incref(parameters)
                                                   : json_pack("{s:s}", "type", "object"));
    json_array_append_new(request->chat.tools,
                          json_pack("{s:s, s:o}", "type", "function", "function", function));
}

/* ---------------------------------------------------------------- custom tools */

/* What the text of a custom tool is held to; the model is told in the argument's description. */
static enum status note_grammar(struct api_request *request, const char *name, const json_t *format,
                                json_t *argument, struct error *err)
{
    struct str type = STR("text");
    struct str syntax = {0};
    struct str definition = {0};
    TRY(field_str(format, "type", &type, err));
    if (str_equal_c(type, "text"))
        return OK;
    const json_t *inner = json_object_get(format, "grammar");
    const json_t *grammar = json_is_object(inner) ? inner : format;
    TRY(field_str(grammar, "syntax", &syntax, err));
    TRY(field_str(grammar, "definition", &definition, err));
    if (!str_equal_c(type, "grammar") || syntax.len == 0 || definition.len == 0)
        return error_set(err, E_INVALID,
                         "the format of tool \"%.*s\" is not text, or grammar with syntax and "
                         "definition",
                         STR_ARG(field_shown(str_from_c(name))));
    if (!request->tool_grammars)
        request->tool_grammars = json_object();
    json_object_set_new(request->tool_grammars, name,
                        json_pack("{s:o, s:o}", "syntax", json_stringn(syntax.ptr, syntax.len),
                                  "definition", json_stringn(definition.ptr, definition.len)));
    CLEANUP(strbuf_done) struct strbuf told = {0};
    strbuf_addf(&told, "A text of this grammar (%.*s):\n", STR_ARG(field_shown(syntax)));
    strbuf_add_str(&told, definition);
    json_object_set_new(argument, "description", json_stringn(told.ptr, told.len));
    return OK;
}

/* The function of that name, or NULL. */
static json_t *find_function(const struct api_request *request, struct str name)
{
    size_t index = 0;
    json_t *tool = NULL;
    json_array_foreach(request->chat.tools, index, tool)
    {
        const json_t *function = json_object_get(tool, "function");
        if (str_equal(json_str(json_object_get(function, "name")), name))
            return tool;
    }
    return NULL;
}

static enum status name_is_taken(struct str name, struct error *err)
{
    return error_set(err, E_INVALID, "a function and a custom tool are both named \"%.*s\"",
                     STR_ARG(field_shown(name)));
}

enum status client_tools_check_function(const struct api_request *request, struct str name,
                                        struct error *err)
{
    return client_tools_is_custom(client_tools_entry(request->tool_names, name))
               ? name_is_taken(name, err)
               : OK;
}

/* The same tool may be told twice. */
static enum status check_custom(const struct api_request *request, struct str name,
                                struct error *err)
{
    if (client_tools_is_custom(client_tools_entry(request->tool_names, name)))
        return OK;
    return find_function(request, name) ? name_is_taken(name, err) : OK;
}

enum status client_tools_add_custom(struct api_request *request, const json_t *tool,
                                    struct error *err)
{
    const json_t *name = json_object_get(tool, "name");
    CLEANUP(json_decrefp) json_t *argument = json_pack("{s:s}", "type", "string");
    if (json_string_length(name) == 0)
        return error_set(err, E_INVALID, "a custom tool has no name");
    TRY(check_custom(request, json_str(name), err));
    client_tools_note_name(request, json_string_value(name), (struct str){0}, json_str(name), true);
    TRY(note_grammar(request, json_string_value(name), json_object_get(tool, "format"), argument,
                     err));
    CLEANUP(json_decrefp)
    json_t *parameters =
        json_pack("{s:s, s:{s:O}, s:[s], s:b}", "type", "object", "properties", TOOL_MASK_INPUT,
                  argument, "required", TOOL_MASK_INPUT, "additionalProperties", 0);
    client_tools_add_function(request, json_string_value(name),
                              json_object_get(tool, "description"), parameters);
    return OK;
}

/* ---------------------------------------------------------------- few of them */

bool client_tools_is_allowance(const json_t *choice, const json_t **out)
{
    const json_t *inner = json_object_get(choice, "allowed_tools"); /* of chat */
    *out = json_is_object(inner) ? inner : choice;
    return str_equal_c(json_str(json_object_get(choice, "type")), "allowed_tools");
}

static enum status find_allowed(const struct api_request *request, const json_t *named,
                                json_t **out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    const json_t *function = json_object_get(named, "function");
    const json_t *custom = json_object_get(named, "custom");
    const json_t *inner = function ? function : custom ? custom : named;
    client_tools_join_name(json_str(json_object_get(named, "namespace")),
                           json_str(json_object_get(inner, "name")), &name);
    *out = find_function(request, strbuf_view(&name));
    return *out ? OK
                : error_set(err, E_INVALID,
                            "tool_choice allows \"%.*s\", which is not among the tools",
                            STR_ARG(field_shown(strbuf_view(&name))));
}

enum status client_tools_allow(struct api_request *request, const json_t *allowed,
                               struct error *err)
{
    struct str mode = STR("auto");
    const json_t *tools = NULL;
    size_t index = 0;
    json_t *named = NULL;
    TRY(field_str(allowed, "mode", &mode, err));
    TRY(field_array(allowed, "tools", API_TOOLS_MAX, &tools, err));
    if (!str_equal_c(mode, "auto") && !str_equal_c(mode, "required"))
        return error_set(err, E_INVALID, "the mode of allowed_tools is neither auto nor required");
    if (json_array_size(tools) == 0)
        return error_set(err, E_INVALID, "allowed_tools names no tool");
    CLEANUP(json_decrefp) json_t *few = json_array();
    json_array_foreach(tools, index, named)
    {
        json_t *tool = NULL;
        TRY(find_allowed(request, named, &tool, err));
        json_array_append(few, tool);
    }
    request->told_tools = request->chat.tools;
    request->chat.tools = json_incref(few);
    if (str_equal_c(mode, "required"))
        request->tool_choice = API_TOOLS_REQUIRED;
    return OK;
}

/* ---------------------------------------------------------------- there and back */

json_t *client_tools_arguments(const json_t *input)
{
    const struct str text = json_str(input);
    return json_pack("{s:s%}", TOOL_MASK_INPUT, text.ptr ? text.ptr : "", text.len);
}

const json_t *client_tools_entry(const json_t *tool_names, struct str name)
{
    CLEANUP(strbuf_done) struct strbuf key = {0};
    if (!tool_names)
        return NULL;
    strbuf_add_str(&key, name);
    return json_object_get(tool_names, strbuf_c(&key));
}

bool client_tools_is_custom(const json_t *entry)
{
    return json_is_true(json_object_get(entry, "custom"));
}

json_t *client_tools_input(struct str arguments)
{
    CLEANUP(json_decrefp) json_t *object = NULL;
    struct error ignored = {0};
    struct str input = {0};
    if (json_parse(arguments, NULL, &object, &ignored) == OK)
        json_member_str(object, TOOL_MASK_INPUT, &input);
    return json_stringn(input.ptr ? input.ptr : "", input.len);
}
