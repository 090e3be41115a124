/*
 * grammar_members_elements - values between tags of their own names, one inside the other.
 *
 * What a value is written as, its reader must be able to tell from the schema and from how it
 * begins. So of several alternatives at most one may be an object or list; a value for which that
 * does not hold, or whose schema says more of an object or list than its members, is JSON.
 */
#include "infer/grammar_members_elements.h"

#include "base/strbuf.h"
#include "infer/grammar_members_plain.h"
#include "infer/grammar_members_value.h"
#include "text/json.h"
#include "text/tool_schema.h"

static const char item_name[] = "item"; /* the tag of what is in a list */

struct builder {
    struct grammar_members_value *in;
    struct str name; /* of the tag around the value */
    int depth;
    struct error *err;
};

static uint32_t literal(const struct builder *b, struct str text)
{
    return b->in->form->text(b->in->form->context, b->in->grammar, text);
}

/* The closing tag. */
static uint32_t add_close(const struct builder *b)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_str(&text, b->in->form->value_close);
    strbuf_add_str(&text, b->name);
    strbuf_add_str(&text, b->in->form->key_close);
    return literal(b, strbuf_view(&text));
}

static uint32_t behind(const struct builder *b, uint32_t value, uint32_t then)
{
    return grammar_add_sequence(b->in->grammar, (const uint32_t[]){value, then}, 2);
}

static enum status add_json(const struct builder *b, const json_t *schema, uint32_t *out)
{
    uint32_t value = 0;
    TRY(grammar_members_value_json(b->in, schema, &value, b->err));
    *out = behind(b, value, add_close(b));
    return OK;
}

/* ---------------------------------------------------------------- objects and lists */

enum holder { HOLDS_NOTHING, HOLDS_JSON, HOLDS_MEMBERS, HOLDS_ITEMS };

/* Does the schema say only what elements can be held to? */
static bool says_only(const json_t *plain, const char *const *known, size_t count)
{
    const char *keyword = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)plain, keyword, value)
    {
        bool is_known = grammar_members_is_annotation(keyword, value);
        for (size_t i = 0; i < count; i++)
            is_known |= strcmp(keyword, known[i]) == 0;
        if (!is_known)
            return false;
    }
    return true;
}

/* Is every value that the schema lists neither object nor list? False: it lists none. */
static bool lists_plain_values(const json_t *plain)
{
    const json_t *values = json_object_get(plain, "enum");
    const json_t *one = json_object_get(plain, "const");
    bool is_plain = one ? !json_is_object(one) && !json_is_array(one) : json_array_size(values) > 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        is_plain &= !json_is_object(value) && !json_is_array(value);
    }
    return is_plain;
}

/* What a value of one type, without references and alternatives, is. */
static enum holder holder_of(const struct builder *b, const json_t *plain)
{
    static const char *const of_object[] = {"type", "properties", "required",
                                            "additionalProperties"};
    static const char *const of_list[] = {"type", "items", "minItems", "maxItems"};
    const char *type = json_string_value(json_object_get(plain, "type"));
    const json_t *items = json_object_get(plain, "items");
    const bool is_object = type && strcmp(type, "object") == 0;
    if (!is_object && (!type || strcmp(type, "array") != 0))
        return type || lists_plain_values(plain) ? HOLDS_NOTHING : HOLDS_JSON;
    if (b->depth >= GRAMMAR_MEMBERS_DEPTH_MAX)
        return HOLDS_JSON;
    if (is_object)
        return says_only(plain, of_object, ARRAY_LEN(of_object)) &&
                       grammar_members_can_write(plain, b->in->form)
                   ? HOLDS_MEMBERS
                   : HOLDS_JSON;
    const json_int_t least = json_integer_value(json_object_get(plain, "minItems"));
    const bool has_kind = json_is_object(items) && json_object_size(items) > 0;
    return has_kind && least <= GRAMMAR_MEMBERS_LEAST_MAX &&
                   says_only(plain, of_list, ARRAY_LEN(of_list))
               ? HOLDS_ITEMS
               : HOLDS_JSON;
}

/* So many items, then the closing tag. */
static enum status add_items(const struct builder *b, const json_t *plain, uint32_t *out)
{
    struct grammar *grammar = b->in->grammar;
    const struct grammar_members_form *form = b->in->form;
    CLEANUP(strbuf_done) struct strbuf open = {0};
    uint32_t item = 0;
    uint32_t least = 0;
    uint32_t most = 0;
    grammar_members_value_counts(b->in, plain, &least, &most);
    if (least > most)
        return error_set(b->err, E_INVALID, "minItems is more than maxItems");
    const uint32_t close = add_close(b);
    if (most == 0) {
        *out = close;
        return OK;
    }
    strbuf_add_str(&open, form->key_open);
    strbuf_add_c(&open, item_name);
    strbuf_add_str(&open, form->key_close);
    TRY(grammar_members_elements_add(b->in, json_object_get(plain, "items"), str_from_c(item_name),
                                     b->depth + 1, &item, b->err));
    item = behind(b, literal(b, strbuf_view(&open)), item);
    uint32_t parts[GRAMMAR_MEMBERS_LEAST_MAX + 2];
    uint32_t count = 0;
    for (uint32_t i = 1; i < least; i++)
        parts[count++] = item;
    parts[count] = grammar_add_repeat(grammar, item, item, most - count);
    parts[count + 1] = close;
    *out = grammar_add_sequence(grammar, parts, count + 2);
    if (least == 0)
        *out = grammar_add_choice(grammar, (const uint32_t[]){*out, close}, 2);
    return OK;
}

static enum status add_one(const struct builder *b, const json_t *schema, const json_t *plain,
                           uint32_t *out)
{
    switch (holder_of(b, plain)) {
    case HOLDS_MEMBERS:
        return grammar_members_add_inside(b->in, plain, b->depth + 1, add_close(b), out, b->err);
    case HOLDS_ITEMS: return add_items(b, plain, out);
    case HOLDS_NOTHING:
    case HOLDS_JSON: break;
    }
    return add_json(b, schema, out);
}

/* ---------------------------------------------------------------- alternatives */

/* The alternatives of `plain`, each with what is said beside them; NULL: there are none. */
static json_t *alternatives_of(const json_t *plain)
{
    const char *keyword = NULL;
    const json_t *choice = grammar_members_value_choice(plain, &keyword);
    const json_t *types = json_object_get(plain, "type");
    CLEANUP(json_decrefp) json_t *of_types = NULL;
    if (!choice && json_is_array(types)) {
        of_types = json_array();
        for (size_t i = 0; i < json_array_size(types); i++)
            json_array_append_new(of_types, json_pack("{s:O}", "type", json_array_get(types, i)));
        choice = of_types;
        keyword = "type";
    }
    if (!choice)
        return NULL;
    json_t *all = json_array();
    for (size_t i = 0; i < json_array_size(choice); i++)
        json_array_append_new(
            all, grammar_members_value_with_rest(plain, keyword, json_array_get(choice, i)));
    return all;
}

/* Alternatives of which at most one may be an object or list. *out GRAMMAR_NONE: they are not. */
static enum status add_alternatives(const struct builder *b, const json_t *all, uint32_t *out)
{
    uint32_t rules[GRAMMAR_CHOICES_MAX];
    const size_t count = json_array_size(all);
    size_t holders = 0;
    *out = GRAMMAR_NONE;
    if (count == 0 || count > GRAMMAR_CHOICES_MAX)
        return error_set(b->err, E_LIMIT, "%zu alternatives (limits 1 and %d)", count,
                         GRAMMAR_CHOICES_MAX);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(json_decrefp) json_t *plain = NULL;
        const json_t *one = json_array_get(all, i);
        TRY(grammar_members_plain(b->in->root, one, &b->in->plain_steps, &plain, b->err));
        holders += holder_of(b, plain) != HOLDS_NOTHING;
        if (holders > 1)
            return OK;
        TRY(add_one(b, one, plain, &rules[i]));
    }
    *out = grammar_add_choice(b->in->grammar, rules, (uint32_t)count);
    return OK;
}

static enum status build(const struct builder *b, const json_t *schema, uint32_t *out)
{
    CLEANUP(json_decrefp) json_t *plain = NULL;
    if (++b->in->count > GRAMMAR_MEMBERS_VALUES_MAX)
        return error_set(b->err, E_LIMIT, "too many values (limit %d)", GRAMMAR_MEMBERS_VALUES_MAX);
    if (tool_schema_is_text(b->in->root, schema)) {
        uint32_t text = 0;
        TRY(grammar_members_value_text(b->in, schema, &text, b->err));
        *out = behind(b, text, add_close(b));
        return OK;
    }
    TRY(grammar_members_plain(b->in->root, schema, &b->in->plain_steps, &plain, b->err));
    CLEANUP(json_decrefp) json_t *all = alternatives_of(plain);
    if (!all)
        return add_one(b, schema, plain, out);
    TRY(add_alternatives(b, all, out));
    return *out == GRAMMAR_NONE ? add_json(b, schema, out) : OK;
}

enum status grammar_members_elements_add(struct grammar_members_value *in, const json_t *schema,
                                         struct str name, int depth, uint32_t *out_rule,
                                         struct error *err)
{
    const struct builder b = {in, name, depth, err};
    CLEANUP(strbuf_done) struct strbuf key = {.size_max = JSON_SIZE_MAX};
    uint64_t known = 0;
    uint32_t built = 0;
    strbuf_add_str(&key, name);
    strbuf_add_char(&key, '\n');
    json_write_python(schema, &key);
    if (key.overflowed)
        return error_set(err, E_LIMIT, "a schema is too large (limit %d bytes)", JSON_SIZE_MAX);
    if (hash_map_find(&in->rules, strbuf_view(&key), &known)) {
        *out_rule = (uint32_t)known;
        return OK;
    }
    const uint32_t rule = grammar_reserve(in->grammar);
    hash_map_add(&in->rules, arena_copy_str(&in->arena, strbuf_view(&key)), rule);
    TRY(build(&b, schema, &built));
    grammar_fill(in->grammar, rule, grammar_add_choice(in->grammar, &built, 1));
    *out_rule = rule;
    return OK;
}
