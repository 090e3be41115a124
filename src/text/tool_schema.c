#include "text/tool_schema.h"

#include "text/json.h"

enum { DEPTH_MAX = 8 }; /* of choices inside choices */

const json_t *tool_schema_of(const json_t *tools, struct str tool_name, struct str key)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *inner = json_object_get(tool, "function");
        struct str name;
        tool = inner ? inner : tool;
        if (!json_member_str(tool, "name", &name) || !str_equal(name, tool_name))
            continue;
        const json_t *properties =
            json_object_get(json_object_get(tool, "parameters"), "properties");
        return json_object_getn(properties, key.ptr, key.len);
    }
    return NULL;
}

static bool says_string(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "string") == 0;
}

/* All of them texts, and at least one? */
static bool are_texts(const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (!json_is_string(json_array_get(values, i)))
            return false;
    }
    return json_array_size(values) > 0;
}

static bool is_text(const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type");
    if (depth > DEPTH_MAX)
        return false;
    if (type) {
        bool found = says_string(type);
        for (size_t i = 0; i < json_array_size(type); i++)
            found |= says_string(json_array_get(type, i));
        return found;
    }
    static const char *const choices[] = {"anyOf", "oneOf"};
    for (size_t k = 0; k < ARRAY_LEN(choices); k++) {
        const json_t *choice = json_object_get(schema, choices[k]);
        for (size_t i = 0; i < json_array_size(choice); i++) {
            if (is_text(json_array_get(choice, i), depth + 1))
                return true;
        }
    }
    return are_texts(json_object_get(schema, "enum")) ||
           json_is_string(json_object_get(schema, "const"));
}

bool tool_schema_is_text(const json_t *schema)
{
    return is_text(schema, 0);
}
