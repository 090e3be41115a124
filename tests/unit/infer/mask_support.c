/* mask_support - see mask_support.h. */
#include "tests/unit/infer/mask_support.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "infer/grammar_rest.h"
#include "infer/grammar_schema.h"
#include "tests/holt_test.h"
#include "text/json.h"

#include <math.h>

/* ---------------------------------------------------------------- automatons */

json_t *mask_support_json(const char *text)
{
    json_t *value = NULL;
    assert_ok(json_parse(str_from_c(text), NULL, &value, err));
    return value;
}

struct grammar *mask_support_grammar(const json_t *schema, uint32_t *out_rule)
{
    struct grammar *grammar = grammar_new();
    assert_ok(grammar_schema_add(grammar, schema, NULL, out_rule, err));
    assert_ok(grammar_finish(grammar, 0, err));
    return grammar;
}

bool mask_support_accepts(const struct grammar *grammar, uint32_t rule, struct str text)
{
    if (grammar->rules[rule].shortest == GRAMMAR_ENDLESS)
        return false;
    CLEANUP(grammar_state_done) struct grammar_state state = {0};
    grammar_state_start(&state, grammar, NULL, rule, 0);
    for (size_t i = 0; i < text.len; i++) {
        struct grammar_layer next;
        if (!grammar_state_step(&state, &state.base, (unsigned char)text.ptr[i], &next))
            return false;
        grammar_state_commit(&state, &next);
    }
    return grammar_state_is_complete(&state, &state.base);
}

void mask_support_follow_rest(struct grammar_state *state)
{
    CLEANUP(grammar_state_done) struct grammar_state copy = {0};
    CLEANUP(grammar_rest_text_done) struct grammar_rest_text rest = {0};
    CLEANUP(grammar_rest_text_done) struct grammar_rest_text again = {0};
    CLEANUP(grammar_rest_text_done) struct grammar_rest_text scratch = {0};
    grammar_state_copy(&copy, state);
    assert_true(grammar_rest_write(&copy, &copy.base, &scratch, &rest));
    for (uint32_t i = 0; i < rest.count; i++) {
        assert_int_equal(grammar_rest_layer(&copy, &copy.base, &scratch), rest.count - i);
        assert_true(grammar_rest_write(&copy, &copy.base, &scratch, &again));
        assert_int_equal(again.count, rest.count - i);
        assert_memory_equal(again.symbols, rest.symbols + i, again.count * sizeof(uint32_t));
        struct grammar_layer next;
        const uint32_t symbol = rest.symbols[i];
        if (symbol < GRAMMAR_REST_SPECIAL)
            assert_true(grammar_state_step(&copy, &copy.base, (unsigned char)symbol, &next));
        else
            assert_true(grammar_state_step_special(
                &copy, &copy.base, (int32_t)(symbol - GRAMMAR_REST_SPECIAL), &next));
        grammar_state_commit(&copy, &next);
    }
    assert_true(grammar_state_is_complete(&copy, &copy.base));
}

/* ---------------------------------------------------------------- the validator */

static const json_t *follow(const json_t *root, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (!strcmp(ref, "#"))
        return root;
    const char *name = ref + strlen("#/$defs/");
    return json_object_get(json_object_get(root, "$defs"), name);
}

static bool has_type(const json_t *value, const char *type)
{
    if (!strcmp(type, "number"))
        return json_is_number(value);
    if (!strcmp(type, "boolean"))
        return json_is_boolean(value);
    static const struct {
        const char *name;
        json_type type;
    } rows[] = {{"null", JSON_NULL},
                {"string", JSON_STRING},
                {"integer", JSON_INTEGER},
                {"object", JSON_OBJECT},
                {"array", JSON_ARRAY}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!strcmp(type, rows[i].name))
            return json_typeof(value) == rows[i].type;
    }
    fail_msg("type %s", type);
    return false;
}

static bool type_fits(const json_t *type, const json_t *value)
{
    if (json_is_string(type))
        return has_type(value, json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++) {
        if (has_type(value, json_string_value(json_array_get(type, i))))
            return true;
    }
    return type == NULL;
}

static bool list_fits(const json_t *schema, const json_t *value)
{
    const json_t *fixed = json_object_get(schema, "const");
    if (fixed && !json_equal(fixed, value))
        return false;
    const json_t *list = json_object_get(schema, "enum");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value))
            return true;
    }
    return list == NULL;
}

static bool number_fits(const json_t *schema, const json_t *value)
{
    const double number = json_number_value(value);
    const json_t *bound = NULL;
    if ((bound = json_object_get(schema, "minimum")) && number < json_number_value(bound))
        return false;
    if ((bound = json_object_get(schema, "maximum")) && number > json_number_value(bound))
        return false;
    if ((bound = json_object_get(schema, "exclusiveMinimum")) && number <= json_number_value(bound))
        return false;
    if ((bound = json_object_get(schema, "exclusiveMaximum")) && number >= json_number_value(bound))
        return false;
    if ((bound = json_object_get(schema, "multipleOf")))
        return remainder(number, json_number_value(bound)) == 0;
    return true;
}

static bool count_fits(const json_t *schema, const char *least, const char *most, size_t count)
{
    const json_t *min = json_object_get(schema, least);
    const json_t *max = json_object_get(schema, most);
    return (!min || count >= (size_t)json_integer_value(min)) &&
           (!max || count <= (size_t)json_integer_value(max));
}

static size_t characters(const json_t *string)
{
    size_t count = 0;
    for (const char *c = json_string_value(string); *c; c++)
        count += ((unsigned char)*c & 0xc0) != 0x80;
    return count;
}

/* The patterns that random schemas have, as plain questions. */
static bool pattern_fits(const json_t *schema, const char *text)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    if (!pattern)
        return true;
    if (!strcmp(pattern, "^[ab]*$"))
        return strspn(text, "ab") == strlen(text);
    if (!strcmp(pattern, "a"))
        return strchr(text, 'a') != NULL;
    assert_string_equal(pattern, "^[^\\\\{]+$");
    return text[0] && !strpbrk(text, "\\{");
}

static bool is_valid(const json_t *root, const json_t *schema, const json_t *value, bool in_order);

static bool array_fits(const json_t *root, const json_t *schema, const json_t *value)
{
    const json_t *prefix = json_object_get(schema, "prefixItems");
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *own = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (own && !is_valid(root, own, json_array_get(value, i), true))
            return false;
    }
    return count_fits(schema, "minItems", "maxItems", json_array_size(value));
}

/* Where `key` stands among the properties; behind all of them if it is none. */
static size_t place_of(const json_t *schema, const char *key)
{
    size_t place = 0;
    const char *name = NULL;
    json_t *member = NULL;
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        if (!strcmp(name, key))
            break;
        place++;
    }
    return place;
}

static bool object_fits(const json_t *root, const json_t *schema, const json_t *value,
                        bool in_order)
{
    const json_t *members = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key = NULL;
    json_t *member = NULL;
    size_t last = 0;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const json_t *own = json_object_get(members, key) ? json_object_get(members, key) : others;
        if (own && !is_valid(root, own, member, true))
            return false;
        const size_t place = place_of(schema, key);
        if (in_order && place < last)
            return false;
        last = place;
    }
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return false;
    }
    return true;
}

static size_t valid_branches(const json_t *root, const json_t *list, const json_t *value,
                             bool first_in_order, bool others_in_order)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        count += is_valid(root, json_array_get(list, i), value,
                          i == 0 ? first_in_order : others_in_order);
    return count;
}

static bool is_valid(const json_t *root, const json_t *schema, const json_t *value, bool in_order)
{
    if (json_is_boolean(schema))
        return json_is_true(schema);
    const json_t *part = NULL;
    if (json_object_get(schema, "$ref") && !is_valid(root, follow(root, schema), value, in_order))
        return false;
    if ((part = json_object_get(schema, "allOf")) &&
        valid_branches(root, part, value, in_order, false) != json_array_size(part))
        return false;
    if ((part = json_object_get(schema, "anyOf")) &&
        valid_branches(root, part, value, in_order, in_order) == 0)
        return false;
    if ((part = json_object_get(schema, "oneOf")) &&
        valid_branches(root, part, value, in_order, in_order) != 1)
        return false;
    if (!type_fits(json_object_get(schema, "type"), value) || !list_fits(schema, value))
        return false;
    if (json_is_number(value))
        return number_fits(schema, value);
    if (json_is_string(value))
        return count_fits(schema, "minLength", "maxLength", characters(value)) &&
               pattern_fits(schema, json_string_value(value));
    if (json_is_array(value))
        return array_fits(root, schema, value);
    return !json_is_object(value) || object_fits(root, schema, value, in_order);
}

bool mask_support_is_valid(const json_t *root, const json_t *schema, const json_t *value)
{
    return is_valid(root, schema, value, true);
}

/* ---------------------------------------------------------------- random things */

uint32_t mask_support_below(struct mask_support_random *random, uint32_t limit)
{
    random->state += 0x9E3779B97F4A7C15u;
    uint64_t z = random->state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}

static bool one_in(struct mask_support_random *random, uint32_t n)
{
    return mask_support_below(random, n) == 0;
}

static json_t *random_string(struct mask_support_random *random)
{
    static const char *const pieces[] = {"a",  "b",      "Z",          "0",  " ",    "\"", "\\",
                                         "\n", "\u00e9", "\U0001F600", "{",  "\x01", "/",  "\x7f",
                                         "\t", "\u20ac", "_",          "\b", "\x1f", "ab"};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    for (uint32_t left = mask_support_below(random, 6); left > 0; left--)
        strbuf_add_c(&text, pieces[mask_support_below(random, ARRAY_LEN(pieces))]);
    return json_stringn(strbuf_c(&text), text.len);
}

static json_t *random_integer(struct mask_support_random *random)
{
    static const json_int_t rows[] = {0,   1,    -1,   9,    10,       99,      100,
                                      -10, -100, 1000, -999, 12345678, 1000000, -5};
    return json_integer(rows[mask_support_below(random, ARRAY_LEN(rows))] +
                        mask_support_below(random, 3));
}

static json_t *random_real(struct mask_support_random *random)
{
    static const double rows[] = {0.5,    -0.5,   1.25,   99.75, -12.125,
                                  1000.5, 0.0625, 0.0001, 0.001, 3.375};
    return json_real(rows[mask_support_below(random, ARRAY_LEN(rows))]);
}

static json_t *random_value(struct mask_support_random *random, int depth)
{
    switch (mask_support_below(random, depth > 0 ? 8 : 6)) {
    case 0: return json_null();
    case 1: return json_boolean(one_in(random, 2));
    case 2: return random_real(random);
    case 3: return random_string(random);
    case 6: {
        json_t *array = json_array();
        for (uint32_t left = mask_support_below(random, 3); left > 0; left--)
            json_array_append_new(array, random_value(random, depth - 1));
        return array;
    }
    case 7: {
        json_t *object = json_object();
        for (uint32_t left = mask_support_below(random, 3); left > 0; left--) {
            /* never the name of a property, which might then stand in the wrong place */
            CLEANUP(json_decrefp) json_t *key = random_string(random);
            CLEANUP(strbuf_done) struct strbuf name = {0};
            strbuf_addf(&name, "k%s", json_string_value(key));
            json_object_set_new(object, strbuf_c(&name), random_value(random, depth - 1));
        }
        return object;
    }
    default: return random_integer(random);
    }
}

/* ---------------------------------------------------------------- random schemas */

static json_t *random_schema(struct mask_support_random *random, int depth);

static const char *const names[] = {"a", "ab", "abc", "path", "x\"y", "\u00e9", "b", "line count"};

static json_t *string_schema(struct mask_support_random *random)
{
    json_t *schema = json_pack("{ss}", "type", "string");
    if (one_in(random, 2))
        json_object_set_new(schema, "minLength", json_integer(mask_support_below(random, 3)));
    if (one_in(random, 2))
        json_object_set_new(schema, "maxLength", json_integer(1 + mask_support_below(random, 4)));
    static const char *const patterns[] = {"^[ab]*$", "a", "^[^\\\\{]+$"};
    if (one_in(random, 3))
        json_object_set_new(schema, "pattern",
                            json_string(patterns[mask_support_below(random, 3)]));
    return schema;
}

static json_t *number_schema(struct mask_support_random *random)
{
    static const char *const keywords[][2] = {{"minimum", "maximum"},
                                              {"exclusiveMinimum", "exclusiveMaximum"}};
    const bool is_integer = one_in(random, 2);
    json_t *schema = json_pack("{ss}", "type", is_integer ? "integer" : "number");
    const char *const *pair = keywords[mask_support_below(random, 2)];
    if (one_in(random, 2))
        json_object_set_new(schema, pair[0],
                            json_integer((json_int_t)mask_support_below(random, 40) - 30));
    if (one_in(random, 2))
        json_object_set_new(schema, pair[1],
                            one_in(random, 2) ? json_real(mask_support_below(random, 2000) / 8.0)
                                              : json_integer(mask_support_below(random, 200)));
    if (one_in(random, 4))
        json_object_set_new(schema, "multipleOf",
                            is_integer || one_in(random, 2)
                                ? json_integer(1 + mask_support_below(random, 12))
                                : json_real(0.125 * (1 + mask_support_below(random, 9))));
    return schema;
}

static json_t *array_schema(struct mask_support_random *random, int depth)
{
    json_t *schema = json_pack("{ss}", "type", "array");
    if (one_in(random, 3)) {
        json_t *prefix = json_array();
        for (uint32_t left = 1 + mask_support_below(random, 2); left > 0; left--)
            json_array_append_new(prefix, random_schema(random, depth - 1));
        json_object_set_new(schema, "prefixItems", prefix);
    }
    if (!one_in(random, 3))
        json_object_set_new(schema, "items", random_schema(random, depth - 1));
    if (one_in(random, 2))
        json_object_set_new(schema, "minItems", json_integer(mask_support_below(random, 3)));
    if (one_in(random, 2))
        json_object_set_new(schema, "maxItems", json_integer(mask_support_below(random, 4)));
    return schema;
}

static json_t *object_schema(struct mask_support_random *random, int depth)
{
    json_t *schema = json_pack("{ss}", "type", "object");
    json_t *members = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!one_in(random, 3))
            continue;
        json_object_set_new(members, names[i], random_schema(random, depth - 1));
        if (one_in(random, 2))
            json_array_append_new(required, json_string(names[i]));
    }
    json_object_set_new(schema, "properties", members);
    json_object_set_new(schema, "required", required);
    const uint32_t others = mask_support_below(random, 4);
    json_object_set_new(schema, "additionalProperties",
                        others == 0   ? json_true()
                        : others == 1 ? random_schema(random, depth - 1)
                                      : json_false());
    return schema;
}

static json_t *list_schema(struct mask_support_random *random)
{
    if (one_in(random, 3))
        return json_pack("{so}", "const", random_value(random, 2));
    json_t *list = json_array();
    for (uint32_t left = 1 + mask_support_below(random, 4); left > 0; left--)
        json_array_append_new(list, random_value(random, 1));
    return json_pack("{so}", "enum", list);
}

static json_t *choice_schema(struct mask_support_random *random, int depth)
{
    if (one_in(random, 3))
        return json_pack("{s[oo]}", "oneOf", string_schema(random), number_schema(random));
    json_t *list = json_array();
    for (uint32_t left = 1 + mask_support_below(random, 3); left > 0; left--)
        json_array_append_new(list, random_schema(random, depth - 1));
    return json_pack("{so}", "anyOf", list);
}

/* Two schemas for one value. The second object names only what the first does, since members are
 * written in the order in which they are first named. */
static json_t *both_schema(struct mask_support_random *random, int depth)
{
    if (one_in(random, 3))
        return json_pack("{s[oo]}", "allOf", number_schema(random), number_schema(random));
    if (one_in(random, 2))
        return json_pack("{s[oo]}", "allOf", string_schema(random), random_schema(random, 0));
    json_t *first = object_schema(random, depth - 1);
    json_t *members = json_object();
    json_t *required = json_array();
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(json_object_get(first, "properties"), key, member)
    {
        if (one_in(random, 2))
            json_object_set_new(members, key,
                                one_in(random, 2) ? json_true() : random_schema(random, 0));
        if (one_in(random, 3))
            json_array_append_new(required, json_string(key));
    }
    json_t *second = json_pack("{sososo}", "properties", members, "required", required,
                               "additionalProperties", json_boolean(!one_in(random, 3)));
    return json_pack("{s[oo]}", "allOf", first, second);
}

static json_t *random_schema(struct mask_support_random *random, int depth)
{
    switch (mask_support_below(random, depth > 0 ? 12 : 6)) {
    case 0: return json_pack("{s[ss]}", "type", "null", "boolean");
    case 1: return list_schema(random);
    case 2:
    case 3: return string_schema(random);
    case 4:
    case 5: return number_schema(random);
    case 6: return array_schema(random, depth);
    case 7: return choice_schema(random, depth);
    case 8: return json_pack("{ss}", "$ref", one_in(random, 2) ? "#/$defs/one" : "#/$defs/two");
    case 9: return both_schema(random, depth);
    default: return object_schema(random, depth);
    }
}

json_t *mask_support_schema(struct mask_support_random *random)
{
    json_t *root = object_schema(random, 3);
    json_t *two = json_pack("{s[oo]}", "anyOf", random_schema(random, 0), json_object());
    json_object_set_new(json_array_get(json_object_get(two, "anyOf"), 1), "$ref",
                        json_string("#/$defs/one"));
    json_t *one = object_schema(random, 1); /* may lead to itself again */
    json_object_set_new(root, "$defs", json_pack("{soso}", "one", one, "two", two));
    return root;
}

json_t *mask_support_oneof(struct mask_support_random *random)
{
    json_t *list = json_array();
    for (uint32_t left = 2 + mask_support_below(random, 2); left > 0; left--) {
        json_t *branch = one_in(random, 2) ? object_schema(random, 1) : random_schema(random, 0);
        json_t *members = json_object_get(branch, "properties");
        if (members && one_in(random, 2)) { /* what such schemas mostly have */
            json_object_set_new(members, "a", json_pack("{so}", "const", random_integer(random)));
            json_array_append_new(json_object_get(branch, "required"), json_string("a"));
        }
        json_array_append_new(list, branch);
    }
    return json_pack("{so}", "oneOf", list);
}

/* ---------------------------------------------------------------- values for schemas */

static json_t *member_values(struct mask_support_random *random, const json_t *root,
                             const json_t *schema, int depth)
{
    json_t *object = json_object();
    const char *key = NULL;
    json_t *member = NULL;
    json_t *members = json_object_get(schema, "properties");
    json_object_foreach(members, key, member)
    {
        bool is_required = false;
        const json_t *required = json_object_get(schema, "required");
        for (size_t i = 0; i < json_array_size(required); i++)
            is_required |= !strcmp(json_string_value(json_array_get(required, i)), key);
        if (is_required || one_in(random, 2))
            json_object_set_new(object, key, mask_support_value(random, root, member, depth - 1));
    }
    const json_t *others = json_object_get(schema, "additionalProperties");
    if (one_in(random, 2) && others) {
        CLEANUP(json_decrefp) json_t *name = random_string(random);
        if (!json_object_get(members, json_string_value(name)))
            json_object_set_new(object, json_string_value(name),
                                mask_support_value(random, root, others, depth - 1));
    }
    return object;
}

static json_t *item_values(struct mask_support_random *random, const json_t *root,
                           const json_t *schema, int depth)
{
    json_t *array = json_array();
    const json_t *prefix = json_object_get(schema, "prefixItems");
    const json_t *items = json_object_get(schema, "items");
    const size_t least = (size_t)json_integer_value(json_object_get(schema, "minItems"));
    const size_t count = least + mask_support_below(random, 2);
    for (size_t i = 0; i < count; i++) {
        const json_t *own = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        json_array_append_new(array, own ? mask_support_value(random, root, own, depth - 1)
                                         : random_value(random, 1));
    }
    return array;
}

static json_t *value_of_type(struct mask_support_random *random, const json_t *root,
                             const json_t *schema, const char *type, int depth)
{
    if (!strcmp(type, "object"))
        return member_values(random, root, schema, depth);
    if (!strcmp(type, "array"))
        return item_values(random, root, schema, depth);
    if (!strcmp(type, "string"))
        return random_string(random);
    if (!strcmp(type, "boolean"))
        return json_boolean(one_in(random, 2));
    if (!strcmp(type, "null"))
        return json_null();
    if (!strcmp(type, "number") && one_in(random, 2))
        return json_real((mask_support_below(random, 4000) - 800.0) / 8.0 + 0.0625);
    return json_integer((json_int_t)mask_support_below(random, 260) - 40);
}

json_t *mask_support_value(struct mask_support_random *random, const json_t *root,
                           const json_t *schema, int depth)
{
    if (depth < 0 || !json_is_object(schema))
        return random_value(random, 0);
    if (json_object_get(schema, "$ref"))
        return mask_support_value(random, root, follow(root, schema), depth - 1);
    static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(schema, lists[i]);
        const uint32_t count = (uint32_t)json_array_size(list);
        if (count)
            return mask_support_value(
                random, root, json_array_get(list, mask_support_below(random, count)), depth);
    }
    json_t *fixed = json_object_get(schema, "const");
    if (fixed)
        return json_deep_copy(fixed);
    const json_t *list = json_object_get(schema, "enum");
    if (list)
        return json_deep_copy(
            json_array_get(list, mask_support_below(random, (uint32_t)json_array_size(list))));
    const json_t *type = json_object_get(schema, "type");
    if (json_is_array(type))
        type = json_array_get(type, mask_support_below(random, (uint32_t)json_array_size(type)));
    if (!type)
        return random_value(random, 1);
    return value_of_type(random, root, schema, json_string_value(type), depth);
}

json_t *mask_support_spoiled(struct mask_support_random *random, const json_t *value, int depth)
{
    const uint32_t count = (uint32_t)(json_is_object(value)  ? json_object_size(value)
                                      : json_is_array(value) ? json_array_size(value)
                                                             : 0);
    if (count == 0 || depth == 0 || one_in(random, 4))
        return random_value(random, 1);
    const uint32_t chosen = mask_support_below(random, count);
    const bool drops = one_in(random, 3);
    if (json_is_array(value)) {
        json_t *array = json_copy((json_t *)(uintptr_t)value);
        if (drops)
            json_array_remove(array, chosen);
        else
            json_array_set_new(
                array, chosen,
                mask_support_spoiled(random, json_array_get(value, chosen), depth - 1));
        return array;
    }
    json_t *object = json_copy((json_t *)(uintptr_t)value);
    void *at = json_object_iter(object);
    for (uint32_t i = 0; i < chosen; i++)
        at = json_object_iter_next(object, at);
    if (drops)
        json_object_del(object, json_object_iter_key(at));
    else
        json_object_iter_set_new(
            object, at, mask_support_spoiled(random, json_object_iter_value(at), depth - 1));
    return object;
}
