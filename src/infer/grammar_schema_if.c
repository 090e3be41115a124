#include "infer/grammar_schema_if.h"

#include "base/attr.h"
#include "infer/grammar_schema_keywords.h"
#include "text/json.h"

static json_t *own(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value); /* jansson counts in the value itself */
}

static bool is_annotation(const char *keyword, const json_t *value)
{
    return grammar_schema_keywords_find(str_from_c(keyword), value) == GRAMMAR_SCHEMA_ANNOTATION;
}

/* The only member that "properties" speaks of; NULL: none, or several. */
static const char *only_member(const json_t *schema)
{
    json_t *members = json_object_get(schema, "properties");
    if (json_object_size(members) != 1)
        return NULL;
    return json_object_iter_key(json_object_iter(members));
}

/* {"const": V} or {"enum": [...]} and nothing else that constrains. */
static bool lists_values(const json_t *schema)
{
    int count = 0;
    const char *keyword = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)schema, keyword, value)
    {
        const bool is_list = strcmp(keyword, "const") == 0 ||
                             (strcmp(keyword, "enum") == 0 && json_array_size(value) > 0);
        if (!is_list && !is_annotation(keyword, value))
            return false;
        count += is_list;
    }
    return count == 1;
}

bool grammar_schema_if_is_simple(const json_t *schema)
{
    const char *name = only_member(schema);
    const char *keyword = NULL;
    json_t *value = NULL;
    if (!name || !lists_values(json_object_get(json_object_get(schema, "properties"), name)))
        return false;
    json_object_foreach((json_t *)(uintptr_t)schema, keyword, value)
    {
        const bool is_required = strcmp(keyword, "required") == 0 && json_array_size(value) == 1 &&
                                 str_equal_c(json_str(json_array_get(value, 0)), name);
        const bool is_type = strcmp(keyword, "type") == 0 && str_equal_c(json_str(value), "object");
        if (!is_required && !is_type && strcmp(keyword, "properties") != 0 &&
            !is_annotation(keyword, value))
            return false;
    }
    return true;
}

/* What the "if" does not allow: objects whose member has another value, and where the member is
 * required, those without it; other values only if the "if" asks for an object. */
static json_t *otherwise(const json_t *condition)
{
    static const char *const kinds[] = {"const", "enum"};
    const char *name = only_member(condition);
    const json_t *member = json_object_get(json_object_get(condition, "properties"), name);
    json_t *excluded = json_object();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (json_object_get(member, kinds[i]))
            json_object_set(excluded, kinds[i], json_object_get(member, kinds[i]));
    }
    json_t *schema = json_pack("{s:{s:{s:o}}}", "properties", name, "not", excluded);
    if (!json_object_get(condition, "required"))
        json_object_set_new(schema, "required", json_pack("[s]", name));
    if (!json_object_get(condition, "type"))
        json_object_set_new(schema, "type", json_string("object"));
    return schema;
}

/* Both apply; `second` may be NULL. */
static json_t *both(json_t *first, const json_t *second)
{
    return second ? json_pack("{s:[o, o]}", "allOf", first, own(second)) : first;
}

json_t *grammar_schema_if_branches(const json_t *schema)
{
    const json_t *condition = json_object_get(schema, "if");
    return json_pack("[o, o]", both(own(condition), json_object_get(schema, "then")),
                     both(otherwise(condition), json_object_get(schema, "else")));
}
