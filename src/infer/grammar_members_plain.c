#include "infer/grammar_members_plain.h"

#include "base/attr.h"
#include "text/json.h"
#include "text/json_pointer.h"

enum { DEPTH_MAX = 16 }; /* $ref and allOf behind each other */

static json_t *own(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value); /* jansson counts in the value itself */
}

json_t *grammar_members_plain_both(const json_t *a, const json_t *b)
{
    return json_pack("{s:[o, o]}", "allOf", own(a), own(b));
}

/* ---------------------------------------------------------------- values of keywords */

static bool is_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b)))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool is_word(const json_t *value, const char *word)
{
    return json_is_string(value) && strcmp(json_string_value(value), word) == 0;
}

/* A type name allowed by both: every integer is a number. */
static const char *common_type(const json_t *a, const json_t *b)
{
    if (json_equal(a, b))
        return json_string_value(a);
    const bool is_integer = (is_word(a, "integer") && is_word(b, "number")) ||
                            (is_word(a, "number") && is_word(b, "integer"));
    return is_integer ? "integer" : NULL;
}

/* One value as a list of it. New reference. */
static json_t *as_list(const json_t *value)
{
    return json_is_array(value) ? own(value) : json_pack("[o]", own(value));
}

static void cut_types(json_t *into, const json_t *value)
{
    CLEANUP(json_decrefp) json_t *a = as_list(json_object_get(into, "type"));
    CLEANUP(json_decrefp) json_t *b = as_list(value);
    json_t *found = json_array();
    for (size_t i = 0; i < json_array_size(a); i++) {
        for (size_t k = 0; k < json_array_size(b); k++) {
            const char *name = common_type(json_array_get(a, i), json_array_get(b, k));
            if (name)
                json_array_append_new(found, json_string(name));
        }
    }
    json_t *one = json_array_size(found) == 1 ? json_array_get(found, 0) : found;
    json_object_set(into, "type", one);
    json_decref(found);
}

static void cut_values(json_t *into, const json_t *list)
{
    const json_t *known = json_object_get(into, "enum");
    json_t *found = json_array();
    for (size_t i = 0; i < json_array_size(known); i++) {
        bool is_in = false;
        for (size_t k = 0; k < json_array_size(list) && !is_in; k++)
            is_in = is_same(json_array_get(known, i), json_array_get(list, k));
        if (is_in)
            json_array_append(found, json_array_get(known, i));
    }
    json_object_set_new(into, "enum", found);
}

/* Keywords of which the larger or the smaller of two numbers holds. */
static bool keep_bound(json_t *into, const char *keyword, const json_t *value)
{
    static const struct {
        const char *keyword;
        bool is_upper;
    } rows[] = {{"minimum", false},  {"exclusiveMinimum", false}, {"minLength", false},
                {"minItems", false}, {"maximum", true},           {"exclusiveMaximum", true},
                {"maxLength", true}, {"maxItems", true}};
    const json_t *known = json_object_get(into, keyword);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(keyword, rows[i].keyword) != 0 || !json_is_number(value) ||
            !json_is_number(known))
            continue;
        const bool is_less = json_number_value(value) < json_number_value(known);
        if (is_less == rows[i].is_upper)
            json_object_set(into, keyword, (json_t *)(uintptr_t)value);
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- members */

/* The members of `from` under what `others` says about those that `named` does not name. Appends
 * to `to`. */
static void add_members(json_t *to, const json_t *from, const json_t *named, const json_t *others)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        const json_t *other = json_object_get(named, name);
        if (!other && json_is_false(others))
            continue;
        if (!other && json_is_object(others))
            other = others;
        if (json_object_get(to, name))
            continue; /* put together with its other schema already */
        if (other)
            json_object_set_new(to, name, grammar_members_plain_both(value, other));
        else
            json_object_set(to, name, value);
    }
}

/* properties and additionalProperties of both. */
static void join_members(json_t *into, const json_t *from)
{
    const json_t *a = json_object_get(into, "properties");
    const json_t *b = json_object_get(from, "properties");
    const json_t *a_others = json_object_get(into, "additionalProperties");
    const json_t *b_others = json_object_get(from, "additionalProperties");
    json_t *all = json_object();
    add_members(all, a, b, b_others);
    add_members(all, b, a, a_others);
    if (json_is_false(a_others) || json_is_false(b_others))
        json_object_set_new(into, "additionalProperties", json_false());
    else if (json_is_object(a_others) && json_is_object(b_others))
        json_object_set_new(into, "additionalProperties",
                            grammar_members_plain_both(a_others, b_others));
    else if (json_is_object(b_others) || (b_others && !a_others))
        json_object_set(into, "additionalProperties", (json_t *)(uintptr_t)b_others);
    if (a || b)
        json_object_set(into, "properties", all);
    json_decref(all);
}

/* ---------------------------------------------------------------- one into the other */

static void add_left_over(json_t *into, const char *keyword, const json_t *value)
{
    json_t *list = json_object_get(into, "allOf");
    if (!list) {
        list = json_array();
        json_object_set_new(into, "allOf", list);
    }
    json_array_append_new(list, json_pack("{s:o}", keyword, own(value)));
}

/* Two lists of alternatives: each of the first with those of the second. */
static void join_choices(json_t *into, const char *keyword, const json_t *value)
{
    CLEANUP(json_decrefp) json_t *second = json_pack("{s:o}", keyword, own(value));
    const json_t *first = json_object_get(into, keyword);
    json_t *all = json_array();
    for (size_t i = 0; i < json_array_size(first); i++)
        json_array_append_new(all, grammar_members_plain_both(json_array_get(first, i), second));
    json_object_set_new(into, keyword, all);
}

static void join_keyword(json_t *into, const char *keyword, const json_t *value)
{
    json_t *known = json_object_get(into, keyword);
    if (!known) {
        json_object_set(into, keyword, (json_t *)(uintptr_t)value);
        return;
    }
    if (is_same(known, value))
        return;
    if (strcmp(keyword, "type") == 0)
        cut_types(into, value);
    else if (strcmp(keyword, "enum") == 0)
        cut_values(into, value);
    else if (strcmp(keyword, "required") == 0 && json_is_array(known)) {
        json_t *both = json_copy(known);
        json_array_extend(both, (json_t *)(uintptr_t)value);
        json_object_set_new(into, keyword, both);
    } else if (strcmp(keyword, "items") == 0)
        json_object_set_new(into, keyword, grammar_members_plain_both(known, value));
    else if (strcmp(keyword, "anyOf") == 0 || strcmp(keyword, "oneOf") == 0)
        join_choices(into, keyword, value);
    else if (!keep_bound(into, keyword, value))
        add_left_over(into, keyword, value);
}

static bool is_annotation(const char *keyword)
{
    static const char *const words[] = {"title",    "description", "default", "examples",
                                        "$comment", "deprecated",  "$defs",   "definitions"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(keyword, words[i]) == 0)
            return true;
    }
    return false;
}

/* Everything that `from` says itself. */
static void join(json_t *into, const json_t *from)
{
    static const char *const elsewhere[] = {
        "$ref", "allOf", "properties", "additionalProperties", "const", "nullable"};
    const char *keyword = NULL;
    json_t *value = NULL;
    join_members(into, from);
    json_object_foreach((json_t *)(uintptr_t)from, keyword, value)
    {
        bool is_done = is_annotation(keyword);
        for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
            is_done |= strcmp(keyword, elsewhere[i]) == 0;
        if (strcmp(keyword, "type") == 0 && json_is_true(json_object_get(from, "nullable"))) {
            CLEANUP(json_decrefp) json_t *list = as_list(value);
            CLEANUP(json_decrefp) json_t *types = json_copy(list);
            json_array_append_new(types, json_string("null"));
            join_keyword(into, keyword, types);
        } else if (!is_done) {
            join_keyword(into, keyword, value);
        }
    }
    const json_t *constant = json_object_get(from, "const");
    if (constant) {
        CLEANUP(json_decrefp) json_t *list = json_pack("[o]", own(constant));
        join_keyword(into, "enum", list);
    }
}

struct plain {
    const json_t *root;
    uint32_t *steps;
    json_t *into;
    struct error *err;
};

static enum status add(const struct plain *in, const json_t *schema, int depth)
{
    if (depth > DEPTH_MAX || ++*in->steps > GRAMMAR_MEMBERS_PLAIN_STEPS_MAX)
        return error_set(
            in->err, E_LIMIT,
            "references or allOf lead too far or back to themselves (limits %d and %d)", DEPTH_MAX,
            GRAMMAR_MEMBERS_PLAIN_STEPS_MAX);
    if (!schema || json_is_true(schema))
        return OK;
    if (json_is_false(schema))
        return error_set(in->err, E_UNSUPPORTED, "a schema is false: it allows no value");
    if (!json_is_object(schema))
        return error_set(in->err, E_INVALID, "a schema is no object");
    join(in->into, schema);
    const json_t *reference = json_object_get(schema, "$ref");
    const json_t *target = NULL;
    if (reference &&
        json_pointer_find(in->root, json_str(reference), &target) == JSON_POINTER_FOUND)
        TRY(add(in, target, depth + 1)); /* otherwise the caller was told */
    const json_t *all = json_object_get(schema, "allOf");
    for (size_t i = 0; i < json_array_size(all); i++)
        TRY(add(in, json_array_get(all, i), depth + 1));
    return OK;
}

enum status grammar_members_plain(const json_t *root, const json_t *schema, uint32_t *steps,
                                  json_t **out, struct error *err)
{
    CLEANUP(json_decrefp) json_t *into = json_object();
    const struct plain in = {root, steps, into, err};
    TRY(add(&in, schema, 0));
    *out = own(into);
    return OK;
}
