#include "text/tool_schema.h"

#include "text/json.h"
#include "text/json_pointer.h"

enum {
    DEPTH_MAX = 8,    /* of choices and references inside each other */
    STEPS_MAX = 1000, /* schemas looked at for one answer: references may lead in circles */
};

struct walk {
    const json_t *root;
    int steps;
};

const json_t *tool_schema_of(const json_t *tools, struct str tool_name)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const json_t *inner = json_object_get(tool, "function");
        struct str name;
        tool = inner ? inner : tool;
        if (json_member_str(tool, "name", &name) && str_equal(name, tool_name))
            return json_object_get(tool, "parameters");
    }
    return NULL;
}

/* What the schema's $ref leads to, or NULL. */
static const json_t *target_of(const json_t *root, const json_t *schema)
{
    const json_t *target = NULL;
    const struct str reference = json_str(json_object_get(schema, "$ref"));
    if (!reference.ptr || json_pointer_find(root, reference, &target) != JSON_POINTER_FOUND)
        return NULL;
    return target;
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

static bool is_text(struct walk *walk, const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type");
    if (depth > DEPTH_MAX || ++walk->steps > STEPS_MAX)
        return false;
    if (type) {
        bool found = says_string(type);
        for (size_t i = 0; i < json_array_size(type); i++)
            found |= says_string(json_array_get(type, i));
        return found;
    }
    static const char *const choices[] = {"anyOf", "oneOf", "allOf"};
    for (size_t k = 0; k < ARRAY_LEN(choices); k++) {
        const json_t *choice = json_object_get(schema, choices[k]);
        for (size_t i = 0; i < json_array_size(choice); i++) {
            if (is_text(walk, json_array_get(choice, i), depth + 1))
                return true;
        }
    }
    const json_t *target = target_of(walk->root, schema);
    return are_texts(json_object_get(schema, "enum")) ||
           json_is_string(json_object_get(schema, "const")) ||
           (target && is_text(walk, target, depth + 1));
}

bool tool_schema_is_text(const json_t *root, const json_t *schema)
{
    struct walk walk = {.root = root};
    return is_text(&walk, schema, 0);
}

static bool has_text(struct walk *walk, const json_t *schema, struct str key, int depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *all = json_object_get(schema, "allOf");
    const json_t *target = target_of(walk->root, schema);
    if (depth > DEPTH_MAX || ++walk->steps > STEPS_MAX)
        return false;
    if (is_text(walk, json_object_getn(properties, key.ptr, key.len), 0))
        return true;
    for (size_t i = 0; i < json_array_size(all); i++) {
        if (has_text(walk, json_array_get(all, i), key, depth + 1))
            return true;
    }
    return target && has_text(walk, target, key, depth + 1);
}

bool tool_schema_has_text(const json_t *parameters, struct str key)
{
    struct walk walk = {.root = parameters};
    return has_text(&walk, parameters, key, 0);
}
