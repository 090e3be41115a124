#include "tools/tool_list.h"

#include "base/attr.h"
#include "base/check.h"

/* The canonical order. */
static const struct tool *const tools[] = {
    &tool_list_dir,    &tool_read_file, &tool_search_text, &tool_write_file, &tool_edit_file,
    &tool_run_command, &tool_calculate, &tool_remember,    &tool_recall,
};

size_t tool_list_count(void)
{
    return ARRAY_LEN(tools);
}

const struct tool *tool_list_at(size_t index)
{
    CHECK(index < ARRAY_LEN(tools));
    return tools[index];
}

const struct tool *tool_list_find(struct str name, size_t *out_index)
{
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        if (!str_equal_c(name, tools[i]->name))
            continue;
        if (out_index)
            *out_index = i;
        return tools[i];
    }
    return NULL;
}

/* jansson fails only without memory, as mem_alloc() would. */
static void set(json_t *object, const char *key, json_t *value)
{
    CHECK(json_object_set_new(object, key, value) == 0);
}

static json_t *param_schema(const struct tool_param *param)
{
    const bool is_int = param->kind == TOOL_PARAM_INT;
    json_t *schema = json_object();
    set(schema, "type", json_string(is_int ? "integer" : "string"));
    set(schema, "description", json_string(param->help));
    if (is_int)
        set(schema, "minimum", json_integer(param->int_min));
    if (is_int && param->int_max != INT64_MAX)
        set(schema, "maximum", json_integer(param->int_max));
    return schema;
}

json_t *tool_list_schema(const struct tool *tool)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < tool->param_count; i++) {
        const struct tool_param *param = &tool->params[i];
        set(properties, param->name, param_schema(param));
        if (param->is_required)
            CHECK(json_array_append_new(required, json_string(param->name)) == 0);
    }
    json_t *parameters = json_object();
    set(parameters, "type", json_string("object"));
    set(parameters, "properties", properties);
    set(parameters, "required", required);
    json_t *schema = json_object();
    set(schema, "name", json_string(tool->name));
    set(schema, "description", json_string(tool->description));
    set(schema, "parameters", parameters);
    return schema;
}

json_t *tool_list_openai(const struct tool *const *chosen, size_t count)
{
    json_t *list = json_array();
    const struct tool *const *from = chosen ? chosen : tools;
    const size_t to = chosen ? count : ARRAY_LEN(tools);
    for (size_t i = 0; i < to; i++) {
        json_t *entry = json_object();
        set(entry, "type", json_string("function"));
        set(entry, "function", tool_list_schema(from[i]));
        CHECK(json_array_append_new(list, entry) == 0);
    }
    return list;
}
