#include "infer/grammar_schema_not.h"

#include "infer/grammar_schema_keywords.h"
#include "text/json.h"

static bool is_word(const json_t *value, const char *word)
{
    return json_is_string(value) && strcmp(json_string_value(value), word) == 0;
}

static bool has_word(const json_t *value, const char *word)
{
    bool found = is_word(value, word);
    for (size_t i = 0; i < json_array_size(value); i++)
        found |= is_word(json_array_get(value, i), word);
    return found;
}

/* The one keyword that constrains, "type" left out; NULL: none, or several. */
static const char *only_keyword(const json_t *schema)
{
    const char *found = NULL;
    const char *keyword = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)schema, keyword, value)
    {
        const struct str name = str_from_c(keyword);
        if (str_equal_c(name, "type") ||
            grammar_schema_keywords_find(name, value) == GRAMMAR_SCHEMA_ANNOTATION)
            continue;
        if (found)
            return NULL;
        found = keyword;
    }
    return found;
}

enum grammar_schema_not grammar_schema_not_kind(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    const char *keyword = only_keyword(schema);
    if (!keyword) {
        bool has_only_type = type != NULL;
        const char *other = NULL;
        json_t *value = NULL;
        json_object_foreach((json_t *)(uintptr_t)schema, other, value) has_only_type &=
            strcmp(other, "type") == 0 ||
            grammar_schema_keywords_find(str_from_c(other), value) == GRAMMAR_SCHEMA_ANNOTATION;
        const bool is_exact = !has_word(type, "integer") || has_word(type, "number");
        return has_only_type && is_exact ? GRAMMAR_SCHEMA_NOT_TYPE : GRAMMAR_SCHEMA_NOT_OTHER;
    }
    const json_t *value = json_object_get(schema, keyword);
    if (strcmp(keyword, "const") == 0)
        return GRAMMAR_SCHEMA_NOT_VALUES;
    if (strcmp(keyword, "enum") == 0 && json_is_array(value))
        return GRAMMAR_SCHEMA_NOT_VALUES;
    if (strcmp(keyword, "pattern") == 0 && json_is_string(value) &&
        (!type || is_word(type, "string")))
        return GRAMMAR_SCHEMA_NOT_PATTERN;
    if (strcmp(keyword, "required") == 0 && json_array_size(value) == 1 &&
        json_is_string(json_array_get(value, 0)) && (!type || is_word(type, "object")))
        return GRAMMAR_SCHEMA_NOT_REQUIRED;
    return GRAMMAR_SCHEMA_NOT_OTHER;
}

const char *grammar_schema_not_name(const json_t *schema)
{
    if (!schema || grammar_schema_not_kind(schema) != GRAMMAR_SCHEMA_NOT_REQUIRED)
        return NULL;
    return json_string_value(json_array_get(json_object_get(schema, "required"), 0));
}
