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

static const char *const choices[] = {"allOf", "anyOf", "oneOf"};

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

/* The bit of a type's name. */
static unsigned kind_named(const json_t *name)
{
    static const struct {
        const char *name;
        unsigned kind;
    } rows[] = {{"string", TOOL_SCHEMA_TEXT},
                {"object", TOOL_SCHEMA_OBJECT},
                {"array", TOOL_SCHEMA_ARRAY},
                {"null", TOOL_SCHEMA_NULL}};
    for (size_t i = 0; json_is_string(name) && i < ARRAY_LEN(rows); i++) {
        if (strcmp(json_string_value(name), rows[i].name) == 0)
            return rows[i].kind;
    }
    return 0;
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

static unsigned kinds_of(struct walk *walk, const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type");
    if (depth > DEPTH_MAX || ++walk->steps > STEPS_MAX)
        return 0;
    unsigned kinds = kind_named(type);
    for (size_t i = 0; i < json_array_size(type); i++)
        kinds |= kind_named(json_array_get(type, i));
    if (type)
        return kinds;
    for (size_t k = 0; k < ARRAY_LEN(choices); k++) {
        const json_t *choice = json_object_get(schema, choices[k]);
        for (size_t i = 0; i < json_array_size(choice); i++)
            kinds |= kinds_of(walk, json_array_get(choice, i), depth + 1);
    }
    const json_t *target = target_of(walk->root, schema);
    if (target)
        kinds |= kinds_of(walk, target, depth + 1);
    if (are_texts(json_object_get(schema, "enum")) ||
        json_is_string(json_object_get(schema, "const")))
        kinds |= TOOL_SCHEMA_TEXT;
    if (json_object_get(schema, "properties"))
        kinds |= TOOL_SCHEMA_OBJECT;
    if (json_object_get(schema, "items"))
        kinds |= TOOL_SCHEMA_ARRAY;
    return kinds;
}

/* The rest of a way into a value. */
struct way {
    const struct str *steps;
    size_t count;
    bool has_choices; /* anyOf and oneOf are gone into */
};

static unsigned kinds_at(struct walk *walk, const json_t *schema, struct way way, int depth);

/* Behind the first step of the way. */
static unsigned kinds_behind(struct walk *walk, const json_t *schema, struct way way, int depth)
{
    const struct str key = way.steps[0];
    const struct way rest = {way.steps + 1, way.count - 1, true};
    if (!key.ptr)
        return kinds_at(walk, json_object_get(schema, "items"), rest, depth + 1);
    const json_t *named = json_object_getn(json_object_get(schema, "properties"), key.ptr, key.len);
    return kinds_at(walk, named ? named : json_object_get(schema, "additionalProperties"), rest,
                    depth + 1);
}

static unsigned kinds_at(struct walk *walk, const json_t *schema, struct way way, int depth)
{
    if (!schema || way.count == 0)
        return schema ? kinds_of(walk, schema, 0) : 0;
    if (depth > DEPTH_MAX + TOOL_SCHEMA_PATH_MAX || ++walk->steps > STEPS_MAX)
        return 0;
    unsigned kinds = kinds_behind(walk, schema, way, depth);
    for (size_t k = 0; k < ARRAY_LEN(choices); k++) {
        const json_t *choice = json_object_get(schema, choices[k]);
        for (size_t i = 0; (k == 0 || way.has_choices) && i < json_array_size(choice); i++)
            kinds |= kinds_at(walk, json_array_get(choice, i), way, depth + 1);
    }
    const json_t *target = target_of(walk->root, schema);
    return target ? kinds | kinds_at(walk, target, way, depth + 1) : kinds;
}

unsigned tool_schema_kinds_at(const json_t *parameters, const struct str *path, size_t count)
{
    struct walk walk = {.root = parameters};
    const struct way way = {.steps = path, .count = count};
    return count <= TOOL_SCHEMA_PATH_MAX ? kinds_at(&walk, parameters, way, 0) : 0;
}

bool tool_schema_is_text(const json_t *root, const json_t *schema)
{
    struct walk walk = {.root = root};
    return kinds_of(&walk, schema, 0) & TOOL_SCHEMA_TEXT;
}

static bool has_text(struct walk *walk, const json_t *schema, struct str key, int depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *all = json_object_get(schema, "allOf");
    const json_t *target = target_of(walk->root, schema);
    if (depth > DEPTH_MAX || ++walk->steps > STEPS_MAX)
        return false;
    if (kinds_of(walk, json_object_getn(properties, key.ptr, key.len), 0) & TOOL_SCHEMA_TEXT)
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
