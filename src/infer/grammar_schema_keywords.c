#include "infer/grammar_schema_keywords.h"

#include "base/attr.h"
#include "infer/grammar_schema_if.h"
#include "infer/grammar_schema_not.h"
#include "text/json.h"

static const char *const used[] = {
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "pattern",
    "format",
    "multipleOf",
    "nullable",
    "additionalItems",
};

/* Of JSON Schema itself, of OpenAPI, and of tools that write schemas; and "x-...". */
static const char *const annotations[] = {
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$schema",
    "$comment",
    "$defs",
    "definitions",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "discriminator",
    "externalDocs",
    "xml",
    "enumNames",
    "enumDescriptions",
    "markdownDescription",
    "propertyOrdering",
    "strict",
};

/* Keywords that constrain nothing when they have this value. */
static const struct {
    const char *keyword;
    json_type type;
} harmless[] = {
    {"uniqueItems", JSON_FALSE},
    {"unevaluatedProperties", JSON_TRUE},
    {"unevaluatedItems", JSON_TRUE},
};

static bool is_among(struct str keyword, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_c(keyword, list[i]))
            return true;
    }
    return false;
}

enum grammar_schema_keyword grammar_schema_keywords_find(struct str keyword, const json_t *value)
{
    if (is_among(keyword, used, ARRAY_LEN(used)))
        return GRAMMAR_SCHEMA_USED;
    if (is_among(keyword, annotations, ARRAY_LEN(annotations)) ||
        str_starts_with(keyword, STR("x-")))
        return GRAMMAR_SCHEMA_ANNOTATION;
    if (str_equal_c(keyword, "not") && grammar_schema_not_kind(value) != GRAMMAR_SCHEMA_NOT_OTHER)
        return GRAMMAR_SCHEMA_USED;
    if (str_equal_c(keyword, "if") && grammar_schema_if_is_simple(value))
        return GRAMMAR_SCHEMA_USED;
    if (str_equal_c(keyword, "then") || str_equal_c(keyword, "else"))
        return GRAMMAR_SCHEMA_USED; /* without "if" they say nothing */
    if (str_equal_c(keyword, "$id") || str_equal_c(keyword, "id"))
        return GRAMMAR_SCHEMA_ROOT_ONLY;
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        if (str_equal_c(keyword, harmless[i].keyword) && json_typeof(value) == harmless[i].type)
            return GRAMMAR_SCHEMA_ANNOTATION;
    }
    /* what generators write about every map: names are texts anyway */
    if (str_equal_c(keyword, "propertyNames") && json_object_size(value) == 1 &&
        str_equal_c(json_str(json_object_get(value, "type")), "string"))
        return GRAMMAR_SCHEMA_ANNOTATION;
    if (str_equal_c(keyword, "minProperties") && json_is_integer(value) &&
        json_integer_value(value) <= 0)
        return GRAMMAR_SCHEMA_ANNOTATION;
    return GRAMMAR_SCHEMA_UNSUPPORTED;
}
